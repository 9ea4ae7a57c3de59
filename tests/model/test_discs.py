# SPDX-License-Identifier: Apache-2.0
from dataclasses import fields

import pytest
import torch
from model.tiny import window

from depthsplat_ros.model.discs import (
    CHANGE_CHANNELS,
    COLOUR,
    OFFSET,
    OPACITY,
    ROTATION,
    SCALE,
    change_discs,
    discs_on_surface,
)
from depthsplat_ros.model.gaussian_scene import GaussianScene

HEIGHT, WIDTH, VIEWS, BATCH = 24, 32, 2, 2
LIMIT = 4.0


@pytest.fixture(scope="module")
def views():
    return window(VIEWS, height=HEIGHT, width=WIDTH, batch=BATCH)


@pytest.fixture(scope="module")
def depth_m():
    ramp = torch.linspace(1.0, 2.0, WIDTH).expand(BATCH, VIEWS, HEIGHT, WIDTH)
    return ramp + 0.02 * torch.rand(ramp.shape, generator=torch.Generator().manual_seed(0))


def discs_of(views, depth_m, scale=1.0):
    poses = views.world_from_camera.clone()
    poses[..., :3, 3] *= scale
    return discs_on_surface(
        scale * depth_m, torch.full_like(depth_m, 0.5), views.images, views.intrinsics, poses
    )


def changed(views, depth_m, raw, scale=1.0):
    poses = views.world_from_camera.clone()
    poses[..., :3, 3] *= scale
    return change_discs(
        discs_of(views, depth_m, scale), raw, scale * depth_m, views.intrinsics, poses, LIMIT
    )


def raw_numbers(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, VIEWS, CHANGE_CHANNELS, HEIGHT, WIDTH, generator=generator)


def zeros():
    return torch.zeros(BATCH, VIEWS, CHANGE_CHANNELS, HEIGHT, WIDTH)


def place_in_image(views, points_m, view):
    """Where points in the world fall in a view, in pixels, and their depth."""
    pose = views.world_from_camera[0, view]
    local = (points_m - pose[:3, 3]) @ pose[:3, :3]
    imaged = local @ views.intrinsics[0, view].T
    return imaged[:, :2] / imaged[:, 2:] * torch.tensor([WIDTH, HEIGHT]), local[:, 2]


def test_a_disc_lies_where_its_pixel_saw_the_surface(views, depth_m):
    means_m = discs_of(views, depth_m).means_m.view(BATCH, VIEWS, -1, 3)
    place, distance_m = place_in_image(views, means_m[0, 1], 1)
    row, column = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    expected = torch.stack([column, row], dim=-1).reshape(-1, 2) + 0.5
    torch.testing.assert_close(place, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(distance_m, depth_m[0, 1].reshape(-1))


def test_raw_zeros_leave_the_discs_as_they_are(views, depth_m):
    plain, same = discs_of(views, depth_m), changed(views, depth_m, zeros())
    for field in fields(GaussianScene):
        torch.testing.assert_close(getattr(same, field.name), getattr(plain, field.name))


@pytest.mark.parametrize("scale", [0.1, 2.0, 10.0])
def test_gaussians_scale_with_the_unit_of_the_poses(views, depth_m, scale):
    plain, other = (changed(views, depth_m, raw_numbers(), each) for each in (1.0, scale))
    close = torch.testing.assert_close
    close(other.means_m / scale, plain.means_m, atol=1e-5, rtol=1e-5)
    close(other.scales_m / scale, plain.scales_m, atol=0, rtol=1e-3)
    close(other.rotations_wxyz, plain.rotations_wxyz, atol=1e-3, rtol=0)
    close(other.opacities, plain.opacities)
    close(other.harmonics, plain.harmonics)


def test_an_offset_moves_the_centre_by_half_a_pixel_at_most_and_keeps_its_depth(views, depth_m):
    raw = zeros()
    raw[:, :, OFFSET] = torch.tensor([100.0, -100.0])[:, None, None]
    before, after = (
        place_in_image(views, scene.means_m.view(BATCH, VIEWS, -1, 3)[0, 1], 1)
        for scene in (discs_of(views, depth_m), changed(views, depth_m, raw))
    )
    expected = torch.tensor([0.5, -0.5]).expand_as(after[0])
    torch.testing.assert_close(after[0] - before[0], expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(after[1], before[1])


def test_scales_change_by_the_limit_at_most(views, depth_m):
    raw = zeros()
    raw[:, :, SCALE] = torch.tensor([100.0, -100.0, 0.1])[:, None, None]
    ratio = changed(views, depth_m, raw).scales_m / discs_of(views, depth_m).scales_m
    expected = torch.tensor([LIMIT, 1 / LIMIT, 1.105]).expand_as(ratio)
    torch.testing.assert_close(ratio, expected, atol=1e-3, rtol=1e-3)


def test_a_rotation_turns_a_disc_about_its_own_axes(views, depth_m):
    """A turn of 90 degrees about the disc's x axis brings its y axis to where z was."""
    raw = zeros()
    raw[:, :, ROTATION] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    before, after = discs_of(views, depth_m), changed(views, depth_m, raw)
    torch.testing.assert_close(after.rotations_wxyz.norm(dim=-1), torch.ones_like(after.opacities))
    torch.testing.assert_close(axis_of(after, 0), axis_of(before, 0), atol=1e-5, rtol=0)
    torch.testing.assert_close(axis_of(after, 1), axis_of(before, 2), atol=1e-5, rtol=0)


def axis_of(scene, index):
    w, x, y, z = scene.rotations_wxyz.unbind(-1)
    columns = [
        [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
        [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
        [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack(columns[index], dim=-1)


def test_logits_of_opacity_and_colours_are_added(views, depth_m):
    raw = zeros()
    raw[:, :, OPACITY], raw[:, :, COLOUR] = -3.0, torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    before, after = discs_of(views, depth_m), changed(views, depth_m, raw)
    torch.testing.assert_close(after.opacities.logit(), before.opacities.logit() - 3)
    added = (after.harmonics - before.harmonics)[..., 0]
    torch.testing.assert_close(added, torch.tensor([0.1, 0.2, 0.3]).expand_as(added))


def test_every_raw_number_has_a_gradient(views, depth_m):
    raw = (0.1 * raw_numbers()).requires_grad_()
    scene = changed(views, depth_m, raw)
    sum(getattr(scene, field.name).square().sum() for field in fields(GaussianScene)).backward()
    touched = (raw.grad != 0).float().mean((0, 1, 3, 4))
    # A quaternion's length does not tell its rotation.
    assert (touched[[*range(0, 6), *range(9, 12)]] > 0.99).all()
    weights = torch.randn(4, generator=torch.Generator().manual_seed(1))
    raw.grad = None
    (changed(views, depth_m, raw).rotations_wxyz * weights).sum().backward()
    assert ((raw.grad[:, :, ROTATION] != 0).float().mean() > 0.99).item()
