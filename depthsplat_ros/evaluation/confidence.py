# SPDX-License-Identifier: Apache-2.0
"""Does confidence know where the errors are? Error by decile, and what is left by dropping."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy import ndarray

from depthsplat_ros.evaluation.metrics import is_known

DECILES = 10
CURVE_STEPS = 20
"""Shares dropped: 0, 1/20 ... 19/20."""
SAMPLES_PER_MAP = 4000
"""Pixels taken of each depth map, evenly spread; a curve needs no more."""
FEWEST_SAMPLES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceDecile:
    """A tenth of the pixels, those of similar confidence."""

    lowest_confidence: float
    highest_confidence: float
    absolute_relative: float
    delta_1_25: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceScore:
    """How well confidence ranks the published pixels by their error."""

    deciles: tuple[ConfidenceDecile, ...]
    """From the least to the most confident."""
    dropped_shares: tuple[float, ...]
    left_by_confidence: tuple[float, ...]
    """AbsRel of what is left when the least confident share is dropped, over that of all."""
    left_at_best: tuple[float, ...]
    """The same when the worst pixels are dropped: no confidence can do better."""
    ause: float
    """Area between the two curves; 0 is a perfect ranking. By chance it is about 0.5 or less."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfidenceSamples:
    """Confidence and relative error of some pixels."""

    confidence: Float64[ndarray, " pixel"]
    error: Float64[ndarray, " pixel"]
    """|depth - truth| / truth."""
    is_within: Bool[ndarray, " pixel"]
    """Whether depth and truth differ by less than 25 %, either way."""


def sample_confidence(
    depth_m: Float32[ndarray, "height width"],
    confidence: Float32[ndarray, "height width"],
    true_depth_m: Float32[ndarray, "height width"],
) -> ConfidenceSamples:
    """Evenly spread pixels of a depth map of which depth and truth are known."""
    index = np.flatnonzero(is_known(depth_m) & is_known(true_depth_m))
    index = index[:: max(1, -(-len(index) // SAMPLES_PER_MAP))]
    depth = depth_m.ravel()[index].astype(np.float64)
    truth = true_depth_m.ravel()[index].astype(np.float64)
    return ConfidenceSamples(
        confidence=confidence.ravel()[index].astype(np.float64),
        error=np.abs(depth - truth) / truth,
        is_within=np.maximum(depth / truth, truth / depth) < 1.25,
    )


def score_confidence(samples: list[ConfidenceSamples]) -> ConfidenceScore | None:
    """The figures over the samples of all depth maps; None if they are too few.

    Source: sparsification curves and AUSE as in Ilg et al., ECCV 2018.
    """
    confidence = np.concatenate([np.zeros(0), *(each.confidence for each in samples)])
    if len(confidence) < FEWEST_SAMPLES:
        return None
    error = np.concatenate([each.error for each in samples])
    is_within = np.concatenate([each.is_within for each in samples])
    rising = np.argsort(confidence, kind="stable")
    by_confidence = _left_after_dropping(error[rising])
    at_best = _left_after_dropping(-np.sort(-error))
    return ConfidenceScore(
        deciles=tuple(
            ConfidenceDecile(
                lowest_confidence=float(confidence[part[0]]),
                highest_confidence=float(confidence[part[-1]]),
                absolute_relative=float(error[part].mean()),
                delta_1_25=float(is_within[part].mean()),
            )
            for part in np.array_split(rising, DECILES)
        ),
        dropped_shares=tuple(step / CURVE_STEPS for step in range(CURVE_STEPS)),
        left_by_confidence=by_confidence,
        left_at_best=at_best,
        ause=float(np.mean(np.subtract(by_confidence, at_best))),
    )


def _left_after_dropping(error: Float64[ndarray, " pixel"]) -> tuple[float, ...]:
    """Mean error without the first share of the pixels, over that of all pixels."""
    mean = float(error.mean())
    if mean == 0.0:
        return (1.0,) * CURVE_STEPS
    return tuple(
        float(error[len(error) * step // CURVE_STEPS :].mean()) / mean
        for step in range(CURVE_STEPS)
    )
