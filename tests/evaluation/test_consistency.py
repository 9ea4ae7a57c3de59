# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from helpers import SMALL_CAMERA, make_pose

from depthsplat_ros.evaluation.consistency import ConsistencyMeter, compare_views
from depthsplat_ros.fusion import DepthView

SHAPE = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)


def view(depth_m, x_m=0.0):
    """A wall at a depth, seen from a place along it."""
    depth = np.full(SHAPE, depth_m, np.float32)
    return DepthView(
        depth_m=depth,
        confidence=np.ones(SHAPE, np.float32),
        image=np.zeros((*SHAPE, 3), np.uint8),
        camera=SMALL_CAMERA,
        world_from_camera=make_pose(x_m),
    )


def test_the_same_wall_agrees_wherever_both_see_it():
    found = compare_views(view(3.0), view(3.0, 0.2))

    # 0.2 m at 3 m with a focal length of 60 px are 4 columns of 64.
    assert found.compared == 60 * 48
    assert found.share == 1.0


def test_depths_that_differ_by_more_than_the_limit_disagree():
    assert compare_views(view(3.0), view(3.1, 0.2)).share == 1.0
    assert compare_views(view(3.0), view(3.2, 0.2)).share == 0.0


def test_unknown_depth_is_not_compared():
    unknown = view(math.nan)
    assert compare_views(view(3.0), unknown).compared == 0
    assert math.isnan(compare_views(unknown, view(3.0)).share)


def test_the_meter_adds_up_both_directions_over_the_latest_neighbours():
    meter = ConsistencyMeter()
    assert meter.add(view(3.0)).compared == 0
    added = meter.add(view(3.3))
    assert (added.compared, added.agreeing) == (2 * 64 * 48, 0)
    for _ in range(3):
        meter.add(view(3.0))
    # The odd one is forgotten by now.
    assert meter.add(view(3.0)).share == 1.0
    assert 0 < meter.total.share < 1


def test_far_from_the_origin_nothing_is_lost():
    far = np.array([5e6, 4e5, 0.0])
    views = []
    for x_m in (0.0, 0.2):
        near = view(3.0, x_m)
        pose = near.world_from_camera.copy()
        pose[:3, 3] += far
        views.append(
            DepthView(
                depth_m=near.depth_m,
                confidence=near.confidence,
                image=near.image,
                camera=near.camera,
                world_from_camera=pose,
            )
        )
    assert compare_views(*views).share == pytest.approx(1.0)
