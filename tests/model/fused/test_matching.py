# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from model.tiny import window

from depthsplat_ros.model.cost_volume import (
    match_views,
    reference_to_neighbour,
    select_neighbours,
    space_inverse_depths,
)
from depthsplat_ros.model.depth import scale_intrinsics
from depthsplat_ros.model.fused import matching

HEIGHT, WIDTH = 3, 4


def example(device, *, views=3, channels=16, candidates=10, batch=1):
    posed = window(views, height=HEIGHT, width=WIDTH, batch=batch)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(batch, views, channels, HEIGHT, WIDTH, generator=generator)
    intrinsics_px = scale_intrinsics(
        posed.intrinsics, width_px=float(WIDTH), height_px=float(HEIGHT)
    )
    return [
        values.to(device)
        for values in (
            features,
            select_neighbours(posed.world_from_camera, 2),
            intrinsics_px,
            posed.world_from_camera,
            space_inverse_depths(posed.near_m, posed.far_m, candidates),
        )
    ]


def fused_scores(features, neighbours, intrinsics_px, world_from_camera, inverse_depths):
    geometry = reference_to_neighbour(intrinsics_px, world_from_camera, neighbours)
    return matching.match_views(features, neighbours, *geometry, inverse_depths, 1e-3)


@pytest.mark.parametrize(
    "choices", [{"views": 4}, {"views": 2, "candidates": 40}, {"channels": 10}, {"batch": 2}]
)
def test_scores_are_those_of_the_twin_in_pytorch(choices, device):
    arguments = example(device, **choices)
    torch.testing.assert_close(
        fused_scores(*arguments), match_views(*arguments), rtol=1e-4, atol=1e-4
    )


def test_hypotheses_may_differ_from_pixel_to_pixel(device):
    *arguments, hypotheses = example(device, candidates=8)
    ripple = 1 + 0.1 * torch.rand(1, 3, 1, HEIGHT, WIDTH, device=device)
    arguments.append(hypotheses * ripple)
    torch.testing.assert_close(
        fused_scores(*arguments), match_views(*arguments), rtol=1e-4, atol=1e-4
    )


@pytest.mark.filterwarnings("ignore:.*encountered in divide")
def test_what_is_not_finite_counts_as_outside(device):
    *arguments, hypotheses = example(device, candidates=4, views=2)
    hypotheses[:, :, 1:3] = torch.tensor([0.0, torch.nan], device=device)[:, None, None]
    scores = fused_scores(*arguments, hypotheses)
    assert (scores[:, :, 2] == 0).all()
    assert scores.isfinite().all()
