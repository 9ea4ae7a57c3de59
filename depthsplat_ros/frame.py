# SPDX-License-Identifier: Apache-2.0
"""One rectified image with its camera, time and pose: the fact everything starts from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.errors import DepthSplatError

ROTATION_TOLERANCE = 1e-4


class FrameError(DepthSplatError):
    """Image, camera and pose do not fit together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A rectified RGB image and where it was taken.

    Optical axes: x right, y down, z forward (REP 103). `world_from_camera` maps points of the
    camera's optical frame into the world frame; its unit is the unit of every depth that follows.

    Raises:
        FrameError: if the image is not 8-bit RGB of the camera's size, or the pose is not rigid.
    """

    stamp_ns: int
    image: UInt8[ndarray, "height width 3"]
    camera: Camera
    world_from_camera: Float64[ndarray, "4 4"]

    def __post_init__(self) -> None:
        expected = (self.camera.height_px, self.camera.width_px, 3)
        if self.image.shape != expected or self.image.dtype != np.uint8:
            raise FrameError(
                f"image is {self.image.dtype} {self.image.shape}, its camera says uint8 {expected}"
            )
        check_rigid(self.world_from_camera)


def check_rigid(world_from_camera: Float64[ndarray, "4 4"]) -> None:
    """Accept a finite, right-handed rigid transform and nothing else.

    Raises:
        FrameError: naming what is wrong with the matrix.
    """
    if world_from_camera.shape != (4, 4) or not np.isfinite(world_from_camera).all():
        raise FrameError(f"pose must be a finite 4x4 matrix, not {world_from_camera.tolist()}")
    rotation = world_from_camera[:3, :3]
    deviation = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if deviation > ROTATION_TOLERANCE:
        raise FrameError(f"pose rotation is not orthonormal (off by {deviation:.2g}): {rotation}")
    if np.linalg.det(rotation) < 0:
        raise FrameError("pose mirrors space (determinant -1): axes are left-handed")
    if not np.array_equal(world_from_camera[3], (0.0, 0.0, 0.0, 1.0)):
        raise FrameError(f"pose's last row is {world_from_camera[3]}, not 0 0 0 1")
