# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from helpers import make_pose

from depthsplat_ros.frame import check_rigid
from depthsplat_ros.offline.camera_paths import (
    distance_ahead_m,
    follow,
    look_at,
    orbit_around,
    spiral,
)

UTM = np.array([432_198.6, 5_432_109.8, 431.2])


def walk(count, offset_m=(0.0, 0.0, 0.0)):
    poses = np.stack([make_pose(x_m=0.3 * step, yaw_deg=4.0 * step) for step in range(count)])
    poses[:, :3, 3] += offset_m
    return poses


def ahead(pose, distance_m):
    return pose[:3, 3] + distance_m * pose[:3, 2]


@pytest.mark.parametrize(
    "poses",
    [
        follow(walk(20), 3.0, 50),
        follow(walk(20, UTM), 3.0, 50),
        follow(walk(1), 3.0, 5),
        spiral(make_pose(yaw_deg=30.0), 2.0, 24),
        orbit_around(np.random.default_rng(0).normal(size=(500, 3)) + UTM, 36),
        orbit_around(np.zeros((1, 3)), 4),
    ],
    ids=["follow", "follow in map coordinates", "one keyframe", "spiral", "orbit", "one point"],
)
def test_every_pose_is_rigid(poses):
    for pose in poses:
        check_rigid(pose)


def test_following_stays_near_the_recorded_way_and_moves_smoothly():
    recorded, distance_m = walk(20), 3.0
    poses = follow(recorded, distance_m, 200)
    nearest = np.linalg.norm(poses[:, None, :3, 3] - recorded[None, :, :3, 3], axis=-1).min(axis=1)
    assert nearest.max() < 0.3 + 0.1 * distance_m
    steps_m = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=-1)
    assert steps_m.max() < 3 * np.median(steps_m)
    # A camera that turns right goes on turning right.
    np.testing.assert_allclose(poses[100, :3, 2], make_pose(yaw_deg=38.2)[:3, 2], atol=0.02)


def test_following_in_map_coordinates_is_the_same_way():
    np.testing.assert_allclose(
        follow(walk(20, UTM), 3.0, 40)[:, :3, 3] - UTM,
        follow(walk(20), 3.0, 40)[:, :3, 3],
        atol=1e-6,
    )


def test_a_spiral_looks_at_one_point_from_many_places():
    start = make_pose(x_m=1.0, yaw_deg=30.0)
    poses = spiral(start, 2.0, 60)
    for pose in poses:
        to_target = ahead(start, 2.0) - pose[:3, 3]
        assert pose[:3, 2] @ to_target / np.linalg.norm(to_target) == pytest.approx(1.0)
    assert np.ptp(poses[:, :3, 3] @ start[:3, 0]) > 0.5
    np.testing.assert_allclose(poses[0], start, atol=1e-9)


def test_an_orbit_goes_once_around_with_the_world_upright():
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 3)) + [5.0, 0.0, 0.0]
    poses = orbit_around(points, 36)
    offsets = poses[:, :3, 3] - [5.0, 0.0, 0.0]
    angles = np.unwrap(np.arctan2(offsets[:, 1], offsets[:, 0]))
    assert abs(angles[-1] - angles[0]) == pytest.approx(2 * np.pi * 35 / 36, rel=0.02)
    assert (offsets[:, 2] > 0).all()
    assert (np.abs(poses[:, 2, 0]) < 1e-9).all(), "the horizon is level"
    assert (poses[:, 2, 1] < 0).all(), "the camera's y points down"


def test_looking_at_a_point_puts_it_on_the_optical_axis():
    pose = look_at(
        np.array([1.0, 2.0, 3.0]), np.array([4.0, -2.0, 3.5]), np.array([0.0, 0.0, 1.0])
    )
    local = np.linalg.inv(pose) @ [4.0, -2.0, 3.5, 1.0]
    np.testing.assert_allclose(local[:2], 0, atol=1e-12)
    assert local[2] > 0


def test_the_distance_is_that_of_what_lies_ahead():
    points = np.concatenate(
        [np.random.default_rng(0).normal(0, 0.1, (100, 3)) + [0, 0, 4.0], np.full((500, 3), -9.0)]
    )
    assert distance_ahead_m(points, np.eye(4)) == pytest.approx(4.0, abs=0.1)
    assert distance_ahead_m(np.full((5, 3), -9.0), np.eye(4)) == 1.0
