# SPDX-License-Identifier: Apache-2.0
"""A few keyframes that stand for a recording: the best, the worst and those between."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from depthsplat_ros.evaluation.scores import KeyframeScore

MAXIMUM_HELD = 48
"""At this many samples every second one is dropped; best and worst always stay."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """A keyframe with what is needed to show it."""

    stamp_ns: int
    keyframe: int
    """Its number among the keyframes of the recording, from 1."""
    image: UInt8[ndarray, "height width 3"]
    depth_m: Float32[ndarray, "height width"]
    confidence: Float32[ndarray, "height width"]
    true_depth_m: Float32[ndarray, "height width"] | None
    score: KeyframeScore | None

    @property
    def badness(self) -> float:
        """What samples are ranked by: error where the truth is known, else the share unknown."""
        if self.score is None:
            return float(1.0 - np.isfinite(self.depth_m).mean())
        return relative_error(self.score)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankedSample:
    """A sample and its place among all keyframes."""

    rank: str
    sample: Sample


class SampleKeeper:
    """Holds a bounded number of samples, evenly spread over the recording however long it is."""

    def __init__(self) -> None:
        """Start empty."""
        self._samples: list[Sample] = []
        self._badnesses: list[float] = []
        self._keep_every = 1

    def add(self, sample: Sample) -> None:
        """Take the next keyframe."""
        count = len(self._badnesses)
        is_extreme = (
            count == 0
            or sample.badness < min(self._badnesses)
            or sample.badness > max(self._badnesses)
        )
        self._badnesses.append(sample.badness)
        if is_extreme or count % self._keep_every == 0:
            self._samples.append(sample)
        if len(self._samples) > MAXIMUM_HELD:
            self._keep_every *= 2
            by_badness = sorted(range(len(self._samples)), key=self._badness_at)
            ends = {by_badness[0], by_badness[-1]}
            self._samples = [
                held for index, held in enumerate(self._samples) if index % 2 == 0 or index in ends
            ]

    def ranked(self) -> list[RankedSample]:
        """Up to five samples from best to worst; fewer if the recording has fewer."""
        if not self._samples:
            return []
        badnesses = sorted(self._badnesses)
        ranks = ("best", "better quarter", "median", "worse quarter", "worst")
        chosen: dict[int, str] = {}
        # The extremes and the median are named first, so that they win where samples are few.
        for place in (0, 4, 2, 1, 3):
            badness = badnesses[round(place / 4 * (len(badnesses) - 1))]
            chosen.setdefault(self._nearest(badness), ranks[place])
        return [
            RankedSample(rank=chosen[index], sample=self._samples[index])
            for index in sorted(chosen, key=self._badness_at)
        ]

    def _badness_at(self, index: int) -> float:
        return self._samples[index].badness

    def _nearest(self, badness: float) -> int:
        """The index of the sample whose badness is nearest."""

        def distance(index: int) -> float:
            own = self._badness_at(index)
            return 0.0 if own == badness else abs(own - badness)  # infinity equals infinity

        return min(range(len(self._samples)), key=distance)


def relative_error(score: KeyframeScore) -> float:
    """Mean relative error of the published depth; infinite if none could be compared."""
    sums = score.published.sums
    return sums.absolute_relative / sums.compared_pixels if sums.compared_pixels else math.inf
