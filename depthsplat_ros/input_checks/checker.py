# SPDX-License-Identifier: Apache-2.0
"""InputChecker: pairs of views in, verdicts on poses, clock and units out.

views -> features -> pairs of views with enough motion between them
           -> how much each pair contradicts the poses, and what they would be without a mistake
                -> the mistake, if any, that explains the images
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.input_checks.epipolar import contradiction, triangulate
from depthsplat_ros.input_checks.features import ImageFeatures, find_features, match_features
from depthsplat_ros.input_checks.judgement import PairEvidence, judge
from depthsplat_ros.input_checks.mistakes import NO_OFFSET, OFFSETS_S, WRONG_AXES
from depthsplat_ros.input_checks.verdicts import Verdict

LEAST_MOTION_PX = 2.0
"""Pairs whose points moved less say nothing; the older view waits for a later partner."""
TRIANGULATED_PARALLAX = np.radians(1.0)
"""Points with less parallax are too uncertain to tell a distance."""
FEWEST_TRIANGULATED = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedView:
    """An image as the checks see it, and where it is said to have been taken."""

    stamp_ns: int
    features: ImageFeatures
    world_from_camera: Float64[ndarray, "offset 4 4"]
    """The claimed pose at the stamp plus each of `OFFSETS_S`; NaN where unknown."""


def view_of(
    *,
    stamp_ns: int,
    image: UInt8[ndarray, "height width 3"],
    camera: Camera,
    world_from_camera: Float64[ndarray, "offset 4 4"],
    true_depth_m: Float32[ndarray, "height width"] | None = None,
) -> CheckedView:
    """A rectified RGB image with the claimed poses around its stamp, and true depth if known."""
    assert len(world_from_camera) == len(OFFSETS_S)
    return CheckedView(
        stamp_ns=stamp_ns,
        features=find_features(image, camera, true_depth_m),
        world_from_camera=world_from_camera,
    )


class InputChecker:
    """Collects evidence pair by pair; memory is bounded."""

    def __init__(self, *, most_pairs: int = 400) -> None:
        """Start without evidence; beyond `most_pairs` new evidence replaces the oldest."""
        self._pairs: deque[PairEvidence] = deque(maxlen=most_pairs)
        self._previous: CheckedView | None = None

    @property
    def pairs(self) -> int:
        """How many pairs of views speak."""
        return len(self._pairs)

    def reset(self) -> None:
        """Forget everything."""
        self._pairs.clear()
        self._previous = None

    def add(self, view: CheckedView) -> None:
        """Take the next view in time."""
        previous, self._previous = self._previous, view
        if previous is None or view.stamp_ns <= previous.stamp_ns:
            return
        matches = match_features(previous.features, view.features)
        if matches is None:
            return
        if matches.median_motion_px() < LEAST_MOTION_PX:
            self._previous = previous
            return
        relative = [
            np.linalg.inv(first) @ second if np.isfinite([first, second]).all() else None
            for first, second in zip(
                previous.world_from_camera, view.world_from_camera, strict=True
            )
        ]
        as_given = relative[NO_OFFSET]
        if as_given is None:
            return
        first, second = (each.world_from_camera[NO_OFFSET] for each in (previous, view))
        first_depth, _, parallax = triangulate(matches, as_given)
        is_measured = (parallax > TRIANGULATED_PARALLAX) & (first_depth > 0)
        has_depth = is_measured.sum() >= FEWEST_TRIANGULATED
        self._pairs.append(
            PairEvidence(
                seconds=(view.stamp_ns - previous.stamp_ns) / 1e9,
                moved=float(np.linalg.norm(as_given[:3, 3])),
                as_given=contradiction(matches, as_given),
                if_inverted=contradiction(matches, first @ np.linalg.inv(second)),
                if_wrong_axes=np.array(
                    [
                        contradiction(matches, np.linalg.inv(fix) @ as_given @ fix)
                        for fix in WRONG_AXES.values()
                    ]
                ),
                if_offset=np.array(
                    [np.nan if each is None else contradiction(matches, each) for each in relative]
                ),
                depth=float(np.median(first_depth[is_measured])) if has_depth else np.nan,
                true_over_triangulated=_depth_ratio(
                    matches.first_true_depth_m, first_depth, is_measured
                ),
            )
        )

    def verdicts(self) -> list[Verdict]:
        """What the evidence so far says, one verdict per check."""
        return judge(list(self._pairs))


def _depth_ratio(
    true_depth_m: Float64[ndarray, " match"] | None,
    depth: Float64[ndarray, " match"],
    is_measured: ndarray,
) -> float:
    """Median of measured over triangulated depth; NaN where either is missing."""
    if true_depth_m is None:
        return np.nan
    both = is_measured & np.isfinite(true_depth_m) & (true_depth_m > 0)
    if both.sum() < FEWEST_TRIANGULATED:
        return np.nan
    return float(np.median(true_depth_m[both] / depth[both]))
