# SPDX-License-Identifier: Apache-2.0
"""Errors by true distance: near and far are different problems."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from depthsplat_ros.evaluation.metrics import (
    DepthErrorSums,
    DepthMetrics,
    mean_errors,
    pool,
    sum_errors,
)

EDGES_M = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 50.0, float("inf"))
"""The ranges of true depth, each from one edge up to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeErrors:
    """The errors of the pixels whose true depth lies in a range."""

    near_m: float
    far_m: float | None
    """None for everything beyond near_m."""
    true_pixels: int
    metrics: DepthMetrics


def sum_errors_by_range(
    depth_m: Float32[ndarray, "height width"], true_depth_m: Float32[ndarray, "height width"]
) -> tuple[DepthErrorSums, ...]:
    """The errors of one depth map, a sum for each range of `EDGES_M`."""
    return tuple(
        sum_errors(
            depth_m,
            np.where(
                (true_depth_m >= near_m) & (true_depth_m < far_m), true_depth_m, np.float32(np.nan)
            ),
        )
        for near_m, far_m in zip(EDGES_M, EDGES_M[1:], strict=False)
    )


def pool_ranges(maps: Sequence[tuple[DepthErrorSums, ...]]) -> list[RangeErrors]:
    """The errors by range over several depth maps; ranges without any truth are left out."""
    pooled = [pool(sums) for sums in zip(*maps, strict=True)]
    return [
        RangeErrors(
            near_m=near_m,
            far_m=None if np.isinf(far_m) else far_m,
            true_pixels=sums.true_pixels,
            metrics=mean_errors(sums),
        )
        for near_m, far_m, sums in zip(EDGES_M, EDGES_M[1:], pooled, strict=False)
        if sums.true_pixels
    ]
