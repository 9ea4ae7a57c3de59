# SPDX-License-Identifier: Apache-2.0
"""The small U-Net that turns noisy matching scores into a consistent cost volume."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from depthsplat_ros.model.layers import Convolution, GroupNorm

_NORM_GROUPS = 8
_WIDEST_HEAD = 32


class CrossViewUnet(nn.Module):
    """A 2D U-Net of constant width whose coarsest level looks at all views of a window at once.

    One residual block per level on the way down, two on the way up; the blocks of the coarsest
    level end in attention, the two in the middle do not.
    Source: the latent diffusion U-Net, as DepthSplat cuts it down.
    """

    def __init__(self, channels: int, level_count: int, *, crosses_views: bool = True) -> None:
        super().__init__()
        self._crosses_views = crosses_views
        lowest = level_count - 1
        descent: list[nn.Module] = [Convolution(channels, channels, 3, padding=1)]
        for level in range(level_count):
            if level > 0:
                descent.append(Convolution(channels, channels, 3, stride=2, padding=1))
            descent.append(_Block(channels, channels, has_attention=level == lowest))
        ascent = []
        for level in reversed(range(level_count)):
            for is_last in (False, True):
                ascent.append(
                    _Block(
                        2 * channels,
                        channels,
                        has_attention=level == lowest,
                        has_upsampling=is_last and level > 0,
                    )
                )
        self.descent = nn.ModuleList(descent)
        self.middle = nn.ModuleList([_ResidualBlock(channels, channels) for _ in range(2)])
        self.ascent = nn.ModuleList(ascent)
        self.output_norm = GroupNorm(_NORM_GROUPS, channels)
        self.output = Convolution(channels, channels, 3, padding=1)

    def forward(
        self, x: Float[Tensor, "image channel height width"], view_count: int
    ) -> Float[Tensor, "image channel height width"]:
        """The same shape as `x`.

        Args:
            x: the views of a window lie next to each other in the first axis.
            view_count: how many views a window has.
        """
        if not self._crosses_views:
            view_count = 1
        skipped = []
        for step in self.descent:
            x = step(x, view_count) if isinstance(step, _Block) else step(x)
            skipped.append(x)
        for block in self.middle:
            x = block(x)
        for block in self.ascent:
            x = block(torch.cat([x, skipped.pop()], dim=1), view_count)
        return self.output(self.output_norm(x, "silu"))


class _Block(nn.Module):
    def __init__(
        self,
        channels_in: int,
        channels: int,
        *,
        has_attention: bool,
        has_upsampling: bool = False,
    ) -> None:
        super().__init__()
        self.residual = _ResidualBlock(channels_in, channels)
        self.attention = _ViewAttention(channels) if has_attention else None
        self.upsampling = Convolution(channels, channels, 3, padding=1) if has_upsampling else None

    def forward(self, x: Tensor, view_count: int) -> Tensor:
        x = self.residual(x)
        if self.attention is not None:
            x = self.attention(x, view_count)
        if self.upsampling is not None:
            x = self.upsampling(F.interpolate(x, scale_factor=2, mode="nearest"))
        return x


class _ResidualBlock(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(_NORM_GROUPS, channels_in)
        self.conv1 = Convolution(channels_in, channels_out, 3, padding=1)
        self.norm2 = GroupNorm(_NORM_GROUPS, channels_out)
        self.conv2 = Convolution(channels_out, channels_out, 3, padding=1)
        self.shortcut = (
            Convolution(channels_in, channels_out, 1) if channels_in != channels_out else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.norm1(x, "silu"))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return self.conv2(self.norm2(y, "silu"), residual=shortcut)


class _ViewAttention(nn.Module):
    """Attention over the pixels of all views of a window, which form one unordered sequence."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self._head_channels = math.gcd(channels, _WIDEST_HEAD)
        self.norm = GroupNorm(_NORM_GROUPS, channels)
        self.query_key_value = nn.Conv1d(channels, 3 * channels, 1)
        self.output = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, view_count: int) -> Tensor:
        tokens = self.query_key_value(self.norm(x).flatten(2))
        # The channels hold query, key and value of the first head, then of the second, and so on.
        query, key, value = rearrange(
            tokens,
            "(b v) (head part c) l -> part b head (v l) c",
            v=view_count,
            part=3,
            c=self._head_channels,
        )
        y = F.scaled_dot_product_attention(query, key, value)
        y = rearrange(y, "b head (v l) c -> (b v) (head c) l", v=view_count)
        return x + self.output(y).view_as(x)
