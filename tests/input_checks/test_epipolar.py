# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from helpers import make_pose

from depthsplat_ros.input_checks.epipolar import contradiction, sampson_error, triangulate
from depthsplat_ros.input_checks.features import Matches

PIXEL = 1 / 500


def matches_of(first_from_second, count=200):
    """Points 2 to 6 units before two cameras, as both see them."""
    generator = np.random.default_rng(0)
    points = generator.uniform((-1, -1, 2), (1, 1, 6), (count, 3))
    second = (points - first_from_second[:3, 3]) @ first_from_second[:3, :3]
    return points[:, 2], Matches(
        first_rays=points / points[:, 2:],
        second_rays=second / second[:, 2:],
        pixel=PIXEL,
        first_true_depth_m=None,
    )


def test_the_true_motion_is_not_contradicted():
    pose = make_pose(0.3, 0.05, -0.1, yaw_deg=4)
    _, matches = matches_of(pose)
    assert contradiction(matches, pose) < 1e-12
    assert sampson_error(matches, pose).max() < 1e-12


def test_a_motion_the_other_way_puts_every_point_behind_and_is_wholly_contradicted():
    pose = make_pose(0.5)
    _, matches = matches_of(pose)
    # Its epipolar lines are the same: only the side tells.
    assert sampson_error(matches, make_pose(-0.5)).max() < 1e-12
    assert contradiction(matches, make_pose(-0.5)) == 1.0


def test_the_error_of_a_shifted_point_is_its_distance_from_the_line():
    _, matches = matches_of(make_pose(0.5))
    moved = Matches(
        first_rays=matches.first_rays + (0, 2 * PIXEL, 0),
        second_rays=matches.second_rays,
        pixel=PIXEL,
        first_true_depth_m=None,
    )
    # Lines are horizontal in both images; Sampson's error shares the two pixels between them.
    assert sampson_error(moved, make_pose(0.5)) == pytest.approx(2 * PIXEL / np.sqrt(2))
    assert contradiction(moved, make_pose(0.5)) == pytest.approx((2 / np.sqrt(2) / 4) ** 2)


def test_triangulation_gives_the_depths_in_the_unit_of_the_motion():
    pose = make_pose(0.4, 0.1, 0.05, yaw_deg=-3)
    depth, matches = matches_of(pose)
    found, _, parallax = triangulate(matches, pose)
    np.testing.assert_allclose(found, depth, rtol=1e-9)
    in_millimetres = pose.copy()
    in_millimetres[:3, 3] *= 1000
    np.testing.assert_allclose(triangulate(matches, in_millimetres)[0], 1000 * depth, rtol=1e-9)
    assert (parallax > 0).all()


def test_a_turn_on_the_spot_neither_fails_nor_accuses():
    pose = make_pose(yaw_deg=5)
    _, matches = matches_of(pose)
    assert contradiction(matches, pose) < 1e-9
