# SPDX-License-Identifier: Apache-2.0
"""From the evidence of pairs of views to verdicts: which mistake, if any, explains the images?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.input_checks.mistakes import NO_OFFSET, OFFSETS_S, WRONG_AXES
from depthsplat_ros.input_checks.verdicts import Check, CheckState, Verdict

FEWEST_PAIRS = 8
FITTING = 0.15
"""Poses that contradict the images less than this fit them."""
CONTRADICTING = 0.3
"""Poses that contradict the images more than this are wrong, whatever the reason."""
CLEARLY_BETTER = 0.4
"""An explanation must leave less than this share of the contradiction."""
FEWEST_OFFSET_PAIRS = 12
PAIRS_WITHOUT_REASON = 20
"""With fewer pairs a contradiction may yet turn out to be a time offset."""
LEAST_OFFSET_S = 0.03
"""Clocks nearer to each other than this are left alone: TF at 30 Hz is not better."""
OFFSET_SHARE = 0.67
"""An offset must leave less than this share of the contradiction."""
RESAMPLINGS = 400
MILLIMETRES = 1000.0
UNIT_TOLERANCE = 1.6
"""A ratio within this factor of 1000 is a mistake in the unit, not in the depth."""
SCALE_TOLERANCE = 1.15
"""Measured and triangulated depth may differ by this factor: sensors are not perfect."""
FAR_SCENE, FAST_CAMERA = 250.0, 10.0
"""Median distance of the scene and units per second beyond which the unit is no metre."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairEvidence:
    """What two views say; contradictions are from 0 (fits) to 1 (does not fit at all)."""

    seconds: float
    """Time between them."""
    moved: float
    """Distance between them, in the unit of the poses."""
    as_given: float
    """Contradiction to the poses as they are."""
    if_inverted: float
    """Contradiction if the poses were world-to-camera."""
    if_wrong_axes: Float64[ndarray, " axes"]
    """Contradiction if the camera frame had other axes, in the order of `WRONG_AXES`."""
    if_offset: Float64[ndarray, " offset"]
    """Contradiction with poses `OFFSETS_S` later; NaN where unknown."""
    depth: float
    """Median triangulated depth, in the unit of the poses; NaN if uncertain."""
    true_over_triangulated: float
    """Median ratio of measured to triangulated depth; NaN without measurements."""


def judge(pairs: Sequence[PairEvidence]) -> list[Verdict]:
    """One verdict per check."""
    if len(pairs) < FEWEST_PAIRS:
        finding = (
            f"{len(pairs)} pairs of views with matching points and enough motion; "
            f"{FEWEST_PAIRS} are needed"
        )
        return [
            Verdict(check=check, state=CheckState.UNDECIDED, finding=finding) for check in Check
        ]
    offset = _judge_offset(pairs)
    poses = _judge_poses(pairs, offset)
    if poses.state is CheckState.WRONG:
        finding = "the poses have to fit the images first"
        return [
            poses,
            *(
                Verdict(check=check, state=CheckState.UNDECIDED, finding=finding)
                for check in (Check.TIME_OFFSET, Check.UNITS)
            ),
        ]
    is_in_time = offset.state is not CheckState.WRONG
    return [poses, offset, _judge_units(pairs, is_in_time=is_in_time)]


