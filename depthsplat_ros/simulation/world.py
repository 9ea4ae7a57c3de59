# SPDX-License-Identifier: Apache-2.0
"""A world that can be looked at: solids, what they look like, and the light on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.simulation.half_vectors import HalfVectors
from depthsplat_ros.simulation.lighting import bake
from depthsplat_ros.simulation.lights import Light
from depthsplat_ros.simulation.solids import Material, Solid
from depthsplat_ros.simulation.surfaces import FACES, Charts
from depthsplat_ros.simulation.texture_bank import TextureBank, texture_bank
from depthsplat_ros.simulation.visibility import Shapes

MIDDLE_GREY = 0.13
"""What the median brightness of all surfaces is exposed to."""


class WorldError(DepthSplatError):
    """A world that was asked for cannot be built."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """The materials of all solids, as columns of tables."""

    pattern: Int[Tensor, " solid"]
    palette: Float[Tensor, "4 solid 4"]
    """Base colour and the steps to the three others; the fourth channel is unused."""
    tile_m: Float[Tensor, "2 solid"]
    """NaN where the pattern is stretched over the face."""
    offset: Float[Tensor, "2 solid"]
    emission: Float[Tensor, " solid"]
    half_size_m: Float[Tensor, "3 solid"]
    kind: Int[Tensor, " solid"]

    @staticmethod
    def of(solids: Sequence[Solid], bank: TextureBank) -> "Looks":
        """Tables of the solids' materials."""
        looks = [solid.material for solid in solids]
        palette = torch.zeros(4, len(solids), 4)
        colours = torch.tensor([_colours(look) for look in looks], dtype=torch.float32)
        palette[:, :, :3] = colours.transpose(0, 1)
        palette[1:] -= palette[0].clone()
        nothing = (float("nan"), float("nan"))
        return Looks(
            pattern=torch.tensor(
                [bank.names.index(look.texture) for look in looks], dtype=torch.int32
            ),
            palette=palette,
            tile_m=_columns([look.tile_m or nothing for look in looks]),
            offset=_columns([look.offset for look in looks]),
            emission=torch.tensor([look.emission for look in looks], dtype=torch.float32),
            half_size_m=_columns([solid.half_size_m for solid in solids]),
            kind=torch.tensor([int(solid.kind) for solid in solids], dtype=torch.int32),
        )

    def mean_colours(self, bank: TextureBank) -> Float[Tensor, "solid 3"]:
        """Colour of each solid, averaged over its pattern."""
        means = bank.means[self.pattern.long()]
        mixed = self.palette[0] + torch.einsum("sc,csk->sk", means, self.palette[1:])
        return mixed[:, :3]

    def to(self, device: torch.device | str) -> "Looks":
        """The tables on another device."""
        return Looks(
            **{name: getattr(self, name).to(device) for name in self.__dataclass_fields__}
        )


def _columns(rows: list[tuple[float, ...]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32).T.contiguous()


def _colours(look: Material) -> list[tuple[float, float, float]]:
    return [look.base, look.first, look.second, look.third]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A lit world; a value that nothing changes. z is up, lengths are metres."""

    solids: tuple[Solid, ...]
    shapes: Shapes
    looks: Looks
    bank: TextureBank
    charts: Charts
    irradiance: HalfVectors
    """Per texel of the charts, exposed: the median surface comes out as middle grey."""

    @property
    def device(self) -> torch.device:
        """Where its tensors are, and where it is drawn."""
        return self.looks.palette.device

    def to(self, device: torch.device | str) -> "World":
        """The world on another device."""
        return replace(
            self,
            looks=self.looks.to(device),
            bank=self.bank.to(device),
            charts=self.charts.to(device),
            irradiance=self.irradiance.to(device),
        )


def keep_on() -> None:
    """What is done between steps of long work unless somebody asks for more."""


def build_world(
    solids: Sequence[Solid], lights: Sequence[Light], on_step: Callable[[], None] = keep_on
) -> World:
    """Light the solids and set the exposure: seconds of work.

    `on_step` is called several times a second, also from other threads; an exception from it
    ends the work and is raised here.

    Raises:
        WorldError: if there is no solid or no light.
    """
    if not solids or not lights:
        raise WorldError(
            f"a world needs solids and lights, not {len(solids)} and {len(lights)}: "
            "add a floor and an AreaLight"
        )
    bank = texture_bank(tuple(sorted({solid.material.texture for solid in solids})))
    shapes, looks = Shapes.of(solids), Looks.of(solids, bank)
    albedos = looks.mean_colours(bank)
    charts, irradiance = bake(solids, shapes, lights, albedos, on_step)
    owners = torch.repeat_interleave(
        torch.arange(len(charts.starts)) // FACES, charts.widths * charts.heights
    )
    brightness = (irradiance * albedos[owners]).mean(dim=1)
    if not (brightness > 0).any():
        raise WorldError("no light reaches any surface: move the lights out of the solids")
    exposure = MIDDLE_GREY / float(brightness[brightness > 0].median())
    return World(
        solids=tuple(solids),
        shapes=shapes,
        looks=looks,
        bank=bank,
        charts=charts,
        irradiance=HalfVectors.pack(irradiance * exposure),
    )
