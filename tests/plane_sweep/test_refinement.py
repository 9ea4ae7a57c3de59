# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch
from stereo_scenes import SLANTED_WALL, WALL, make_views, sideways

from depthsplat_ros.plane_sweep.filters import GuidedFilter
from depthsplat_ros.plane_sweep.projection import (
    pixel_intrinsics,
    project_to_infinity,
    relate_views,
)
from depthsplat_ros.plane_sweep.refinement import measure_parallax, project, refine, sample

SPACING = 0.03


def scene(rectangle):
    views, truth = make_views([rectangle], sideways(0.0, 0.15, 0.3))
    grey = views.images[0, :, 0]
    height, width = grey.shape[1:]
    intrinsics = pixel_intrinsics(views.intrinsics[0], width, height)
    return grey, relate_views(intrinsics, views.world_from_camera[0], 0, [1, 2]), 1 / truth[0]


def refined(grey, projection, start, **changes):
    settings = dict(spacing=SPACING, prior=0.01) | changes
    return refine(start, grey[0], grey[1:], projection, GuidedFilter(grey[0], 3, 0.01), **settings)


@pytest.mark.parametrize("wall", [WALL, SLANTED_WALL], ids=["parallel", "slanted"])
@pytest.mark.parametrize("offset", [-0.7, 0.4, 0.9])
def test_depth_moves_to_the_truth(wall, offset):
    grey, projection, truth = scene(wall)
    found = refined(grey, projection, truth + offset * SPACING)
    inner = (slice(6, -6), slice(18, -6))  # seen by both sources
    errors = (found - truth)[inner].abs()
    assert errors.median() < 0.35 * abs(offset) * SPACING
    assert errors.quantile(0.95) < 0.6 * abs(offset) * SPACING


def test_depth_at_the_truth_stays():
    grey, projection, truth = scene(SLANTED_WALL)
    found = refined(grey, projection, truth)
    assert (found - truth)[6:-6, 18:-6].abs().quantile(0.95) < 0.1 * SPACING


def test_depth_without_texture_stays():
    grey, projection, truth = scene(replace(WALL, contrast=0.0))
    start = truth + 0.5 * SPACING
    assert torch.allclose(refined(grey, projection, start), start, atol=0.05 * SPACING)


def test_depth_that_no_source_sees_stays():
    grey, projection, truth = scene(WALL)
    start = truth + 0.5 * SPACING
    # The sources stand to the right: they miss the left of the reference.
    assert torch.equal(refined(grey, projection, start)[:, :3], start[:, :3])


def test_a_stronger_prior_moves_less():
    grey, projection, truth = scene(WALL)
    start = truth + 0.5 * SPACING
    weak, strong = (
        (refined(grey, projection, start, prior=prior) - start).abs().mean()
        for prior in (0.001, 1.0)
    )
    assert strong < 0.5 * weak


def test_a_projected_pixel_finds_itself_in_the_source():
    grey, projection, truth = scene(WALL)
    at_infinity = project_to_infinity(projection.infinity, grey.shape[2], grey.shape[1])
    pixels, is_seen = project(at_infinity[1], projection.shift[1].float(), truth)
    difference = (sample(grey[2], pixels) - grey[0]).abs()[is_seen]
    assert 0.7 < is_seen.float().mean() < 1
    assert difference.median() < 0.01


def test_parallax_is_focal_length_times_baseline_times_inverse_depth():
    grey, projection, truth = scene(WALL)
    at_infinity = project_to_infinity(projection.infinity, grey.shape[2], grey.shape[1])
    moved_px = measure_parallax(
        at_infinity[1], projection.shift[1].float(), truth, torch.zeros_like(truth)
    )
    baseline_m = 0.3 * (1 + 0.3**2) ** 0.5
    assert torch.allclose(moved_px, torch.tensor(90.0 * baseline_m / 3.0), rtol=1e-3)
