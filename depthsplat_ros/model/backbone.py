# SPDX-License-Identifier: Apache-2.0
"""The convolutional backbone: fine image detail for matching and for sharp edges."""

from jaxtyping import Float
from torch import Tensor, nn

from depthsplat_ros.model.config import DepthSplatConfig
from depthsplat_ros.model.layers import Convolution, instance_norm


class Backbone(nn.Module):
    """A small residual network with three outputs, fine to coarse.

    Source: the CNN encoder of GMFlow / UniMatch, which DepthSplat keeps.
    """

    def __init__(self, config: DepthSplatConfig) -> None:
        super().__init__()
        narrow, middle, wide = config.cnn_channels
        # At a lowest stride of 4 it is the second stage that keeps its size, so that the strides
        # of the outputs are 2, 2, 4 and not 1, 2, 4.
        middle_stride = 1 if config.lowest_stride == 4 else 2
        self.stem = Convolution(3, narrow, 7, stride=2, padding=3, bias=False)
        self.stages = nn.ModuleList(
            [
                nn.Sequential(
                    _ResidualBlock(narrow, narrow, 1), _ResidualBlock(narrow, narrow, 1)
                ),
                nn.Sequential(
                    _ResidualBlock(narrow, middle, middle_stride),
                    _ResidualBlock(middle, middle, 1),
                ),
                nn.Sequential(_ResidualBlock(middle, wide, 2), _ResidualBlock(wide, wide, 1)),
            ]
        )
        self.output = Convolution(wide, wide, 1)

    def forward(self, images: Float[Tensor, "image 3 height width"]) -> list[Tensor]:
        """Maps of each stage: strides 2, 4, 8, or 2, 2, 4 at a lowest stride of 4.

        Args:
            images: RGB, normalised with ImageNet's statistics.
        """
        x = instance_norm(self.stem(images), "relu")
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        maps[-1] = self.output(maps[-1])
        return maps


class _ResidualBlock(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Convolution(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.conv2 = Convolution(channels_out, channels_out, 3, padding=1, bias=False)
        self.shortcut = (
            Convolution(channels_in, channels_out, 1, stride)
            if channels_in != channels_out
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = instance_norm(self.conv1(x), "relu")
        if self.shortcut is not None:
            x = instance_norm(self.shortcut(x))
        return instance_norm(self.conv2(y), "relu", residual=x)
