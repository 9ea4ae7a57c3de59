# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from helpers import SMALL_CAMERA, make_frame, make_pose

from depthsplat_ros.streaming import overlap


def test_parallax_is_the_angle_at_the_point():
    points = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 1e7]])
    angles = overlap.parallaxes_deg(points, make_pose(), make_pose(x_m=2.0))
    assert angles[0] == pytest.approx(45.0)
    assert angles[1] == pytest.approx(np.degrees(2e-7), rel=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 1e-4, 30.0, 179.0])
def test_rotation_angle_is_exact(degrees):
    assert overlap.rotation_deg(make_pose(), make_pose(yaw_deg=degrees)) == pytest.approx(
        degrees, abs=1e-9
    )


def test_a_camera_sees_all_its_own_sample_points():
    frame = make_frame(world_from_camera=make_pose(1.0, 2.0, 3.0, yaw_deg=40))
    points = overlap.sample_points(frame, (1.0, 5.0))
    assert len(points) == 2 * overlap.GRID_COLUMNS * overlap.GRID_ROWS
    assert overlap.are_seen(points, frame.camera, frame.world_from_camera).all()


def test_points_behind_a_camera_are_not_seen():
    points = overlap.sample_points(make_frame(), (2.0,))
    turned = make_pose(yaw_deg=180)
    assert not overlap.are_seen(points, SMALL_CAMERA, turned).any()


def test_half_the_points_are_seen_after_a_shift_by_half_the_view():
    depth_m = 3.0
    half_view_m = SMALL_CAMERA.width_px / 2 / SMALL_CAMERA.fx_px * depth_m
    points = overlap.sample_points(make_frame(), (depth_m,))
    seen = overlap.are_seen(points, SMALL_CAMERA, make_pose(x_m=half_view_m))
    assert seen.mean() == pytest.approx(0.5)
