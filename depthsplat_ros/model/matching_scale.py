# SPDX-License-Identifier: Apache-2.0
"""One scale of the comparison across views, and the way from a coarser to a finer one."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from depthsplat_ros.model.config import DepthSplatConfig
from depthsplat_ros.model.layers import Convolution, Convolutions, GroupNorm
from depthsplat_ros.model.unet import CrossViewUnet


class MatchingScale(nn.Module):
    """From the scores of depth hypotheses to their logits, at one scale.

    The first convolutions are linear, so the share of the image features is computed apart, in
    `encode`; the sum equals the official convolution of all inputs side by side.
    """

    def __init__(self, config: DepthSplatConfig, scale: int) -> None:
        super().__init__()
        channels = config.matching_channels(scale)
        candidates = config.candidates(scale)
        inputs = {
            "scores": candidates,
            "cnn": config.cnn_channels[-1 - scale],
            "matching": channels,
            "mono": config.mono_channels(scale),
        }
        self._widths = tuple(inputs.values())
        self.regressor = Convolution(sum(self._widths), channels, 3, padding=1)
        self.shortcut = Convolution(sum(self._widths), channels, 1)
        self.regressor_norm = GroupNorm(8, channels)
        # The coarsest level of the U-Net is 4 times coarser than scale 0, at any scale.
        self.unet = CrossViewUnet(
            channels, level_count=3 + scale, crosses_views=config.crosses_views_in_unet
        )
        self.regressor_output = Convolution(channels, channels, 3, padding=1)
        self.logits = Convolutions(
            Convolution(channels, 2 * channels, 3, padding=1, padding_mode="replicate"),
            nn.GELU(),
            Convolution(2 * channels, candidates, 3, padding=1, padding_mode="replicate"),
        )

    def encode(self, cnn: Tensor, mono: Tensor | None) -> dict[str, Tensor]:
        """The share of single images in the two convolutions of the inputs."""
        image_inputs = cnn if mono is None else torch.cat([cnn, mono], dim=1)
        return {
            name: F.conv2d(
                image_inputs, self._columns(conv, 1, 3), conv.bias, padding=conv.padding
            )
            for name, conv in (("regressor", self.regressor), ("shortcut", self.shortcut))
        }

    def forward(
        self,
        scores: Float[Tensor, "image candidate height width"],
        matching: Float[Tensor, "image channel height width"],
        image_regressor: Float[Tensor, "image channel height width"],
        image_shortcut: Float[Tensor, "image channel height width"],
        view_count: int,
    ) -> Float[Tensor, "image candidate height width"]:
        """Logits of the hypotheses; the last two maps come from `encode`."""
        inputs = torch.cat([scores, matching], dim=1)
        x = F.conv2d(inputs, self._columns(self.regressor, 0, 2), padding=1) + image_regressor
        x = self.unet(self.regressor_norm(x, "gelu"), view_count)
        x = self.regressor_output(x)
        x = x + F.conv2d(inputs, self._columns(self.shortcut, 0, 2)) + image_shortcut
        return self.logits(x)

    def _columns(self, conv: Convolution, *inputs: int) -> Tensor:
        parts = conv.weight.split(self._widths, dim=1)
        return torch.cat([parts[index] for index in inputs], dim=1)


class Finer(nn.Sequential):
    """Twice the size, half the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(channels, channels // 2, 2, stride=2),
            nn.GELU(),
            Convolution(channels // 2, channels // 2, 3, padding=1),
        )


class Detail(nn.Module):
    """What images show at a finer scale than that at which views were compared before.

    `forward` gives features of single images that join those to be compared; `choice` says which
    of the four nearest coarser estimates a cell belongs to, so that its hypotheses lie around one
    surface and not between two.
    """

    def __init__(self, config: DepthSplatConfig, scale: int) -> None:
        super().__init__()
        channels = config.matching_channels(scale)
        self.features = Convolution(
            config.cnn_channels[-1 - scale], channels, 3, padding=1, bias=False
        )
        self.choice = Convolutions(
            Convolution(2 * channels, channels, 3, padding=1),
            nn.GELU(),
            Convolution(channels, 4, 1),
        )

    def forward(
        self, cnn: Float[Tensor, "image _ height width"]
    ) -> Float[Tensor, "image channel height width"]:
        """Of the backbone's map at this scale."""
        return self.features(cnn)
