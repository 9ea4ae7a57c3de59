# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
from helpers import SECOND_NS, SMALL_CAMERA, make_frame, make_pose

from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.continuity import find_break
from depthsplat_ros.streaming.skips import SkipReason

START_NS = 100 * SECOND_NS


def break_after(elapsed_s, pose=None, camera=SMALL_CAMERA):
    previous = make_frame(stamp_ns=START_NS)
    frame = make_frame(
        stamp_ns=START_NS + round(elapsed_s * SECOND_NS), camera=camera, world_from_camera=pose
    )
    return find_break(previous, frame, StreamingConfig())


def test_the_next_frame_continues_the_stream():
    assert break_after(0.1, make_pose(x_m=0.1, yaw_deg=5)) is None


@pytest.mark.parametrize(
    ("elapsed_s", "pose", "reason", "is_reset"),
    [
        (0.0, None, SkipReason.DUPLICATE_STAMP, False),
        (-0.1, None, SkipReason.OUT_OF_ORDER, False),
        (-10.0, None, SkipReason.TIME_JUMP, True),
        (60.0, None, SkipReason.LONG_GAP, True),
        (0.1, make_pose(x_m=3.0), SkipReason.POSE_JUMP, True),
        (0.1, make_pose(yaw_deg=120.0), SkipReason.POSE_JUMP, True),
    ],
)
def test_each_interruption_has_its_reason(elapsed_s, pose, reason, is_reset):
    found = break_after(elapsed_s, pose)
    assert (found.reason, found.is_reset) == (reason, is_reset)


def test_another_camera_empties_the_window():
    zoomed = dataclasses.replace(SMALL_CAMERA, fx_px=90.0)
    assert break_after(0.1, camera=zoomed).reason is SkipReason.CAMERA_CHANGED
