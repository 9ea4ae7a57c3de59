# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera of a rectified image, in pixels."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.errors import DepthSplatError

MAXIMUM_SIDE_PX = 100_000
"""Images beyond this side length are taken for corrupt headers, not for cameras."""


class CameraError(DepthSplatError):
    """The numbers do not describe a usable pinhole camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera; the centre of the top-left pixel is (0, 0), as in CameraInfo.

    Raises:
        CameraError: if a size, a focal length or the principal point makes no sense.
    """

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px"):
            value = getattr(self, name)
            if not 1 <= value <= MAXIMUM_SIDE_PX:
                raise CameraError(
                    f"camera {name} is {value}; it must be 1 to {MAXIMUM_SIDE_PX}: "
                    "check the header of the image or camera_info"
                )
        for name in ("fx_px", "fy_px"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise CameraError(
                    f"camera {name} is {value}; it must be positive: is the camera calibrated?"
                )
        for name, side in (("cx_px", self.width_px), ("cy_px", self.height_px)):
            value = getattr(self, name)
            if not (math.isfinite(value) and -0.5 <= value <= side - 0.5):
                raise CameraError(
                    f"camera {name} is {value}, outside the image (side {side} px): "
                    "check the calibration, or whether it belongs to another image size"
                )

    def matrix(self) -> Float64[ndarray, "3 3"]:
        """K: maps camera-frame directions to pixels."""
        return np.array(
            [[self.fx_px, 0.0, self.cx_px], [0.0, self.fy_px, self.cy_px], [0.0, 0.0, 1.0]]
        )

    def normalised(self) -> Float64[ndarray, "3 3"]:
        """K over the image size, with (0, 0) the top-left corner and (1, 1) the bottom-right one.

        The half pixel between a corner and a pixel's centre is added here, so the result does not
        change when the image is resized.
        """
        return np.array(
            [
                [self.fx_px / self.width_px, 0.0, (self.cx_px + 0.5) / self.width_px],
                [0.0, self.fy_px / self.height_px, (self.cy_px + 0.5) / self.height_px],
                [0.0, 0.0, 1.0],
            ]
        )

    def resized(self, *, width_px: int, height_px: int) -> "Camera":
        """The camera of the same view resampled to another size; image corners stay corners."""
        scale_x = width_px / self.width_px
        scale_y = height_px / self.height_px
        return Camera(
            width_px=width_px,
            height_px=height_px,
            fx_px=self.fx_px * scale_x,
            fy_px=self.fy_px * scale_y,
            cx_px=(self.cx_px + 0.5) * scale_x - 0.5,
            cy_px=(self.cy_px + 0.5) * scale_y - 0.5,
        )

    def cropped(self, *, left_px: int, top_px: int, width_px: int, height_px: int) -> "Camera":
        """The camera of a rectangle of the image.

        Raises:
            CameraError: if the rectangle leaves the image or loses the principal point.
        """
        if (
            min(left_px, top_px) < 0
            or left_px + width_px > self.width_px
            or top_px + height_px > self.height_px
        ):
            raise CameraError(
                f"crop {width_px}x{height_px} at ({left_px}, {top_px}) leaves the image "
                f"of {self.width_px}x{self.height_px} px"
            )
        return replace(
            self,
            width_px=width_px,
            height_px=height_px,
            cx_px=self.cx_px - left_px,
            cy_px=self.cy_px - top_px,
        )
