# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from helpers import SMALL_CAMERA, make_pose

from depthsplat_ros.evaluation.clouds import TrueCloud, score_cloud
from depthsplat_ros.fusion import DepthView


def line(*x_m):
    return np.array([[x, 0.0, 0.0] for x in x_m])


def test_precision_recall_and_f_score_are_those_counted_by_hand():
    # Of four points three lie within 5 cm of a true one; of three true points two have one near.
    points = line(0.0, 0.02, 1.04, 5.0)
    truth = line(0.0, 1.0, 2.0)

    found = score_cloud(points, truth, voxel_m=0.02)

    near = found.matches[0]
    assert (near.threshold_m, near.precision, near.recall) == (0.05, 3 / 4, 2 / 3)
    assert near.f_score == pytest.approx(2 * (3 / 4) * (2 / 3) / (3 / 4 + 2 / 3))
    assert found.accuracy_m == pytest.approx((0.02 + 0.04) / 2)
    assert found.completeness_m == pytest.approx(0.04)
    assert (found.points, found.true_points) == (4, 3)


def test_an_empty_cloud_scores_nothing():
    found = score_cloud(np.zeros((0, 3)), line(0.0), voxel_m=0.02)

    assert [match.f_score for match in found.matches] == [0.0, 0.0]
    assert math.isnan(found.accuracy_m)
    assert math.isinf(found.completeness_m)


def test_the_true_cloud_lies_where_the_depth_says_also_far_from_the_origin():
    cloud = TrueCloud(0.02)
    depth = np.full((SMALL_CAMERA.height_px, SMALL_CAMERA.width_px), 2.0, np.float32)
    depth[:10] = np.nan
    far = np.array([5e6, 4e5, 100.0])
    for x_m in (0.0, 0.01):
        pose = make_pose(x_m)
        pose[:3, 3] += far
        cloud.add(
            DepthView(
                depth_m=depth,
                confidence=np.zeros_like(depth),
                image=np.zeros((*depth.shape, 3), np.uint8),
                camera=SMALL_CAMERA,
                world_from_camera=pose,
            )
        )

    points = cloud.points_m() - far

    assert len(points) > 1000
    np.testing.assert_allclose(points[:, 2], 2.0, atol=1e-6)
    top_m = (10 - SMALL_CAMERA.cy_px) / SMALL_CAMERA.fy_px * 2.0
    assert points[:, 1].min() == pytest.approx(top_m, abs=0.02)


def test_without_any_truth_the_true_cloud_is_empty():
    assert TrueCloud(0.02).points_m().shape == (0, 3)
