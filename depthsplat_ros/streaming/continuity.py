# SPDX-License-Identifier: Apache-2.0
"""Does a frame continue the stream, or has time, the camera or the pose jumped?"""

from dataclasses import dataclass

from depthsplat_ros.frame import Frame
from depthsplat_ros.streaming import overlap
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.skips import SkipReason

LATE_FRAME_TOLERANCE_S = 0.5
"""A frame older than its predecessor by less than this is late; by more, time itself went back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """What interrupts the stream; `is_reset` tells whether everything before is void."""

    reason: SkipReason
    detail: str
    is_reset: bool


def find_break(previous: Frame, frame: Frame, config: StreamingConfig) -> Break | None:
    """None if the frame continues the stream, else what interrupts it."""
    elapsed_s = (frame.stamp_ns - previous.stamp_ns) / 1e9
    if elapsed_s == 0:
        return Break(
            reason=SkipReason.DUPLICATE_STAMP,
            detail=f"a second frame with the stamp {frame.stamp_ns / 1e9:.6f} s",
            is_reset=False,
        )
    if -LATE_FRAME_TOLERANCE_S < elapsed_s < 0:
        return Break(
            reason=SkipReason.OUT_OF_ORDER,
            detail=f"the frame is {-elapsed_s:.3f} s older than one already seen",
            is_reset=False,
        )
    if elapsed_s < 0:
        return Break(
            reason=SkipReason.TIME_JUMP,
            detail=f"time went back by {-elapsed_s:.3f} s",
            is_reset=True,
        )
    if elapsed_s > config.maximum_gap_s:
        return Break(
            reason=SkipReason.LONG_GAP,
            detail=f"no frame for {elapsed_s:.2f} s (maximum_gap_s {config.maximum_gap_s:g})",
            is_reset=True,
        )
    if frame.camera != previous.camera:
        return Break(
            reason=SkipReason.CAMERA_CHANGED,
            detail=f"the camera changed from {previous.camera} to {frame.camera}",
            is_reset=True,
        )
    moved = overlap.distance(previous.world_from_camera, frame.world_from_camera)
    speed_mps = moved / elapsed_s
    if speed_mps > config.maximum_speed_mps:
        return Break(
            reason=SkipReason.POSE_JUMP,
            detail=f"the pose jumped {moved:.2f} m in {elapsed_s:.3f} s "
            f"(maximum_speed_mps {config.maximum_speed_mps:g})",
            is_reset=True,
        )
    turned_deg = overlap.rotation_deg(previous.world_from_camera, frame.world_from_camera)
    if turned_deg / elapsed_s > config.maximum_turn_rate_dps:
        return Break(
            reason=SkipReason.POSE_JUMP,
            detail=f"the pose turned {turned_deg:.0f} deg in {elapsed_s:.3f} s "
            f"(maximum_turn_rate_dps {config.maximum_turn_rate_dps:g})",
            is_reset=True,
        )
    return None
