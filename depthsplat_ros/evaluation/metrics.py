# SPDX-License-Identifier: Apache-2.0
"""Errors of one depth map against its truth, as sums that add up over pixels and frames.

Nothing is aligned here: a depth map of twice the true size is twice wrong. Who wants an aligned
figure multiplies the depth by the scale first, and says so.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthErrorSums:
    """Errors summed over the pixels where both depths are known; sums of frames may be added."""

    true_pixels: int = 0
    """Pixels whose true depth is known."""
    compared_pixels: int = 0
    """Those of them that have a depth; every sum below is over these."""
    absolute_relative: float = 0.0
    """Sum of |depth - truth| / truth."""
    squared_relative_m: float = 0.0
    """Sum of (depth - truth)^2 / truth."""
    squared_m2: float = 0.0
    """Sum of (depth - truth)^2."""
    log_difference: float = 0.0
    """Sum of ln(depth) - ln(truth)."""
    squared_log_difference: float = 0.0
    within_1_05: int = 0
    """Pixels whose depth and truth differ by less than this factor, either way."""
    within_1_10: int = 0
    within_1_25: int = 0
    within_1_25_squared: int = 0

    def __add__(self, other: "DepthErrorSums") -> "DepthErrorSums":
        return DepthErrorSums(
            **{
                field.name: getattr(self, field.name) + getattr(other, field.name)
                for field in fields(self)
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthMetrics:
    """Errors per compared pixel; NaN where no pixel could be compared."""

    absolute_relative: float
    """AbsRel: mean of |depth - truth| / truth."""
    squared_relative_m: float
    """SqRel: mean of (depth - truth)^2 / truth."""
    rmse_m: float
    """Root of the mean squared error."""
    log_rmse: float
    """Root of the mean squared difference of natural logarithms."""
    silog: float
    """SILog: 100 times the standard deviation of that difference; no scale can change it."""
    delta_1_05: float
    """Share of the compared pixels whose depth and truth differ by less than this factor."""
    delta_1_10: float
    delta_1_25: float
    delta_1_25_squared: float
    """The same with the factor 1.25^2 = 1.5625."""
    coverage: float
    """Share of the pixels with a true depth that have a depth."""


def sum_errors(
    depth_m: Float32[ndarray, "height width"], true_depth_m: Float32[ndarray, "height width"]
) -> DepthErrorSums:
    """The errors of one depth map; NaN, infinity, zero and negative numbers mean unknown."""
    is_true = is_known(true_depth_m)
    is_compared = is_true & is_known(depth_m)
    depth = depth_m[is_compared].astype(np.float64)
    truth = true_depth_m[is_compared].astype(np.float64)
    factor = np.maximum(depth / truth, truth / depth)
    log_difference = np.log(depth / truth)
    return DepthErrorSums(
        true_pixels=int(is_true.sum()),
        compared_pixels=int(is_compared.sum()),
        absolute_relative=float((np.abs(depth - truth) / truth).sum()),
        squared_relative_m=float(((depth - truth) ** 2 / truth).sum()),
        squared_m2=float(((depth - truth) ** 2).sum()),
        log_difference=float(log_difference.sum()),
        squared_log_difference=float((log_difference**2).sum()),
        within_1_05=int((factor < 1.05).sum()),
        within_1_10=int((factor < 1.10).sum()),
        within_1_25=int((factor < 1.25).sum()),
        within_1_25_squared=int((factor < 1.25**2).sum()),
    )


def pool(sums: Iterable[DepthErrorSums]) -> DepthErrorSums:
    """The sums of several depth maps together: every pixel counts the same."""
    return sum(sums, start=DepthErrorSums())


def mean_errors(sums: DepthErrorSums) -> DepthMetrics:
    """The errors per compared pixel."""
    compared = sums.compared_pixels
    mean_log = _share(sums.log_difference, compared)
    mean_squared_log = _share(sums.squared_log_difference, compared)
    return DepthMetrics(
        absolute_relative=_share(sums.absolute_relative, compared),
        squared_relative_m=_share(sums.squared_relative_m, compared),
        rmse_m=math.sqrt(_share(sums.squared_m2, compared)),
        log_rmse=math.sqrt(mean_squared_log),
        # Rounding may leave a variance of zero slightly below it.
        silog=100.0 * math.sqrt(max(mean_squared_log - mean_log**2, 0.0))
        if compared
        else math.nan,
        delta_1_05=_share(sums.within_1_05, compared),
        delta_1_10=_share(sums.within_1_10, compared),
        delta_1_25=_share(sums.within_1_25, compared),
        delta_1_25_squared=_share(sums.within_1_25_squared, compared),
        coverage=_share(compared, sums.true_pixels),
    )


def median_ratio(
    depth_m: Float32[ndarray, "height width"], true_depth_m: Float32[ndarray, "height width"]
) -> float:
    """The median of depth / truth over the compared pixels, 1 if the scale is right; or NaN."""
    is_compared = is_known(true_depth_m) & is_known(depth_m)
    if not is_compared.any():
        return math.nan
    return float(np.median(depth_m[is_compared] / true_depth_m[is_compared]))


def align_median(
    depth_m: Float32[ndarray, "height width"], true_depth_m: Float32[ndarray, "height width"]
) -> Float32[ndarray, "height width"]:
    """The depth scaled so that its median ratio to the truth is 1; unchanged if it has none.

    What its errors lose against those of the unaligned depth is the scale error.
    """
    ratio = median_ratio(depth_m, true_depth_m)
    return depth_m if math.isnan(ratio) else (depth_m / np.float32(ratio)).astype(np.float32)


def is_known(depth_m: Float32[ndarray, "height width"]) -> Bool[ndarray, "height width"]:
    """Where a depth map holds a depth."""
    return np.isfinite(depth_m) & (depth_m > 0)


def _share(part: int | float, whole: int) -> float:
    return part / whole if whole else math.nan
