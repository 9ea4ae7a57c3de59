# SPDX-License-Identifier: Apache-2.0
"""The texture bank: patterns and pictures, painted once, with all coarser levels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from depthsplat_ros.simulation import patterns, pictures
from depthsplat_ros.simulation.half_vectors import HalfVectors
from depthsplat_ros.simulation.noise import SIZE_PX, Pattern

LEVELS = SIZE_PX.bit_length()
"""512 px down to 1 px."""
TEXELS_PER_PATTERN = sum((SIZE_PX >> level) ** 2 for level in range(LEVELS))

PATTERNS: dict[str, Callable[[np.random.Generator], Pattern]] = {
    "plain": patterns.paint_plain,
    "plaster": patterns.paint_plaster,
    "concrete": patterns.paint_concrete,
    "checker": patterns.paint_checker,
    "tiles": patterns.paint_tiles,
    "bricks": patterns.paint_bricks,
    "wood": patterns.paint_wood,
    "wood_upright": patterns.paint_wood_upright,
    "planks": patterns.paint_planks,
    "carpet": patterns.paint_carpet,
    "fabric": patterns.paint_fabric,
    "stripes": patterns.paint_stripes,
    "wallpaper": patterns.paint_wallpaper,
    "speckle": patterns.paint_speckle,
    "marble": patterns.paint_marble,
    "brushed": patterns.paint_brushed,
    "ceiling": patterns.paint_ceiling,
    "rug": patterns.paint_rug,
    "leaf": patterns.paint_leaf,
    "cabinet": patterns.paint_cabinet,
    "door": patterns.paint_door,
}
PICTURES: dict[str, Callable[[np.random.Generator], Pattern]] = {
    "abstract_1": pictures.paint_abstract,
    "abstract_2": pictures.paint_abstract,
    "abstract_3": pictures.paint_abstract,
    "landscape_1": pictures.paint_landscape,
    "landscape_2": pictures.paint_landscape,
    "fields_1": pictures.paint_fields,
    "fields_2": pictures.paint_fields,
    "books_1": pictures.paint_books,
    "books_2": pictures.paint_books,
    "books_3": pictures.paint_books,
    "view_1": pictures.paint_view,
    "view_2": pictures.paint_view,
    "screen_1": pictures.paint_screen,
    "screen_2": pictures.paint_screen,
    "notices_1": pictures.paint_notices,
    "notices_2": pictures.paint_notices,
    "carton_1": pictures.paint_carton,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextureBank:
    """All patterns with their levels, as one table.

    A pattern's channels say how far a texel goes from a palette's base to its other three colours;
    a picture's channels are linear red, green and blue.
    """

    names: tuple[str, ...]
    texels: HalfVectors
    """Pattern after pattern, each from its finest level to its coarsest, row by row."""
    means: Float[Tensor, "pattern 3"]

    def to(self, device: torch.device | str) -> "TextureBank":
        """The bank on another device."""
        return TextureBank(
            names=self.names, texels=self.texels.to(device), means=self.means.to(device)
        )

    def sample(
        self,
        pattern: Tensor,
        u: Float[Tensor, " sample"],
        v: Float[Tensor, " sample"],
        footprint: Float[Tensor, " sample"],
    ) -> Float[Tensor, "sample 4"]:
        """Channels at the coordinates (in repetitions), averaged over a footprint (likewise).

        Interpolates within and between the two levels that bracket the footprint.
        """
        level = (footprint * SIZE_PX).clamp_(min=1e-6).log2_().clamp_(0, LEVELS - 1.001)
        finer = level.floor()
        share = (level - finer).unsqueeze(1)
        finer = finer.int()
        return torch.lerp(
            self._sample_level(pattern, u, v, finer),
            self._sample_level(pattern, u, v, finer + 1),
            share,
        )

    def _sample_level(
        self, pattern: Tensor, u: Tensor, v: Tensor, level: Tensor
    ) -> Float[Tensor, "sample 4"]:
        side = torch.bitwise_right_shift(torch.full_like(level, SIZE_PX), level)
        mask = side - 1
        # Texels before this level: 4/3 of SIZE_PX^2 minus 4/3 of side^2.
        base = pattern * TEXELS_PER_PATTERN + (4 * (SIZE_PX * SIZE_PX - side * side)) // 3
        x, y = u * side - 0.5, v * side - 0.5
        left, top = x.floor(), y.floor()
        share_x, share_y = (x - left).unsqueeze(1), (y - top).unsqueeze(1)
        left, top = left.int(), top.int()
        column, column_next = left & mask, (left + 1) & mask
        row, row_next = base + (top & mask) * side, base + ((top + 1) & mask) * side
        upper = torch.lerp(
            self.texels.fetch(row + column),
            self.texels.fetch(row + column_next),
            share_x,
        )
        lower = torch.lerp(
            self.texels.fetch(row_next + column),
            self.texels.fetch(row_next + column_next),
            share_x,
        )
        return torch.lerp(upper, lower, share_y)


def texture_bank(names: tuple[str, ...]) -> TextureBank:
    """A bank of the named patterns and pictures; painting one takes 0.1 s, at its first use.

    Raises:
        ValueError: if there is no pattern of some name.
    """
    for name in names:
        if name not in PATTERNS and name not in PICTURES:
            raise ValueError(f"no texture {name!r}; there are {', '.join(PATTERNS | PICTURES)}")
    rows = [_paint(name) for name in names]
    return TextureBank(
        names=names,
        texels=HalfVectors(rows=torch.cat([levels for levels, _ in rows])),
        means=torch.stack([mean for _, mean in rows]),
    )


@cache
def _paint(name: str) -> tuple[Int64[Tensor, " texel"], Float[Tensor, " 3"]]:
    """The packed levels of one pattern, and its mean; always the same."""
    # Seeded by its name: adding a pattern leaves the others as they were.
    rng = np.random.default_rng(list(name.encode()))
    level = np.clip((PATTERNS | PICTURES)[name](rng), 0, 1)
    if name in PICTURES:
        level = level**2.2
    mean = torch.tensor(level.mean(axis=(0, 1)), dtype=torch.float32)
    levels = []
    for _ in range(LEVELS):
        levels.append(HalfVectors.pack(torch.from_numpy(level.reshape(-1, 3))).rows)
        half = max(1, len(level) // 2)
        level = level.reshape(half, len(level) // half, half, -1, 3).mean(axis=(1, 3))
    return torch.cat(levels), mean
