# SPDX-License-Identifier: Apache-2.0
"""Depth, poses and visibility of the procedural scenes belong together."""

import numpy as np
import pytest
import torch

HEIGHT, WIDTH = 48, 64


@pytest.fixture(scope="module")
def render(renderer):
    return renderer.render(renderer.make([3, 9, 12], 3, WIDTH / HEIGHT), HEIGHT, WIDTH, samples=1)


def points_of(render, window, view):
    """World points behind all pixels of a view, from its depth map."""
    y, x = torch.meshgrid(
        (torch.arange(HEIGHT) + 0.5) / HEIGHT, (torch.arange(WIDTH) + 0.5) / WIDTH, indexing="ij"
    )
    pixels = torch.stack([x, y, torch.ones_like(x)], -1)
    rays = pixels @ render.intrinsics[window, view].inverse().T
    pose = render.world_from_camera[window, view]
    points = rays * render.depth_m[window, view, ..., None]
    return points @ pose[:3, :3].T + pose[:3, 3]


def seen_from(render, window, view, points):
    """Depths of a view in the 3x3 pixels where points fall, their own, and which fall in."""
    pose = render.world_from_camera[window, view].inverse()
    local = points @ pose[:3, :3].T + pose[:3, 3]
    image = local @ render.intrinsics[window, view].T
    column = (image[..., 0] / image[..., 2] * WIDTH).floor().long()
    row = (image[..., 1] / image[..., 2] * HEIGHT).floor().long()
    is_inside = (
        (local[..., 2] > 0) & (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
    )
    depth_m = render.depth_m[window, view]
    around = torch.stack(
        [
            depth_m[(row + i).clamp(0, HEIGHT - 1), (column + j).clamp(0, WIDTH - 1)]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        ]
    )
    return around, local[..., 2], is_inside


def test_same_seed_gives_the_same_scene_in_any_company(renderer, render):
    alone = renderer.render(renderer.make([9], 3, WIDTH / HEIGHT), HEIGHT, WIDTH, samples=1)
    assert torch.equal(alone.radiance[0], render.radiance[1])
    assert torch.equal(alone.depth_m[0], render.depth_m[1])
    assert not torch.equal(render.depth_m[0], render.depth_m[1])


def test_cameras_are_rigid_and_depth_is_in_front(render):
    rotation = render.world_from_camera[..., :3, :3]
    identity = torch.eye(3).expand_as(rotation)
    torch.testing.assert_close(rotation @ rotation.mT, identity, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(3, 3), atol=1e-5, rtol=0)
    assert (render.depth_m >= 0).all() and (render.depth_m > 0).float().mean() > 0.5
    assert render.radiance.isfinite().all() and (render.radiance >= 0).all()


def test_views_agree_on_the_points_that_both_see(render):
    """A seen point lies where another view's depth map has it, and no point hangs before one."""
    for window in range(3):
        points = points_of(render, window, 0)
        is_solid = render.depth_m[window, 0] > 0
        agreeing = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
        floating = torch.zeros_like(agreeing)
        for other in (1, 2):
            around_m, own_m, is_inside = seen_from(render, window, other, points)
            agreeing |= is_inside & ((around_m / own_m - 1).abs() < 0.05).any(0)
            floating |= is_inside & ((around_m == 0) | (own_m < 0.9 * around_m)).all(0)
        is_seen = render.is_seen[window, 0] & is_solid
        # Things thinner than a pixel may be missed by the other view.
        assert agreeing[is_seen].float().mean() > 0.97
        assert floating[is_solid].float().mean() < 0.02


def test_points_outside_every_other_view_are_not_seen(render):
    for window in range(3):
        points = points_of(render, window, 0)
        is_inside_any = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
        for other in (1, 2):
            is_inside_any |= seen_from(render, window, other, points)[2]
        assert not (render.is_seen[window, 0] & ~is_inside_any).any()


def test_a_wall_has_the_depth_of_its_plane(renderer):
    """Three pixels of one wall fix its plane; all others of the wall must lie on it."""
    fitted = 0
    for seed in range(12):
        render = renderer.render(
            renderer.make([seed], 2, WIDTH / HEIGHT), HEIGHT, WIDTH, samples=1
        )
        points = points_of(render, 0, 0).double().numpy()
        # World axes are the room's: points of a wall, floor or ceiling share a coordinate.
        for axis in range(3):
            values = points[..., axis][render.depth_m[0, 0].numpy() > 0]
            if values.size < 500:
                continue
            counts, edges = np.histogram(values, bins=400)
            at = counts.argmax()
            near = values[(values > edges[at] - 1e-3) & (values < edges[at + 1] + 1e-3)]
            if near.size > 300 and np.median(np.abs(near - np.median(near))) < 1e-4:
                fitted += 1
    assert fitted >= 6


def test_seeds_make_varied_depths(renderer):
    scenes = renderer.make(list(range(40)), 2, 1.0)
    depth_m = renderer.render(scenes, 8, 8, samples=1).depth_m
    known = depth_m[depth_m > 0]
    assert known.min() < 0.6 and known.max() > 10.0
