# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from helpers import SMALL_CAMERA, make_pose

from depthsplat_ros.model.discs import DISC_PIXELS, MAXIMUM_TILT_DEG
from depthsplat_ros.rendering import render
from depthsplat_ros.streaming.gaussians_from_depth import gaussians_from_depth

HEIGHT, WIDTH = SMALL_CAMERA.height_px, SMALL_CAMERA.width_px


def smooth_image(seed=0):
    """Colours that change slowly enough for a rasteriser's blur not to matter."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 4, 5), generator=random)
    return torch.nn.functional.interpolate(
        coarse, (HEIGHT, WIDTH), mode="bicubic", align_corners=True
    )[0].clamp(0, 1)


def plane_depth(normal, distance_m):
    """Depth of the plane normal . point = distance."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack(
        [
            (columns - SMALL_CAMERA.cx_px) / SMALL_CAMERA.fx_px,
            (rows - SMALL_CAMERA.cy_px) / SMALL_CAMERA.fy_px,
            np.ones((HEIGHT, WIDTH)),
        ],
        axis=-1,
    )
    return torch.from_numpy((distance_m / (rays @ normal)).astype(np.float32))


def make(depth_m, *, confidence=1.0, pose=None, image=None):
    return gaussians_from_depth(
        depth_m,
        torch.full_like(depth_m, confidence),
        smooth_image() if image is None else image,
        SMALL_CAMERA,
        np.eye(4) if pose is None else pose,
    )


def axes_of(gaussians):
    """Rotation matrices of the Gaussians; columns are their axes in the world."""
    w, x, y, z = gaussians.rotations_wxyz.double().unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def tilted(degrees):
    """A unit normal tilted to the left, and a little down."""
    normal = np.array([np.sin(np.radians(degrees)), 0.1, np.cos(np.radians(degrees))])
    return normal / np.linalg.norm(normal)


@pytest.mark.parametrize("degrees", [0, 20, 40])
def test_discs_lie_on_the_plane_that_was_seen(degrees):
    normal = tilted(degrees)
    gaussians = make(plane_depth(normal, 3.0))
    points = gaussians.means_m.double().numpy()
    np.testing.assert_allclose(points @ normal, 3.0, rtol=1e-4)
    inner = np.zeros((HEIGHT, WIDTH), bool)
    inner[3:-3, 3:-3] = True
    thin = axes_of(gaussians)[inner.reshape(-1), :, 2].numpy()
    assert (thin @ normal).min() > 0.999


def test_discs_are_as_far_apart_as_they_are_wide_however_the_surface_leans():
    gaussians = make(plane_depth(tilted(30), 3.0))
    points = gaussians.means_m.view(HEIGHT, WIDTH, 3)
    scales = gaussians.scales_m.view(HEIGHT, WIDTH, 3)[5:-5, 5:-5]
    across = (points[5:-5, 6:-4] - points[5:-5, 5:-5]).norm(dim=-1)
    # Towards the corners pixels are seen under smaller angles.
    assert (scales[..., 0] / (DISC_PIXELS * across) - 1).abs().max() < 0.2
    assert (scales[..., 0] / (DISC_PIXELS * across) - 1).abs().median() < 0.1
    assert (scales[..., 1] < scales[..., 0]).all()


def test_a_surface_seen_at_a_grazing_angle_gets_no_rods():
    depth_m = torch.full((HEIGHT, WIDTH), 3.0)
    depth_m[:, 32:] = 9.0
    gaussians = make(depth_m)
    longest = gaussians.scales_m.max(dim=-1).values
    expected = 9.0 * DISC_PIXELS / SMALL_CAMERA.fx_px / np.cos(np.radians(MAXIMUM_TILT_DEG))
    assert longest.max() <= expected * 1.001
    assert gaussians.rotations_wxyz.isfinite().all()


@pytest.mark.parametrize("yaw_deg", [0.0, 75.0, -160.0])
def test_rendered_from_its_own_camera_it_is_the_image_and_the_depth(yaw_deg):
    image = smooth_image()
    depth_m = plane_depth(tilted(30), 3.0)
    pose = make_pose(yaw_deg=yaw_deg)
    rendered = render(make(depth_m, pose=pose, image=image), SMALL_CAMERA, pose)
    inner = slice(4, -4)
    difference = (rendered.colour.permute(2, 0, 1) - image)[:, inner, inner]
    assert -10 * difference.square().mean().log10() > 35
    # Of discs that overlap on a slant the nearer ones count for more.
    assert (rendered.depth_m / depth_m - 1)[inner, inner].abs().max() < 0.015
    assert rendered.opacity[inner, inner].min() > 0.95


def test_what_is_less_sure_is_fainter():
    depth_m = torch.full((HEIGHT, WIDTH), 3.0)
    faint, sure = make(depth_m, confidence=0.1), make(depth_m, confidence=0.9)
    assert (faint.opacities < sure.opacities).all()
    assert (sure.opacities < 1).all()
