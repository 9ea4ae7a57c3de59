# SPDX-License-Identifier: Apache-2.0
"""The head that fuses features of all resolutions into one map at full resolution.

    vision transformer, 1/8 ─┬─ stage 1/2  ── join ── reduce ──────────────────────── fuse ── x2
                             ├─ stage 1/4  ── join ── reduce ───────────── fuse ── x2 ──┘
                             ├─ stage 1/8  ── join ── reduce ── fuse ── x2 ──┘
                             └─ stage 1/16 ────────── reduce ── fuse ── x2 ──┘

`join` adds what else exists at that resolution: backbone maps, multi-view features, coarse depth.
Without a vision transformer there is nothing at 1/16, and the other stages are what they join.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthsplat_ros.model.config import DepthSplatConfig
from depthsplat_ros.model.layers import Convolution
from depthsplat_ros.model.resizing import resize

_JOINED_STAGES = 3


class DptHead(nn.Module):
    """Stages from single images (`encode`), fused with multi-view features (`forward`).

    Up to the first fusion a stage is linear in its inputs. So the share of the images is computed
    in `encode`, already reduced to the width of the fusion, and the share of the multi-view
    features is added in `forward`; the sum equals the official head, which concatenates first.

    Source: DPT (ICCV 2021), as in Depth Anything V2 and the official `dpt_head.py`.
    """

    def __init__(
        self, config: DepthSplatConfig, fusion_channels: int, *, joins_depth: bool
    ) -> None:
        super().__init__()
        self.projections = nn.ModuleList()
        self.resizers = nn.ModuleList()
        widths = config.cnn_channels
        if config.vit is not None:
            width = config.vit.channels
            widths = (width // 8, width // 4, width // 2, width)
            self.projections.extend([Convolution(width, channels, 1) for channels in widths])
            self.resizers.extend(
                [
                    nn.ConvTranspose2d(widths[0], widths[0], 4, stride=4),
                    nn.ConvTranspose2d(widths[1], widths[1], 2, stride=2),
                    nn.Identity(),
                    Convolution(widths[3], widths[3], 3, stride=2, padding=1),
                ]
            )
        self._joined = [
            _joined_channels(config, stage, joins_depth) for stage in range(_JOINED_STAGES)
        ]
        self.joins = nn.ModuleList(
            [
                Convolution(sum(channels.values()), width, 1)
                for channels, width in zip(self._joined, widths, strict=False)
            ]
        )
        self.reductions = nn.ModuleList(
            [
                Convolution(channels, fusion_channels, 3, padding=1, bias=False)
                for channels in widths
            ]
        )
        self.fusions = nn.ModuleList(
            [
                _Fusion(
                    fusion_channels,
                    has_skip=stage < len(widths) - 1,
                    is_stretched=config.keeps_published_habits,
                )
                for stage in range(len(widths))
            ]
        )

    def encode(self, cnn_maps: Sequence[Tensor], vit_maps: Sequence[Tensor]) -> list[Tensor]:
        """The share of single images in each stage, "image channel height width", fine to coarse.

        Args:
            cnn_maps: of the backbone, fine to coarse.
            vit_maps: of the vision transformer, shallow to deep, at an eighth of the image's size.
        """
        cnn = {f"cnn{index}": values for index, values in enumerate(cnn_maps)}
        stages = []
        for stage, reduction in enumerate(self.reductions):
            maps = dict(cnn)
            if vit_maps:
                maps["vit"] = self.resizers[stage](self.projections[stage](vit_maps[stage]))
            x = (
                self._join(stage, maps, self.joins[stage].bias)
                if stage < len(self.joins)
                else maps["vit"]
            )
            stages.append(reduction(x))
        return stages

    def forward(self, stages: Sequence[Tensor], multi_view: Mapping[str, Tensor]) -> Tensor:
        """The fused map at full size, "image channel height width".

        Args:
            stages: from `encode`.
            multi_view: "matching0", "matching1" (features per scale), "inverse_depth" (of the
                finest scale, one channel) and "probability" (of the likeliest hypothesis, one
                channel per scale); what the head does not join is ignored.
        """
        fused = None
        for stage in reversed(range(len(self.reductions))):
            x = stages[stage]
            if stage < len(self.joins) and self._joined[stage].keys() & multi_view.keys():
                x = x + self.reductions[stage](self._join(stage, multi_view, None))
            height, width = x.shape[-2:]
            size = stages[stage - 1].shape[-2:] if stage > 0 else (2 * height, 2 * width)
            fused = self.fusions[stage](x, fused, size)
        return fused

    def _join(self, stage: int, maps: Mapping[str, Tensor], bias: Tensor | None) -> Tensor:
        """The 1x1 convolution over a stage's inputs, restricted to those present in `maps`."""
        joined = self._joined[stage]
        weights = self.joins[stage].weight.split(tuple(joined.values()), dim=1)
        present = [
            (maps[name], weight)
            for name, weight in zip(joined, weights, strict=True)
            if name in maps
        ]
        inputs, columns = zip(*present, strict=True)
        return F.conv2d(torch.cat(inputs, dim=1), torch.cat(columns, dim=1), bias)


class _Fusion(nn.Module):
    def __init__(self, channels: int, *, has_skip: bool, is_stretched: bool) -> None:
        super().__init__()
        self._is_stretched = is_stretched
        # The coarsest stage has nothing below it to be added to, hence no unit of its own.
        self.skip = _ResidualUnit(channels) if has_skip else None
        self.refine = _ResidualUnit(channels)
        self.output = Convolution(channels, channels, 1)

    def forward(self, x: Tensor, coarser: Tensor | None, size: Sequence[int]) -> Tensor:
        if self.skip is not None:
            x = coarser + self.skip(x)
        # The official order is resize, then convolve; for a 1x1 convolution both are the same.
        x = self.output(self.refine(x))
        return resize(x, size, is_stretched=self._is_stretched)


class _ResidualUnit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Convolution(channels, channels, 3, padding=1)
        self.conv2 = Convolution(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(F.relu(x), activation="relu"), residual=x)


def _joined_channels(config: DepthSplatConfig, stage: int, joins_depth: bool) -> dict[str, int]:
    """Names and widths of what a stage joins, in the order of the convolution's input channels."""
    stride = 2 << stage
    cnn_strides = (2, 2, 4) if config.lowest_stride == 4 else (2, 4, 8)
    cnn = {
        f"cnn{index}": channels
        for index, (channels, cnn_stride) in enumerate(
            zip(config.cnn_channels, cnn_strides, strict=True)
        )
        if cnn_stride == stride
    }
    multi_view = {
        f"matching{scale}": config.matching_channels(scale)
        for scale in range(config.scale_count)
        if config.stride(scale) == stride
    }
    if joins_depth and config.finest_stride == stride:
        multi_view["inverse_depth"] = 1
        if config.has_confidence:
            multi_view["probability"] = config.scale_count
    vit = {} if config.vit is None else {"vit": config.vit.channels // (8 >> stage)}
    # An oddity of the official code: at half the image's size the vision transformer comes last.
    return cnn | multi_view | vit if stride == 2 else cnn | vit | multi_view
