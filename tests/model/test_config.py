# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest

from depthsplat_ros.model.config import (
    DEPTH_BASE,
    DEPTH_SMALL,
    GS_BASE_256X256,
    GS_LARGE_256X256,
    GS_SMALL_256X256,
)


@pytest.mark.parametrize(
    ("config", "strides", "size_multiple"),
    [
        (DEPTH_SMALL, [8], 32),
        (DEPTH_BASE, [8, 4], 32),
        (GS_SMALL_256X256, [4], 16),
        (GS_BASE_256X256, [4, 2], 16),
        (GS_LARGE_256X256, [4, 2], 16),
    ],
)
def test_each_scale_halves_the_stride(config, strides, size_multiple):
    assert [config.stride(scale) for scale in range(config.scale_count)] == strides
    assert config.finest_stride == strides[-1]
    assert config.size_multiple == size_multiple


def test_each_scale_has_half_the_width_and_a_quarter_of_the_hypotheses():
    assert [DEPTH_BASE.matching_channels(scale) for scale in (0, 1)] == [128, 64]
    assert [DEPTH_BASE.mono_channels(scale) for scale in (0, 1)] == [768, 384]
    assert [DEPTH_BASE.candidates(scale) for scale in (0, 1)] == [128, 32]


@pytest.mark.parametrize("change", [{"lowest_stride": 2}, {"scale_count": 3}])
def test_a_shape_that_no_depthsplat_has_is_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(DEPTH_SMALL, **change)