def _judge_poses(pairs: Sequence[PairEvidence], offset: Verdict) -> Verdict:
    as_given = _mean(pair.as_given for pair in pairs)
    inverted = _mean(pair.if_inverted for pair in pairs)
    by_axes = np.mean([pair.if_wrong_axes for pair in pairs], axis=0)
    axes = list(WRONG_AXES)[int(np.argmin(by_axes))]
    evidence = {
        "pairs": float(len(pairs)),
        "contradiction_as_given": as_given,
        "contradiction_if_inverted": inverted,
        "contradiction_if_other_axes": float(by_axes.min()),
    }
    limit = min(FITTING, CLEARLY_BETTER * as_given)
    if as_given > FITTING and inverted < limit and inverted <= by_axes.min():
        return Verdict(
            check=Check.POSES,
            state=CheckState.WRONG,
            finding="the poses are world-to-camera; inverted, they fit the images",
            remedy="publish camera-to-world: in TF the camera frame is the child, and its "
            "transform is where it is in the world",
            evidence=evidence,
        )
    if as_given > FITTING and by_axes.min() < limit:
        return Verdict(
            check=Check.POSES,
            state=CheckState.WRONG,
            finding=f"the axes of the camera frame are {axes}, not those of an optical frame",
            remedy="set camera_frame to the camera's optical frame (x right, y down, z forward; "
            "often named ..._optical_frame), or add a static transform that turns the axes",
            evidence=evidence,
        )
    if (
        as_given > CONTRADICTING
        and offset.state is CheckState.UNDECIDED
        and len(pairs) < PAIRS_WITHOUT_REASON
    ):
        return Verdict(
            check=Check.POSES,
            state=CheckState.UNDECIDED,
            finding="the poses contradict the images; too few pairs of views to name a reason",
            evidence=evidence,
        )
    if as_given > CONTRADICTING and offset.state is not CheckState.WRONG:
        return Verdict(
            check=Check.POSES,
            state=CheckState.WRONG,
            finding="the poses contradict the images, and no known mistake explains it",
            remedy="check that camera_frame is where the images are taken, that CameraInfo "
            "belongs to the images, and that the odometry does not slip",
            evidence=evidence,
        )
    return Verdict(
        check=Check.POSES,
        state=CheckState.GOOD,
        finding=f"the poses fit the images: {as_given:.1%} contradiction"
        + ("" if offset.state is not CheckState.WRONG else ", because of the time offset"),
        evidence=evidence,
    )


def _judge_offset(pairs: Sequence[PairEvidence]) -> Verdict:
    costs = np.array([pair.if_offset for pair in pairs])
    # An offset that few pairs know would be judged by other pairs than the rest.
    is_tried = np.isfinite(costs).mean(axis=0) > 0.8
    costs = costs[np.isfinite(costs[:, is_tried]).all(axis=1)]
    offsets_s = np.array(OFFSETS_S)[is_tried]
    if len(costs) < FEWEST_OFFSET_PAIRS or is_tried.sum() < 3:
        return Verdict(
            check=Check.TIME_OFFSET,
            state=CheckState.UNDECIDED,
            finding=f"poses around the stamps are known for {len(costs)} pairs of views; "
            f"{FEWEST_OFFSET_PAIRS} are needed",
        )
    costs = costs[:, is_tried]
    offset_s = _best_offset_s(offsets_s, costs.mean(axis=0))
    generator = np.random.default_rng(0)
    chosen = generator.integers(0, len(costs), (RESAMPLINGS, len(costs)))
    resampled_s = [_best_offset_s(offsets_s, costs[index].mean(axis=0)) for index in chosen]
    low_s, high_s = np.quantile(resampled_s, (0.05, 0.95))
    as_given = float(costs[:, np.flatnonzero(is_tried) == NO_OFFSET].mean())
    best = float(costs.mean(axis=0).min())
    evidence = {
        "pairs": float(len(costs)),
        "offset_s": offset_s,
        "offset_low_s": float(low_s),
        "offset_high_s": float(high_s),
        "contradiction_as_given": as_given,
        "contradiction_with_offset": best,
    }
    is_certain = min(abs(low_s), abs(high_s)) >= LEAST_OFFSET_S and low_s * high_s > 0
    if is_certain and best < FITTING and best < OFFSET_SHARE * as_given:
        later = "after" if offset_s > 0 else "before"
        return Verdict(
            check=Check.TIME_OFFSET,
            state=CheckState.WRONG,
            finding=f"the images fit the poses {abs(offset_s) * 1000:.0f} ms {later} their "
            f"stamps (90 % interval {low_s * 1000:.0f} to {high_s * 1000:.0f} ms)",
            remedy=f"synchronise the clocks, or set the node's time_offset_s to {offset_s:.2f}",
            evidence=evidence,
        )
    if high_s - low_s > 2 * LEAST_OFFSET_S:
        return Verdict(
            check=Check.TIME_OFFSET,
            state=CheckState.UNDECIDED,
            finding=f"the motion is too even to tell: anything from {low_s * 1000:.0f} to "
            f"{high_s * 1000:.0f} ms would fit",
            evidence=evidence,
        )
    return Verdict(
        check=Check.TIME_OFFSET,
        state=CheckState.GOOD,
        finding=f"images and poses agree in time to {abs(offset_s) * 1000:.0f} ms",
        evidence=evidence,
    )


