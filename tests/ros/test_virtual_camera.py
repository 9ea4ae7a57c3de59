# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from helpers import SMALL_CAMERA, make_pose

pytest.importorskip("rclpy")

from depthsplat_ros.frame import check_rigid
from depthsplat_ros.ros.virtual_camera import (
    MOTIONS,
    CurrentView,
    NovelViewConfig,
    virtual_lens,
    virtual_pose,
)
from depthsplat_ros.settings import SettingError

VIEW = CurrentView(
    camera=SMALL_CAMERA,
    world_from_camera=make_pose(4.0, -2.0, 7.0, yaw_deg=50.0),
    scene_depth_m=5.0,
)


def pose_of(motion, *, time_s=0.0, view=VIEW, **settings):
    config = NovelViewConfig(novel_view_motion=motion, **settings)
    return virtual_pose(view, config, time_s=time_s)


def seen_from(pose, point):
    """A point of the world in the axes of a camera."""
    return (np.linalg.inv(pose) @ point)[:3]


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("time_s", [0.0, 1.7, 1.7e9])
def test_every_motion_gives_a_rigid_pose(motion, time_s):
    check_rigid(pose_of(motion, time_s=time_s))


@pytest.mark.parametrize("motion", ["orbit", "offset"])
@pytest.mark.parametrize("time_s", [0.0, 2.0, 3.3])
def test_the_spot_in_front_stays_in_the_middle_of_the_picture(motion, time_s):
    spot = VIEW.world_from_camera @ (0.0, 0.0, 5.0, 1.0)
    x, y, z = seen_from(pose_of(motion, time_s=time_s, novel_view_radius=0.4), spot)
    assert (x, y) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert z > 4.0


def test_an_orbit_closes_after_its_period_and_keeps_its_distance():
    settings = {"novel_view_radius": 0.2, "novel_view_period_s": 8.0}
    first = pose_of("orbit", time_s=1.0, **settings)
    np.testing.assert_allclose(pose_of("orbit", time_s=9.0, **settings), first, atol=1e-12)
    opposite = pose_of("orbit", time_s=5.0, **settings)
    assert np.linalg.norm(opposite[:3, 3] - first[:3, 3]) == pytest.approx(2 * 0.2 * 5.0)


def test_the_radius_follows_the_unit_of_the_poses():
    scaled = CurrentView(
        camera=VIEW.camera,
        world_from_camera=np.block(
            [
                [VIEW.world_from_camera[:3, :3], 100 * VIEW.world_from_camera[:3, 3:]],
                [np.zeros((1, 3)), np.ones((1, 1))],
            ]
        ),
        scene_depth_m=100 * VIEW.scene_depth_m,
    )
    for motion in MOTIONS:
        here, there = pose_of(motion, time_s=0.7), pose_of(motion, time_s=0.7, view=scaled)
        np.testing.assert_allclose(there[:3, 3], 100 * here[:3, 3])
        np.testing.assert_allclose(there[:3, :3], here[:3, :3])


def test_offset_is_behind_and_above():
    x, y, z = seen_from(VIEW.world_from_camera, pose_of("offset") @ (0, 0, 0, 1))
    assert x == pytest.approx(0.0, abs=1e-12)
    assert y < 0  # y is down
    assert z < 0


def test_look_back_sees_what_lies_behind_upright():
    pose = pose_of("look_back", novel_view_radius=0.0)
    behind_left_above = VIEW.world_from_camera @ (-1.0, -0.5, -3.0, 1.0)
    np.testing.assert_allclose(seen_from(pose, behind_left_above), (1.0, -0.5, 3.0), atol=1e-12)


def test_follow_is_the_current_view():
    np.testing.assert_array_equal(pose_of("follow"), VIEW.world_from_camera)


def test_the_lens_is_the_cameras_unless_told_otherwise():
    assert virtual_lens(SMALL_CAMERA, NovelViewConfig()) == SMALL_CAMERA


def test_a_width_alone_resizes_the_picture_and_keeps_what_is_in_it():
    lens = virtual_lens(SMALL_CAMERA, NovelViewConfig(novel_view_width_px=128))
    assert lens == SMALL_CAMERA.resized(width_px=128, height_px=96)


def test_another_aspect_ratio_keeps_pixels_square():
    config = NovelViewConfig(novel_view_width_px=128, novel_view_height_px=48)
    lens = virtual_lens(SMALL_CAMERA, config)
    assert (lens.width_px, lens.height_px, lens.fx_px, lens.fy_px) == (128, 48, 120.0, 120.0)
    assert (lens.cx_px, lens.cy_px) == (63.5, 23.5)


def test_a_field_of_view_reaches_from_edge_to_edge():
    config = NovelViewConfig(novel_view_width_px=100, novel_view_field_of_view_deg=90.0)
    lens = virtual_lens(SMALL_CAMERA, config)
    assert lens.height_px == 75
    assert math.degrees(2 * math.atan(50 / lens.fx_px)) == pytest.approx(90.0)
    assert (lens.fx_px, lens.cx_px, lens.cy_px) == (lens.fy_px, 49.5, 37.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"novel_view_motion": "somersault"},
        {"novel_view_rate_hz": 0.0},
        {"novel_view_radius": float("nan")},
        {"novel_view_width_px": 100_000},
        {"novel_view_height_px": 100},
        {"novel_view_field_of_view_deg": 180.0},
        {"novel_view_period_s": 0.0},
    ],
)
def test_nonsense_is_refused_by_name(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        NovelViewConfig(**settings)
