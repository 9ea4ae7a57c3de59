# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import cv2
import numpy as np
import pytest
import small_room
import torch

from depthsplat_ros.camera import Camera
from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.caster import cast, cast_all
from depthsplat_ros.simulation.lights import AreaLight
from depthsplat_ros.simulation.solids import box, ellipsoid, placement
from depthsplat_ros.simulation.trajectory import OPTICAL_FROM_LEVEL
from depthsplat_ros.simulation.world import build_world

CAMERA = small_room.CAMERA
LAMP_BEHIND = AreaLight(
    centre_m=np.array([0.0, 0.0, -1.0]),
    half_u_m=np.array([1.0, 0.0, 0.0]),
    half_v_m=np.array([0.0, 1.0, 0.0]),
    radiance=(5.0, 5.0, 5.0),
)
GREY = finishes.plain("#808080")


def rays(camera):
    """Directions (x, y, 1) through the centres of all pixels."""
    columns, rows = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    x = (columns - camera.cx_px) / camera.fx_px
    y = (rows - camera.cy_px) / camera.fy_px
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def test_wall_seen_head_on_has_one_depth():
    wall = build_world([box((20, 20, 1), GREY, placement(z_m=3.5))], [LAMP_BEHIND])
    image, depth_m = cast(wall, CAMERA, np.eye(4))
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert depth_m.dtype == np.float32
    np.testing.assert_allclose(depth_m, 3.0, atol=1e-6)


def test_ball_has_the_depth_of_its_equation_and_nothing_is_nan_and_black():
    ball = build_world(
        [ellipsoid((0.8, 0.8, 0.8), GREY, placement(0.3, -0.2, 3.0))], [LAMP_BEHIND]
    )
    image, depth_m = cast(ball, CAMERA, np.eye(4))
    d, centre = rays(CAMERA), np.array([0.3, -0.2, 3.0])
    middle = (d @ centre) / (d * d).sum(axis=-1)
    gap = np.linalg.norm(middle[..., None] * d - centre, axis=-1)
    hit = gap < 0.8
    half = np.sqrt(np.maximum(0.64 - gap**2, 0) / (d * d).sum(axis=-1))
    assert 200 < hit.sum() < hit.size / 2
    np.testing.assert_array_equal(np.isfinite(depth_m), hit)
    np.testing.assert_allclose(depth_m[hit], (middle - half)[hit], atol=2e-5)
    outside = cv2.erode((~hit).astype(np.uint8), np.ones((3, 3))) > 0
    assert image[outside].max() == 0
    assert image[hit].min() > 0


def test_edges_are_smoothed_around_the_pixel_that_they_cross():
    half_plane = build_world(
        [box((10, 20, 1), GREY, placement(x_m=5.0 + 0.3, z_m=3.5))], [LAMP_BEHIND]
    )
    camera = Camera(width_px=33, height_px=9, fx_px=30.0, fy_px=30.0, cx_px=16.0, cy_px=4.0)
    # The edge at x = 0.3 m, z = 3 m falls on column 19.0.
    image, depth_m = cast(half_plane, camera, np.eye(4))
    row = image[4, :, 0].astype(float)
    assert row[17] == 0
    assert 0 < row[19] < row[21]
    assert row[19] / 255 == pytest.approx((row[21] / 255), abs=0.35)
    assert np.isnan(depth_m[4, 18])
    assert np.isfinite(depth_m[4, 20])


def test_crop_of_the_camera_crops_the_image():
    pose = small_room.trajectory().world_from_camera(1.0)
    image, depth_m = cast(small_room.world(), CAMERA, pose)
    part = CAMERA.cropped(left_px=10, top_px=12, width_px=40, height_px=30)
    cropped, cropped_depth_m = cast(small_room.world(), part, pose)
    np.testing.assert_allclose(cropped_depth_m, depth_m[12:42, 10:50], rtol=1e-5)
    difference = np.abs(cropped.astype(int) - image[12:42, 10:50])
    assert difference.max() <= 1


