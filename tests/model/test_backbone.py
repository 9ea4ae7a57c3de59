# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from model.tiny import tiny_config

from depthsplat_ros.model.backbone import Backbone


@pytest.mark.parametrize(("lowest_stride", "strides"), [(8, (2, 4, 8)), (4, (2, 2, 4))])
def test_the_strides_of_the_three_maps(lowest_stride, strides):
    backbone = Backbone(tiny_config(lowest_stride=lowest_stride)).requires_grad_(False)
    maps = backbone(torch.randn(2, 3, 64, 96))
    assert [tuple(values.shape) for values in maps] == [
        (2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip((16, 24, 64), strides, strict=True)
    ]


def test_a_change_of_contrast_is_normalised_away():
    torch.manual_seed(0)
    backbone = Backbone(tiny_config()).requires_grad_(False)
    images = torch.randn(1, 3, 64, 64)
    for bright, dim in zip(backbone(3 * images), backbone(images), strict=True):
        torch.testing.assert_close(bright, dim, rtol=1e-3, atol=1e-3)
