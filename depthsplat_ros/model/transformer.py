# SPDX-License-Identifier: Apache-2.0
"""The multi-view transformer: makes the features of a window's views comparable.

Each layer attends within a view, then to the view's neighbours, inside windows that cover a
quarter of the image and are shifted by half their size in every second layer.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from depthsplat_ros.model.constants import constant_tensor

_WINDOWS_PER_SIDE = 2
_OTHER_REGION_SCORE = -100.0


class MultiViewTransformer(nn.Module):
    """Single-scale features in, features that know their neighbours out; any number of views."""

    def __init__(
        self, channels: int, layer_count: int, *, keeps_published_mask: bool = True
    ) -> None:
        super().__init__()
        self._keeps_published_mask = keeps_published_mask
        self.layers = nn.ModuleList([_Layer(channels) for _ in range(layer_count)])

    def forward(
        self,
        features: Float[Tensor, "batch view channel height width"],
        neighbours: Int[Tensor, "batch view neighbour"],
    ) -> Float[Tensor, "batch view channel height width"]:
        """Features of every view after attending to the views that `neighbours` names.

        The order of a view's neighbours matters a little, see `neighbour_mask`.
        """
        height, width = features.shape[-2:]
        assert height % _WINDOWS_PER_SIDE == 0 and width % _WINDOWS_PER_SIDE == 0
        neighbour_count = neighbours.shape[-1]
        x = rearrange(features, "b v c h w -> b v h w c")
        x = x + position_encoding(height, width, x.shape[-1], x.device, x.dtype)
        for index, layer in enumerate(self.layers):
            is_shifted = index % 2 == 1
            if is_shifted:
                own_mask = region_mask(height, width, x.device, x.dtype)
                other_mask = (
                    neighbour_mask(height, width, neighbour_count, x.device, x.dtype)
                    if self._keeps_published_mask
                    else own_mask.repeat(1, 1, neighbour_count)
                )
                x = layer(_shift(x, 1), neighbours, own_mask, other_mask)
                x = _shift(x, -1)
            else:
                x = layer(x, neighbours, None, None)
        return rearrange(x, "b v h w c -> b v c h w")


class _Layer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.self_attention = _Attention(channels)
        self.cross_attention = _Attention(channels)
        self.feed_forward = nn.Sequential(
            nn.Linear(2 * channels, 8 * channels, bias=False),
            nn.GELU(),
            nn.Linear(8 * channels, channels, bias=False),
        )
        self.feed_forward_norm = nn.LayerNorm(channels)

    def forward(
        self, x: Tensor, neighbours: Tensor, own_mask: Tensor | None, other_mask: Tensor | None
    ) -> Tensor:
        windows = _split(x)
        # Neighbours are seen as they were at the start of the layer, before their self-attention.
        others = self.cross_attention.gather(windows, neighbours)
        own = self.self_attention.key_value(windows)
        windows = windows + self.self_attention(windows, own, own_mask)
        message = self.cross_attention(windows, others, other_mask)
        message = self.feed_forward(torch.cat([windows, message], dim=-1))
        windows = windows + self.feed_forward_norm(message)
        return _merge(windows, x.shape[2])


class _Attention(nn.Module):
    """One head of attention over the tokens of a window; windows lie in an axis of their own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.merge = nn.Linear(channels, channels, bias=False)
        self.norm = nn.LayerNorm(channels)

    def key_value(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        return self.key(windows), self.value(windows)

    def gather(self, windows: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of each view's neighbours, one neighbour after the other."""
        batch = torch.arange(len(windows), device=windows.device)[:, None, None]
        return tuple(
            rearrange(tokens[batch, neighbours], "b v k q l c -> b v q (k l) c")
            for tokens in self.key_value(windows)
        )

    def forward(
        self, windows: Tensor, key_value: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> Tensor:
        query = self.query(windows)
        batch = query.shape[0]
        message = F.scaled_dot_product_attention(
            *(rearrange(tokens, "b v q l c -> (b v) q l c") for tokens in (query, *key_value)),
            # With all four axes, or CPUs would not take the fast way.
            attn_mask=None if mask is None else mask[None],
        )
        message = rearrange(message, "(b v) q l c -> b v q l c", b=batch)
        return self.norm(self.merge(message))


def _split(x: Shaped[Tensor, "b v h w c"]) -> Shaped[Tensor, "b v 4 tokens c"]:
    return rearrange(
        x,
        "b v (row h) (column w) c -> b v (row column) (h w) c",
        row=_WINDOWS_PER_SIDE,
        column=_WINDOWS_PER_SIDE,
    )


def _merge(windows: Float[Tensor, "b v 4 tokens c"], height: int) -> Float[Tensor, "b v h w c"]:
    return rearrange(
        windows,
        "b v (row column) (h w) c -> b v (row h) (column w) c",
        row=_WINDOWS_PER_SIDE,
        h=height // _WINDOWS_PER_SIDE,
    )


def _shift(x: Float[Tensor, "b v h w c"], direction: int) -> Float[Tensor, "b v h w c"]:
    """Rolls by half a window: up and left for direction 1, back for -1."""
    rows, columns = (size // _WINDOWS_PER_SIDE // 2 for size in x.shape[2:4])
    return torch.roll(x, (-direction * rows, -direction * columns), dims=(2, 3))


@constant_tensor
def position_encoding(
    height: int, width: int, channels: int, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "height width channel"]:
    """Sine position encoding of the place inside a window, repeated in every window.

    The first half of the channels tells y, the second x. Positions run from 1 to the window's
    size and are scaled to 2 pi, so the pattern follows the size of the image.
    Source: DETR's sine embedding, as UniMatch uses it.
    """
    rows, columns = height // _WINDOWS_PER_SIDE, width // _WINDOWS_PER_SIDE
    half = channels // 2
    wavelengths = 10000 ** (2 * (torch.arange(half) // 2) / half)

    def encode(count: int) -> Tensor:
        positions = torch.arange(1, count + 1) / (count + 1e-6) * (2 * math.pi)
        angles = positions[:, None] / wavelengths
        return torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], dim=2).flatten(1)

    y = encode(rows)[:, None].expand(rows, columns, half)
    x = encode(columns)[None].expand(rows, columns, half)
    window = torch.cat([y, x], dim=-1)
    repeats = (_WINDOWS_PER_SIDE, _WINDOWS_PER_SIDE, 1)
    return window.repeat(repeats).to(device=device, dtype=dtype)


@constant_tensor
def region_mask(
    height: int, width: int, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "4 tokens tokens"]:
    """Keeps apart, in shifted windows, tokens that were not neighbours before the shift."""

    def regions(size: int) -> Tensor:
        window = size // _WINDOWS_PER_SIDE
        places = torch.arange(size)
        return (places >= size - window).long() + (places >= size - window // 2).long()

    region = 3 * regions(height)[:, None] + regions(width)
    tokens = _split(region[None, None, :, :, None])[0, 0, :, :, 0]
    is_other = tokens[:, :, None] != tokens[:, None, :]
    return (is_other * _OTHER_REGION_SCORE).to(device=device, dtype=dtype)


@constant_tensor
def neighbour_mask(
    height: int, width: int, neighbour_count: int, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "4 tokens keys"]:
    """The mask of shifted windows against the tokens of all neighbours, one after the other.

    Kept for the trained weights: the official code lays the keys out position by position but
    repeats the mask neighbour by neighbour, so that token l of neighbour k meets the mask column
    (l * neighbour_count + k) modulo the window's size. With one neighbour the two agree.
    """
    mask = region_mask(height, width, device, dtype)
    token_count = mask.shape[-1]
    tokens = torch.arange(token_count, device=device)
    order = torch.arange(neighbour_count, device=device)[:, None]
    columns = (tokens * neighbour_count + order) % token_count
    return mask[:, :, columns.flatten()]