def test_same_world_and_pose_give_the_same_picture():
    pose = small_room.trajectory().world_from_camera(2.0)
    first, second = (cast(small_room.world(), CAMERA, pose) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_world_lit_again_looks_the_same():
    again = build_world(small_room.solids(), [small_room.LAMP])
    pose = small_room.trajectory().world_from_camera(2.0)
    np.testing.assert_array_equal(
        cast(again, CAMERA, pose)[0], cast(small_room.world(), CAMERA, pose)[0]
    )


@pytest.mark.gpu
def test_picture_drawn_on_a_gpu_is_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pose = small_room.trajectory().world_from_camera(2.0)
    image, depth_m = cast(small_room.world(), CAMERA, pose)
    gpu_image, gpu_depth_m = cast(small_room.world().to("cuda"), CAMERA, pose)
    assert np.median(np.abs(gpu_image.astype(int) - image)) == 0
    assert np.mean(np.abs(gpu_depth_m - depth_m) < 1e-4) > 0.99


def warp_error(depth_scale):
    """Mean grey difference of two pictures, the second warped into the first by its depth."""
    camera = Camera(width_px=160, height_px=120, fx_px=110.0, fy_px=110.0, cx_px=79.5, cy_px=59.5)
    poses = [placement(x, -1.2, 0.9, 1.57, 0.1) @ OPTICAL_FROM_LEVEL for x in (-0.15, 0.15)]
    (first, depth_m), (second, other_depth_m) = (
        cast(small_room.world(), camera, pose) for pose in poses
    )
    points = rays(camera) * (depth_m * depth_scale)[..., None]
    second_from_first = np.linalg.inv(poses[1]) @ poses[0]
    moved = points @ second_from_first[:3, :3].T + second_from_first[:3, 3]
    x = (moved[..., 0] / moved[..., 2] * camera.fx_px + camera.cx_px).astype(np.float32)
    y = (moved[..., 1] / moved[..., 2] * camera.fy_px + camera.cy_px).astype(np.float32)
    warped = cv2.remap(second, x, y, cv2.INTER_LINEAR)
    seen_m = cv2.remap(other_depth_m, x, y, cv2.INTER_NEAREST)
    inside = (x > 1) & (y > 1) & (x < camera.width_px - 2) & (y < camera.height_px - 2)
    visible = inside & (np.abs(seen_m - moved[..., 2]) < 0.02 * moved[..., 2])
    if depth_scale != 1:
        visible = inside
    assert visible.mean() > 0.5
    return np.abs(warped.astype(float) - first)[visible].mean()


def test_depth_and_poses_carry_one_picture_into_another():
    true_error = warp_error(1.0)
    assert true_error < 3
    assert warp_error(1.15) > 3 * true_error


def test_many_pictures_come_in_order_and_equal_single_ones():
    poses = [small_room.trajectory().world_from_camera(t) for t in (0.0, 1.0, 2.0, 3.0, 4.0)]
    threads = torch.get_num_threads()
    views = list(cast_all(small_room.world(), CAMERA, iter(poses), workers=2))
    assert torch.get_num_threads() == threads
    assert len(views) == 5
    for pose, (image, depth_m) in zip(poses, views, strict=True):
        alone = cast(small_room.world(), CAMERA, pose)
        np.testing.assert_array_equal(image, alone[0])
        np.testing.assert_array_equal(depth_m, alone[1])


def test_leaving_many_pictures_early_gives_the_threads_back():
    threads = torch.get_num_threads()
    pose = small_room.trajectory().world_from_camera(0.0)
    views = cast_all(small_room.world(), CAMERA, [pose] * 9)
    next(views)
    views.close()
    assert torch.get_num_threads() == threads


def test_median_surface_is_exposed_to_middle_grey():
    dim, bright = (
        build_world(small_room.solids(), [replace(small_room.LAMP, radiance=(level,) * 3)])
        for level in (0.5, 50.0)
    )
    pose = small_room.trajectory().world_from_camera(0.0)
    first, second = cast(dim, CAMERA, pose)[0], cast(bright, CAMERA, pose)[0]
    assert np.abs(first.astype(int) - second).max() <= 2
    assert 60 < first.mean() < 190