def _best_offset_s(
    offsets_s: Float64[ndarray, " offset"], costs: Float64[ndarray, " offset"]
) -> float:
    """The minimum, between the steps: that of a parabola through the three lowest neighbours."""
    index = int(np.argmin(costs))
    if index in (0, len(costs) - 1):
        return float(offsets_s[index])
    before, here, after = costs[index - 1 : index + 2]
    curvature = before - 2 * here + after
    shift = 0.5 * (before - after) / curvature if curvature > 0 else 0.0
    return float(offsets_s[index] + shift * (offsets_s[index] - offsets_s[index - 1]))


def _judge_units(pairs: Sequence[PairEvidence], *, is_in_time: bool) -> Verdict:
    speed = float(np.median([pair.moved / pair.seconds for pair in pairs]))
    depth = _median(pair.depth for pair in pairs)
    ratio = _median(pair.true_over_triangulated for pair in pairs)
    evidence = {
        "pairs": float(len(pairs)),
        "median_speed_units_per_s": speed,
        "median_triangulated_depth_units": depth,
        "median_true_over_triangulated_depth": ratio,
    }

    def verdict(state: CheckState, finding: str, remedy: str = "") -> Verdict:
        return Verdict(
            check=Check.UNITS, state=state, finding=finding, remedy=remedy, evidence=evidence
        )

    if np.isnan(depth):
        return verdict(CheckState.UNDECIDED, "too little parallax to triangulate distances")
    is_huge = speed > FAST_CAMERA and depth > FAR_SCENE
    if _is_near(ratio, 1 / MILLIMETRES) or (is_huge and not _is_near(ratio, 1.0)):
        return verdict(
            CheckState.WRONG,
            "the poses are in millimetres, not metres: the camera would move at "
            f"{speed:.0f} m/s through a scene {depth:.0f} m away",
            "divide the translations by 1000, or set pose_scale to 0.001",
        )
    if _is_near(ratio, MILLIMETRES):
        return verdict(
            CheckState.WRONG,
            f"the depth images are in millimetres, not metres: they are {ratio:.0f} "
            "times what poses and images say",
            "publish depth as 16UC1 millimetres or 32FC1 metres (REP 118)",
        )
    if not np.isnan(ratio) and not 1 / SCALE_TOLERANCE < ratio < SCALE_TOLERANCE:
        if not is_in_time:
            return verdict(CheckState.UNDECIDED, "the time offset has to be mended first")
        return verdict(
            CheckState.WRONG,
            f"the depth images are {ratio:.3g} times what poses and images say",
            f"set pose_scale to {ratio:.3g} if the poses are of unknown scale; else check "
            "CameraInfo and the unit of the depth images",
        )
    known = "" if np.isnan(ratio) else f"; measured depth is {ratio:.2f} times what they say"
    return verdict(
        CheckState.GOOD,
        f"the camera moves at {speed:.2g} m/s through a scene {depth:.2g} m away{known}",
    )


def _is_near(ratio: float, expected: float) -> bool:
    return 1 / UNIT_TOLERANCE < ratio / expected < UNIT_TOLERANCE


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else float("nan")
