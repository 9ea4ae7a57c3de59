# SPDX-License-Identifier: Apache-2.0
"""What one keyframe says about the scene, and where points of the scene fall in it."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.gaussian_scene import GaussianScene


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthMap:
    """A keyframe's depth and where it was taken."""

    depth_m: Float[Tensor, "height width"]
    """Measured, along the optical axis; NaN where nothing was."""
    camera: Camera
    world_from_camera: Float64[ndarray, "4 4"]

    @property
    def centre_m(self) -> Float64[ndarray, " 3"]:
        """Of the camera, in the world frame."""
        return self.world_from_camera[:3, 3]

    @property
    def focal_px(self) -> float:
        """Over this a depth is the width of a pixel there."""
        return math.sqrt(self.camera.fx_px * self.camera.fy_px)

    def project(
        self, points_m: Float[Tensor, "point 3"], origin_m: Float64[ndarray, " 3"]
    ) -> "Projection":
        """Where points, told relative to an origin in the world frame, fall in the image."""
        camera = self.camera
        rotation = torch.from_numpy(np.ascontiguousarray(self.world_from_camera[:3, :3]))
        offset = torch.from_numpy(self.centre_m - origin_m) @ rotation
        local = points_m @ rotation.to(points_m) - offset.to(points_m)
        x, y, depth_m = local.unbind(dim=-1)
        column = torch.round(camera.fx_px * x / depth_m + camera.cx_px)
        row = torch.round(camera.fy_px * y / depth_m + camera.cy_px)
        is_inside = (
            (depth_m > 0)
            & (column >= 0)
            & (column < camera.width_px)
            & (row >= 0)
            & (row < camera.height_px)
        )
        index = is_inside.nonzero()[:, 0]
        pixel = (row[index] * camera.width_px + column[index]).long()
        return Projection(index=index, pixel=pixel, depth_m=depth_m[index])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """The points that fall into an image."""

    index: Int64[Tensor, " seen"]
    """Which of the points."""
    pixel: Int64[Tensor, " seen"]
    """The nearest pixel, counted row by row."""
    depth_m: Float[Tensor, " seen"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """What a keyframe adds to a scene: a Gaussian for each pixel, and how sure it is of them."""

    depth: DepthMap
    confidence: Float[Tensor, "height width"]
    """Of the measured depth, 0 to 1."""
    gaussians: GaussianScene
    """In the order row, column, relative to the camera's centre, in the world's axes."""
