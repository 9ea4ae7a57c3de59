# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from model.tiny import tiny_config

from depthsplat_ros.model.dpt import DptHead

VARIANTS = [(8, 1), (4, 1), (8, 2), (4, 2)]


def head_and_inputs(lowest_stride, scale_count, *, joins_depth=True):
    torch.manual_seed(0)
    config = tiny_config(lowest_stride=lowest_stride, scale_count=scale_count)
    head = DptHead(config, 8, joins_depth=joins_depth).requires_grad_(False)
    cnn_strides = (2, 2, 4) if lowest_stride == 4 else (2, 4, 8)
    cnn = [
        torch.randn(2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(config.cnn_channels, cnn_strides, strict=True)
    ]
    vit = [torch.randn(2, 32, 8, 12) for _ in range(4)]
    multi_view = {
        f"matching{scale}": torch.randn(
            2,
            config.matching_channels(scale),
            64 // config.stride(scale),
            96 // config.stride(scale),
        )
        for scale in range(scale_count)
    }
    finest = config.finest_stride
    multi_view["inverse_depth"] = torch.rand(2, 1, 64 // finest, 96 // finest)
    return head, cnn, vit, multi_view


# What is joined at 1/2, 1/4 and 1/8, in the order of the channels; v is the transformer's map.
JOINED = {
    (8, 1): ["c0 v", "c1 v", "c2 v m0 d"],
    (4, 1): ["c0 c1 v", "c2 v m0 d", "v"],
    (8, 2): ["c0 v", "c1 v m1 d", "c2 v m0"],
    (4, 2): ["c0 c1 m1 d v", "c2 v m0", "v"],
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("joins_depth", [True, False])
def test_both_halves_make_the_head_that_concatenates_first(variant, joins_depth):
    head, cnn, vit, multi_view = head_and_inputs(*variant, joins_depth=joins_depth)
    named = {f"c{index}": values for index, values in enumerate(cnn)}
    named |= {"m0": multi_view["matching0"], "m1": multi_view.get("matching1")}
    named["d"] = multi_view["inverse_depth"]

    stages = []
    for stage in range(4):
        x = head.resizers[stage](head.projections[stage](vit[stage]))
        if stage < 3:
            names = JOINED[variant][stage].replace("" if joins_depth else "d", "").split()
            x = head.joins[stage](torch.cat([(named | {"v": x})[name] for name in names], dim=1))
        stages.append(head.reductions[stage](x))
    fused = None
    for stage in (3, 2, 1, 0):
        fusion = head.fusions[stage]
        x = stages[stage] if fused is None else fused + fusion.skip(stages[stage])
        x = fusion.refine(x)
        size = (64, 96) if stage == 0 else stages[stage - 1].shape[-2:]
        # The order of the official code.
        x = F.interpolate(x, size, mode="bilinear", align_corners=True)
        fused = fusion.output(x)

    result = head(head.encode(cnn, vit), multi_view)
    assert result.shape == (2, 8, 64, 96)
    torch.testing.assert_close(result, fused, rtol=1e-4, atol=1e-5)
