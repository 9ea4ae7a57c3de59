# SPDX-License-Identifier: Apache-2.0
import torch
from helpers import make_frame, make_pose

from depthsplat_ros.model.types import ViewFeatures
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.window import Keyframe, choose_window

DEPTHS_M = (2.0, 3.0, 5.0)


def keyframes(*poses):
    features = ViewFeatures(maps={"nothing": torch.zeros(1, 1)})
    return [
        Keyframe(frame=make_frame(stamp_ns=i, world_from_camera=pose), features=features)
        for i, pose in enumerate(poses)
    ]


def chosen(held, reference, **settings):
    window = choose_window(held, held[reference], DEPTHS_M, StreamingConfig(**settings))
    return None if window is None else [keyframe.frame.stamp_ns for keyframe in window.keyframes]


def test_no_partner_without_parallax():
    assert chosen(keyframes(make_pose(), make_pose(x_m=0.001)), -1) is None


def test_no_partner_without_overlap():
    assert chosen(keyframes(make_pose(yaw_deg=180.0), make_pose(x_m=0.3)), -1) is None


def test_an_older_keyframe_with_baseline_beats_the_latest_without():
    held = keyframes(make_pose(x_m=-0.3), make_pose(x_m=-0.045), make_pose(x_m=-0.04), make_pose())
    assert chosen(held, -1, window_views=2) == [0, 3]


def test_a_moderate_baseline_beats_a_wide_one():
    # At 5, 3 and 2 m, 0.06 m gives 0.7, 1.1 and 1.7 degrees; 0.5 m gives 6, 9 and 14, and what
    # stands nearer than these depths would be seen from too far aside to match.
    held = keyframes(make_pose(x_m=-0.5, yaw_deg=8.0), make_pose(x_m=-0.06), make_pose())
    assert chosen(held, -1, window_views=2) == [1, 2]


def test_a_wide_baseline_serves_where_nothing_better_does():
    # 20 degrees at 5 m, 31 at 3 m.
    held = keyframes(make_pose(x_m=-1.8, yaw_deg=30.0), make_pose())
    assert chosen(held, -1, window_views=2) == [0, 1]


def test_a_keyframe_that_sees_the_uncovered_border_is_chosen_over_one_more_of_the_same():
    # The camera turned right: 1 and 2 miss the right edge of the newest; 0 had seen it.
    held = keyframes(
        make_pose(x_m=-0.4, yaw_deg=25.0),
        make_pose(x_m=-0.25, yaw_deg=-15.0),
        make_pose(x_m=-0.2, yaw_deg=-15.0),
        make_pose(),
    )
    assert 0 in chosen(held, -1, window_views=3)


def test_the_window_is_in_order_of_time_and_knows_its_reference():
    held = keyframes(*(make_pose(x_m=0.15 * i) for i in range(6)))
    window = choose_window(held, held[-2], DEPTHS_M, StreamingConfig(window_views=4))
    stamps = [keyframe.frame.stamp_ns for keyframe in window.keyframes]
    assert stamps == sorted(stamps)
    assert len(stamps) == 4
    assert window.keyframes[window.reference] is held[-2]
