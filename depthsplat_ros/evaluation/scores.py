# SPDX-License-Identifier: Apache-2.0
"""The figures of a whole recording from those of its keyframes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from depthsplat_ros.evaluation.metrics import (
    DepthErrorSums,
    DepthMetrics,
    align_median,
    mean_errors,
    median_ratio,
    pool,
    sum_errors,
)

WARM_UP_KEYFRAMES = 5
"""Figures "after warm-up" leave out the first keyframes, whose windows are still filling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthMapScore:
    """One depth map of a keyframe against its truth."""

    sums: DepthErrorSums
    aligned_sums: DepthErrorSums
    """After the depth was divided by its median ratio: the errors but for the scale's."""
    median_ratio: float
    """Median of depth / truth, NaN if nothing could be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyframeScore:
    """A keyframe's depth against its truth, without any alignment."""

    stamp_ns: int
    keyframe: int
    """Its number among the keyframes of the recording, from 1."""
    full: DepthMapScore
    """The predictor's best guess at every pixel."""
    published: DepthMapScore
    """The depth that is published: NaN where there is no evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioSpread:
    """How the keyframes' median ratios spread: the middle is the scale error."""

    median: float
    percentile_5: float
    percentile_95: float
    drift: float
    """The distance of the two percentiles over the median; what all models share of it is not
    theirs but the poses' and the sensor's."""
    trend: float
    """By how much a straight line through the ratios changes from the first keyframe to the last,
    over the median; 0 where the scale does not wander off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Figures over several keyframes, pooled over pixels."""

    keyframes: int
    metrics: DepthMetrics
    """Without any alignment."""
    aligned: DepthMetrics
    """With the median of each keyframe aligned to the truth's."""
    median_ratio: RatioSpread


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingScore:
    """The figures of a recording: at full and at published coverage."""

    full: Accuracy
    published: Accuracy


def score_keyframe(
    *,
    stamp_ns: int,
    keyframe: int,
    dense_depth_m: Float32[ndarray, "height width"],
    depth_m: Float32[ndarray, "height width"],
    true_depth_m: Float32[ndarray, "height width"],
) -> KeyframeScore:
    """Compare both depth maps of a keyframe with the truth."""
    return KeyframeScore(
        stamp_ns=stamp_ns,
        keyframe=keyframe,
        full=_score_map(dense_depth_m, true_depth_m),
        published=_score_map(depth_m, true_depth_m),
    )


def score_recording(scores: Sequence[KeyframeScore]) -> RecordingScore:
    """Pool the keyframes' figures; every pixel counts the same, wherever it comes from."""
    return RecordingScore(
        full=_pool_accuracy([score.full for score in scores]),
        published=_pool_accuracy([score.published for score in scores]),
    )


def after_warm_up(scores: Sequence[KeyframeScore]) -> list[KeyframeScore]:
    """Every keyframe after the first `WARM_UP_KEYFRAMES`."""
    return [score for score in scores if score.keyframe > WARM_UP_KEYFRAMES]


def _score_map(
    depth_m: Float32[ndarray, "height width"], true_depth_m: Float32[ndarray, "height width"]
) -> DepthMapScore:
    return DepthMapScore(
        sums=sum_errors(depth_m, true_depth_m),
        aligned_sums=sum_errors(align_median(depth_m, true_depth_m), true_depth_m),
        median_ratio=median_ratio(depth_m, true_depth_m),
    )


def _pool_accuracy(scores: Sequence[DepthMapScore]) -> Accuracy:
    ratios = [score.median_ratio for score in scores if not math.isnan(score.median_ratio)]
    median, low, high = np.quantile(ratios, (0.5, 0.05, 0.95)) if ratios else (math.nan,) * 3
    return Accuracy(
        keyframes=len(scores),
        metrics=mean_errors(pool(score.sums for score in scores)),
        aligned=mean_errors(pool(score.aligned_sums for score in scores)),
        median_ratio=RatioSpread(
            median=float(median),
            percentile_5=float(low),
            percentile_95=float(high),
            drift=float((high - low) / median),
            trend=_trend(ratios) / float(median),
        ),
    )


def _trend(ratios: Sequence[float]) -> float:
    if len(ratios) < 2:
        return math.nan
    slope, _ = np.polyfit(np.arange(len(ratios)), ratios, 1)
    return abs(float(slope)) * (len(ratios) - 1)
