# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from model.tiny import window

from depthsplat_ros.model.gaussian_head import (
    OFFSET,
    decode_harmonics,
    decode_means,
    decode_opacities,
    decode_rotations_xyzw,
    decode_scales,
    gaussians_in_world,
    world_covariances,
)
from depthsplat_ros.model.harmonics import CONSTANT_HARMONIC, rotate_harmonics, to_viewer_basis
from depthsplat_ros.model.quaternions import multiply_quaternions, quaternion_from_rotation


@pytest.fixture
def views():
    return window(3, height=4, width=6)


def raw_numbers(generator_seed=0):
    generator = torch.Generator().manual_seed(generator_seed)
    return torch.randn(1, 3, 37, 4, 6, generator=generator)


def depths():
    return 1 + torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(1))


def rotation_of(quaternions_wxyz):
    """Rotation matrices by the textbook, for unit quaternions."""
    w, x, y, z = quaternions_wxyz.unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def test_a_gaussian_without_offset_lies_on_the_ray_of_its_pixel_centre(views):
    raw, depth_m = raw_numbers(), depths()
    raw[:, :, OFFSET] = 0
    means = decode_means(raw, depth_m, views.intrinsics, views.world_from_camera)
    row, column, view = 2, 4, 1
    camera_from_world = views.world_from_camera[0, view].inverse()
    point = camera_from_world @ torch.cat([means[0, view, row * 6 + column], torch.ones(1)])
    torch.testing.assert_close(point[2], depth_m[0, view, row, column])
    place = views.intrinsics[0, view] @ (point[:3] / point[2])
    torch.testing.assert_close(place[:2], torch.tensor([(column + 0.5) / 6, (row + 0.5) / 4]))


def test_the_offset_reaches_half_a_pixel(views):
    raw = raw_numbers()
    raw[:, :, 1], raw[:, :, 2] = 100.0, -100.0
    means = decode_means(raw, depths(), views.intrinsics, views.world_from_camera)
    point = views.world_from_camera[0, 0].inverse() @ torch.cat([means[0, 0, 0], torch.ones(1)])
    place = views.intrinsics[0, 0] @ (point[:3] / point[2])
    torch.testing.assert_close(place[:2], torch.tensor([1 / 6, 0.0]), atol=1e-5, rtol=0)


def test_scales_are_shifted_and_bounded():
    raw = raw_numbers()
    raw[0, 0, 3:6, 0, 0] = torch.tensor([4.0, -200.0, 200.0])
    expected = torch.tensor([math.log(2), 1e-10, 0.9])
    torch.testing.assert_close(decode_scales(raw, 0.9)[0, 0, 0], expected)


def test_opacities_are_plain_sigmoids():
    raw = raw_numbers()
    assert decode_opacities(raw)[0, 1, 7] == raw[0, 1, 0, 1, 1].sigmoid()


def test_a_flat_gaussian_shows_the_colour_of_its_pixel(views):
    raw = raw_numbers()
    raw[:, :, 10:] = 0
    harmonics = decode_harmonics(raw, views.images)
    assert (harmonics[..., 1:] == 0).all()
    colours = 0.5 + CONSTANT_HARMONIC * harmonics[..., 0]
    torch.testing.assert_close(colours[0, 2, 9], views.images[0, 2, :, 1, 3])


def test_raw_harmonics_are_colour_by_colour_and_damped_by_degree(views):
    raw = raw_numbers()
    harmonics = decode_harmonics(raw, views.images)
    torch.testing.assert_close(harmonics[0, 0, 0, 2, 3], 0.025 * raw[0, 0, 10 + 18 + 3, 0, 0])
    torch.testing.assert_close(harmonics[0, 0, 0, 1, 8], 0.00625 * raw[0, 0, 10 + 9 + 8, 0, 0])


@pytest.mark.parametrize("seed", range(3))
def test_quaternions_and_matrices_say_the_same(seed):
    torch.manual_seed(seed)
    quaternions = torch.nn.functional.normalize(torch.randn(50, 4, dtype=torch.float64), dim=-1)
    again = quaternion_from_rotation(rotation_of(quaternions))
    torch.testing.assert_close(rotation_of(again), rotation_of(quaternions))


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_have_a_quaternion(axis):
    rotation = -torch.eye(3)
    rotation[axis, axis] = 1
    expected = torch.zeros(4, dtype=torch.float64)
    expected[1 + axis] = 1
    torch.testing.assert_close(quaternion_from_rotation(rotation).abs(), expected)


def test_a_product_of_quaternions_turns_twice():
    torch.manual_seed(0)
    left, right = torch.nn.functional.normalize(torch.randn(2, 20, 4), dim=-1)
    torch.testing.assert_close(
        rotation_of(multiply_quaternions(left, right)), rotation_of(left) @ rotation_of(right)
    )


def test_the_scene_holds_the_official_gaussians_in_world_axes(views):
    raw, depth_m = raw_numbers(), depths()
    pose = views.world_from_camera
    scene = gaussians_in_world(raw, views.images, depth_m, views.intrinsics, pose, 3.0)
    assert scene.means_m.shape == (1, 72, 3)

    scales = decode_scales(raw, 3.0)
    covariances = world_covariances(scales, decode_rotations_xyzw(raw), pose).flatten(1, 2)
    axes = rotation_of(scene.rotations_wxyz) * scene.scales_m[..., None, :]
    torch.testing.assert_close(axes @ axes.mT, covariances, rtol=1e-4, atol=1e-6)

    harmonics = to_viewer_basis(rotate_harmonics(decode_harmonics(raw, views.images), pose))
    torch.testing.assert_close(scene.harmonics, harmonics.flatten(1, 2))
    torch.testing.assert_close(
        scene.means_m, decode_means(raw, depth_m, views.intrinsics, pose).flatten(1, 2)
    )
    assert torch.equal(scene.opacities, decode_opacities(raw).flatten(1, 2))
