# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from helpers import make_pose

from depthsplat_ros.camera import Camera
from depthsplat_ros.plane_sweep.projection import (
    pixel_intrinsics,
    project_to_infinity,
    relate_views,
)

CAMERAS = [
    Camera(width_px=64, height_px=48, fx_px=60.0, fy_px=61.0, cx_px=30.0, cy_px=22.0),
    Camera(width_px=64, height_px=48, fx_px=55.0, fy_px=50.0, cx_px=33.0, cy_px=25.0),
    Camera(width_px=64, height_px=48, fx_px=70.0, fy_px=72.0, cx_px=31.5, cy_px=23.5),
]
POSES = [
    make_pose(0.1, 0.2, 0.3, yaw_deg=10),
    make_pose(0.5, 0.1, 0.2, yaw_deg=-5),
    make_pose(-0.2, 0.0, 0.9, yaw_deg=2),
]


def intrinsics(cameras=CAMERAS):
    return torch.from_numpy(np.stack([camera.matrix() for camera in cameras]))


def test_a_point_is_projected_as_by_hand():
    projection = relate_views(intrinsics(), torch.from_numpy(np.stack(POSES)), 1, [0, 2])
    pixel, depth_m = np.array([12.0, 40.0, 1.0]), 2.5
    world = POSES[1] @ np.append(np.linalg.inv(CAMERAS[1].matrix()) @ pixel * depth_m, 1)
    for row, source in enumerate((0, 2)):
        expected = CAMERAS[source].matrix() @ (np.linalg.inv(POSES[source]) @ world)[:3]
        found = (
            projection.infinity[row] @ torch.from_numpy(pixel) + projection.shift[row] / depth_m
        )
        assert found.numpy() == pytest.approx(expected / depth_m)


def test_every_pixel_is_projected_to_infinity():
    projection = relate_views(intrinsics(), torch.from_numpy(np.stack(POSES)), 0, [1, 2])
    at_infinity = project_to_infinity(projection.infinity, 64, 48)
    expected = projection.infinity @ torch.tensor([5.0, 7.0, 1.0], dtype=torch.float64)
    assert torch.allclose(at_infinity[:, :, 7, 5], expected.float())


def test_large_coordinates_cancel_before_they_are_multiplied():
    poses = torch.from_numpy(np.stack(POSES))
    moved = poses.clone()
    moved[:, :3, 3] += torch.tensor([5e6, -4e6, 1e3], dtype=torch.float64)
    near, far = (relate_views(intrinsics(), p, 0, [1, 2]) for p in (poses, moved))
    assert torch.equal(near.infinity, far.infinity)
    assert torch.allclose(near.shift, far.shift, atol=1e-6)


def test_normalised_intrinsics_become_those_in_pixels():
    normalised = torch.from_numpy(np.stack([camera.normalised() for camera in CAMERAS])).float()
    assert torch.allclose(pixel_intrinsics(normalised, 64, 48), intrinsics(), atol=1e-4)
    half = [camera.resized(width_px=32, height_px=12) for camera in CAMERAS]
    assert torch.allclose(pixel_intrinsics(normalised, 32, 12), intrinsics(half), atol=1e-4)
