# SPDX-License-Identifier: Apache-2.0
"""Gaussians of a keyframe whose model has none of its own: the discs on its surface."""

from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.discs import discs_on_surface
from depthsplat_ros.model.gaussian_scene import GaussianScene


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
    turned = np.eye(4)
    turned[:3, :3] = world_from_camera[:3, :3]
    intrinsics, pose = (
        torch.from_numpy(values).float().to(depth_m.device)[None, None]
        for values in (camera.normalised(), turned)
    )
    discs = discs_on_surface(
        depth_m[None, None],
        confidence[None, None],
        image[None, None],
        intrinsics,
        pose,
    )
    return GaussianScene(
        **{field.name: getattr(discs, field.name)[0] for field in fields(GaussianScene)}
    )
