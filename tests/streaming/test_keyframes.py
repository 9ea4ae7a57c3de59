# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from helpers import make_frame, make_pose

from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.keyframes import reject_keyframe
from depthsplat_ros.streaming.skips import SkipReason

DEPTHS_M = (2.0, 3.0, 5.0)
CONFIG = StreamingConfig()


def verdict(pose, held_poses, depths_m=DEPTHS_M, config=CONFIG):
    held = [make_frame(stamp_ns=i, world_from_camera=p) for i, p in enumerate(held_poses)]
    frame = make_frame(stamp_ns=len(held), world_from_camera=pose)
    rejection = reject_keyframe(frame, held, depths_m, config)
    return None if rejection is None else rejection.reason


def test_the_first_frame_is_a_keyframe():
    assert verdict(make_pose(), []) is None


def test_enough_parallax_makes_a_keyframe():
    baseline_m = 3.0 * np.tan(np.radians(CONFIG.keyframe_parallax_deg)) * 1.3
    assert verdict(make_pose(x_m=baseline_m), [make_pose()]) is None


def test_standing_still_is_refused_with_its_reason():
    assert verdict(make_pose(x_m=0.002), [make_pose()]) is SkipReason.STANDING_STILL


def test_a_small_step_is_too_similar():
    assert verdict(make_pose(x_m=0.05), [make_pose()]) is SkipReason.TOO_SIMILAR


@pytest.mark.parametrize("yaw_deg", [12.0, 60.0, 180.0])
def test_pure_rotation_is_refused_with_its_reason(yaw_deg):
    assert verdict(make_pose(yaw_deg=yaw_deg), [make_pose()]) is SkipReason.PURE_ROTATION


def test_rotation_counts_where_an_older_keyframe_gives_parallax():
    held = [make_pose(x_m=-0.4), make_pose()]
    assert verdict(make_pose(yaw_deg=15.0), held) is None


def test_keyframes_do_not_depend_on_the_unit_of_the_poses():
    rng = np.random.default_rng(0)
    for _ in range(20):
        pose = make_pose(*(rng.normal(size=3) * 0.06), yaw_deg=rng.normal() * 8)
        scaled = pose.copy()
        scaled[:3, 3] *= 1000
        depths_mm = tuple(1000 * depth for depth in DEPTHS_M)
        assert verdict(pose, [make_pose()]) is verdict(scaled, [make_pose()], depths_mm)
