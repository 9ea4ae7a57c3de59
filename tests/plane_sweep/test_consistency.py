# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from helpers import make_pose
from stereo_scenes import WALL, make_views

from depthsplat_ros.plane_sweep.consistency import TOLERANCE, gather_evidence
from depthsplat_ros.plane_sweep.projection import pixel_intrinsics, relate_views

HEIGHT, WIDTH = 72, 96


def gather(poses, source_depths_m, *, coarse=4):
    """Evidence for the true depth of a wall 3 m ahead; the sources say what they are told."""
    views, truth = make_views([WALL], poses)
    intrinsics = pixel_intrinsics(views.intrinsics[0], WIDTH, HEIGHT)
    sources = list(range(1, len(poses)))
    measured = torch.stack(
        [torch.full((HEIGHT // coarse, WIDTH // coarse), 1 / depth) for depth in source_depths_m]
    )
    projection = relate_views(intrinsics, views.world_from_camera[0], 0, sources)
    return gather_evidence(1 / truth[0], measured, projection)


def test_sources_that_measured_the_same_agree():
    # The second source stands a metre nearer: the wall is at 2 m for it.
    evidence = gather([make_pose(), make_pose(0.1), make_pose(z_m=1.0)], [3.0, 2.0])
    centre = (HEIGHT // 2, WIDTH // 2)
    assert evidence.seen_by[centre] == 2
    assert evidence.agreement[centre] == pytest.approx(2.0, abs=1e-4)


def test_a_source_that_measured_something_else_disagrees():
    evidence = gather([make_pose(), make_pose(0.1), make_pose(-0.1)], [3.0 / (1 + TOLERANCE), 1.0])
    centre = (HEIGHT // 2, WIDTH // 2)
    assert evidence.seen_by[centre] == 2
    assert evidence.agreement[centre] == pytest.approx(0.3679, abs=1e-3)


def test_a_source_that_looks_elsewhere_says_nothing():
    evidence = gather([make_pose(), make_pose(0.1, yaw_deg=90)], [3.0])
    assert (evidence.seen_by == 0).all()
    assert (evidence.agreement == 0).all()
    assert (evidence.parallax_px == 0).all()


def test_parallax_is_that_of_the_view_where_it_is_largest():
    evidence = gather([make_pose(), make_pose(0.1), make_pose(-0.4)], [3.0, 3.0])
    seen_by_both = evidence.parallax_px[HEIGHT // 2, WIDTH // 2]
    assert seen_by_both == pytest.approx(90 * 0.4 / 3, rel=1e-3)
    # The second source stands left and sees less of the right.
    assert evidence.parallax_px[HEIGHT // 2, -1] == pytest.approx(90 * 0.1 / 3, rel=1e-3)
