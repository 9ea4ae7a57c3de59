# SPDX-License-Identifier: Apache-2.0
"""One Gaussian per pixel of a depth map: a small disc on the surface, of the pixel's colour."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.gaussian_head import multiply_quaternions, quaternion_from_rotation
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.harmonics import CONSTANT_HARMONIC

DISC_PIXELS = 0.5
"""Standard deviation of a disc over the distance of neighbouring pixels on the surface."""
DISC_THICKNESS = 0.1
"""Over its standard deviation."""
MAXIMUM_TILT_DEG = 70.0
"""Surfaces seen at a more grazing angle get the disc of this one, or discs would become rods."""
OPACITIES = (0.7, 0.95)
"""At confidence 0 and from confidence 1 on."""


def gaussians_from_depth(
    depth_m: Float[Tensor, "height width"],
    confidence: Float[Tensor, "height width"],
    image: Float[Tensor, "3 height width"],
    camera: Camera,
    world_from_camera: Float64[ndarray, "4 4"],
) -> GaussianScene:
    """Gaussians in the order row, column, relative to the camera's centre, in the world's axes.

    Args:
        depth_m: along the optical axis; finite and positive everywhere.
        confidence: 0 to 1; becomes opacity.
        image: RGB in [0, 1].
        camera: of the depth map.
        world_from_camera: of which only the rotation matters.
    """
    height, width = depth_m.shape
    device = depth_m.device
    x = (torch.arange(width, device=device) - camera.cx_px) / camera.fx_px
    y = ((torch.arange(height, device=device) - camera.cy_px) / camera.fy_px)[:, None]
    rotation = torch.from_numpy(np.ascontiguousarray(world_from_camera[:3, :3])).to(device)
    points = torch.stack([x * depth_m, y * depth_m, depth_m], dim=-1).reshape(-1, 3)
    rays = F.normalize(points, dim=-1)
    normals = _limit_tilt(_surface_normals(depth_m, x, y, camera).reshape(-1, 3), rays)
    spread = depth_m.reshape(-1) * (DISC_PIXELS / math.sqrt(camera.fx_px * camera.fy_px))
    # On a surface that leans away the pixels' points lie farther apart.
    stretch = 1 / (rays * normals).sum(dim=-1)
    scales = torch.stack([spread * stretch, spread, spread * DISC_THICKNESS], dim=-1)
    camera_rotation = quaternion_from_rotation(rotation)[None].float()
    low, high = OPACITIES
    colours = image.permute(1, 2, 0).reshape(-1, 3)
    return GaussianScene(
        means_m=points @ rotation.float().T,
        scales_m=scales,
        rotations_wxyz=multiply_quaternions(
            camera_rotation.expand(len(points), 4), _disc_rotations(normals, rays)
        ),
        opacities=low + (high - low) * confidence.reshape(-1).clamp(0, 1),
        harmonics=((colours - 0.5) / CONSTANT_HARMONIC)[..., None],
    )


def _surface_normals(
    depth_m: Float[Tensor, "height width"],
    x: Float[Tensor, " width"],
    y: Float[Tensor, "height 1"],
    camera: Camera,
) -> Float[Tensor, "height width 3"]:
    """Unit normals in the camera's frame, pointing away from the camera.

    The inverse depth of a plane is linear in the pixel's place: its slopes are the normal.
    """
    inverse = depth_m.reciprocal()[None, None]
    padded = F.pad(inverse, (2, 2, 2, 2), mode="replicate")
    # Slopes of the least squares plane over 5 x 5 pixels: noise must not tilt single discs.
    ramp = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], device=depth_m.device) / 10
    mean = torch.full((5,), 0.2, device=depth_m.device)
    across = F.conv2d(F.conv2d(padded, mean.view(1, 1, 5, 1)), ramp.view(1, 1, 1, 5))[0, 0]
    down = F.conv2d(F.conv2d(padded, mean.view(1, 1, 1, 5)), ramp.view(1, 1, 5, 1))[0, 0]
    normal_x, normal_y = across * camera.fx_px, down * camera.fy_px
    normal_z = inverse[0, 0] - normal_x * x - normal_y * y
    return F.normalize(torch.stack([normal_x, normal_y, normal_z], dim=-1), dim=-1)


def _limit_tilt(
    normals: Float[Tensor, "pixel 3"], rays: Float[Tensor, "pixel 3"]
) -> Float[Tensor, "pixel 3"]:
    """The normals, turned towards their rays where they lean away too far."""
    cosine = (rays * normals).sum(dim=-1, keepdim=True)
    limit = math.radians(MAXIMUM_TILT_DEG)
    sideways = F.normalize(normals - cosine * rays, dim=-1)
    limited = math.cos(limit) * rays + math.sin(limit) * sideways
    return torch.where(cosine < math.cos(limit), limited, normals)


def _disc_rotations(
    normals: Float[Tensor, "pixel 3"], rays: Float[Tensor, "pixel 3"]
) -> Float[Tensor, "pixel 4"]:
    """Quaternions (w, x, y, z): z becomes the normal, x the steepest direction on the disc.

    A turn about z, then the shortest way from z to the normal.
    """
    x, y, z = normals.unbind(dim=-1)
    ray_x, ray_y, ray_z = rays.unbind(dim=-1)
    common = (ray_x * x + ray_y * y) / (1 + z) + ray_z
    half = torch.atan2(ray_y - y * common, ray_x - x * common) / 2
    zero = torch.zeros_like(half)
    about_z = torch.stack([half.cos(), zero, zero, half.sin()], dim=-1)
    shortest = F.normalize(torch.stack([1 + z, -y, x, zero], dim=-1), dim=-1)
    return multiply_quaternions(shortest, about_z)
