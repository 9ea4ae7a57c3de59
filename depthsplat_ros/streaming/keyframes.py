# SPDX-License-Identifier: Apache-2.0
"""Is this frame worth keeping? Poses in, a verdict with its reason out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depthsplat_ros.frame import Frame
from depthsplat_ros.streaming import overlap
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.skips import SkipReason

STANDING_STILL_PARALLAX_DEG = 0.2
STANDING_STILL_ROTATION_DEG = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a frame does not become a keyframe."""

    reason: SkipReason
    detail: str


def reject_keyframe(
    frame: Frame,
    held: Sequence[Frame],
    scene_depths_m: tuple[float, ...],
    config: StreamingConfig,
) -> Rejection | None:
    """None if the frame should become a keyframe, else why not.

    A frame is new when it looks at the scene from another direction, or at another part of it.
    Looking elsewhere counts only where some held keyframe lets it be measured: a camera that
    turns on the spot sees new things and learns no depth.

    Args:
        frame: the candidate.
        held: the frames of the keyframes kept so far, oldest first.
        scene_depths_m: depths at which the scene is expected.
        config: the thresholds.
    """
    if not held:
        return None
    points = overlap.sample_points(frame, scene_depths_m)
    latest = held[-1]
    parallax_deg = float(
        np.median(
            overlap.parallaxes_deg(points, frame.world_from_camera, latest.world_from_camera)
        )
    )
    if parallax_deg >= config.keyframe_parallax_deg:
        return None
    rotation_deg = overlap.rotation_deg(frame.world_from_camera, latest.world_from_camera)
    share_seen = float(overlap.are_seen(points, latest.camera, latest.world_from_camera).mean())
    moved = (
        f"parallax {parallax_deg:.2f} deg, rotation {rotation_deg:.1f} deg, "
        f"overlap {share_seen:.0%} since the last keyframe"
    )
    if rotation_deg < config.keyframe_rotation_deg and share_seen >= config.keyframe_overlap:
        is_still = (
            parallax_deg < STANDING_STILL_PARALLAX_DEG
            and rotation_deg < STANDING_STILL_ROTATION_DEG
        )
        if is_still:
            return Rejection(
                reason=SkipReason.STANDING_STILL,
                detail=f"the camera stands still ({moved}); waiting for motion",
            )
        return Rejection(
            reason=SkipReason.TOO_SIMILAR,
            detail=f"too similar to the last keyframe ({moved})",
        )
    if any(is_partner(frame, other, points, config) for other in held):
        return None
    return Rejection(
        reason=SkipReason.PURE_ROTATION,
        detail=f"the camera turns without moving ({moved}); depth needs translation",
    )


def is_partner(frame: Frame, other: Frame, points: "np.ndarray", config: StreamingConfig) -> bool:
    """Whether another view sees enough of the frame from a direction different enough."""
    is_seen = overlap.are_seen(points, other.camera, other.world_from_camera)
    if is_seen.mean() < config.minimum_overlap:
        return False
    parallaxes_deg = overlap.parallaxes_deg(
        points[is_seen], frame.world_from_camera, other.world_from_camera
    )
    return bool(np.median(parallaxes_deg) >= config.minimum_parallax_deg)
