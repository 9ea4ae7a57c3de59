# SPDX-License-Identifier: Apache-2.0
"""From the image as the lens gave it to a plain pinhole image without invented pixels."""

import logging
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from depthsplat_ros.calibration import Calibration, CalibrationError, Distortion
from depthsplat_ros.camera import Camera

logger = logging.getLogger(__name__)

MINIMUM_ZOOM = 0.7
"""A wide lens keeps at least this share of its focal length; beyond, the view is cut instead."""
MAXIMUM_ZOOM = 4.0
"""More than this means that the calibration does not fit the image."""
MINIMUM_STRETCH = 0.05
"""Where the lens squeezes rays to less than this share of its centre, it is about to fold back."""
_ZOOM_STEPS = 24
"""Halvings of the zoom interval: the last is far below a thousandth of a pixel."""
_RAY_STEPS = 128
_RAYS_PER_SIDE = 33
"""Steps along, and number of, the rays that look for folds; these are large-scale."""
_CACHED_CALIBRATIONS = 4
_LONGEST_SIDE_PX = 32_766
"""OpenCV's remap counts in 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelMap:
    """Where each pixel of a wanted image lies in a source image, in pixels."""

    x_px: Float32[ndarray, "height width"]
    y_px: Float32[ndarray, "height width"]

    def interpolate(self, image: UInt8[ndarray, "*source"]) -> UInt8[ndarray, "*wanted"]:
        """The wanted image, bilinear; outside the source it repeats the border."""
        return cv2.remap(
            image, self.x_px, self.y_px, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def pick(
        self, values: Float32[ndarray, "source_height source_width"]
    ) -> Float32[ndarray, "height width"]:
        """The wanted map of values that must not be mixed (depth); NaN outside the source."""
        return cv2.remap(
            values,
            self.x_px,
            self.y_px,
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float("nan"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rectification:
    """The pinhole camera chosen for a calibration, and the way to its images."""

    camera: Camera
    """Looks along the optical frame's axes: frame_id's pose is its pose."""
    pixel_map: PixelMap | None
    """None where the delivered image is rectified already."""

    def rectify(self, image: UInt8[ndarray, "height width 3"]) -> UInt8[ndarray, "height width 3"]:
        """The image as the camera sees it; the same array where there is nothing to do."""
        return image if self.pixel_map is None else self.pixel_map.interpolate(image)


@lru_cache(maxsize=_CACHED_CALIBRATIONS)
def rectification_for(calibration: Calibration) -> Rectification:
    """A pinhole camera of the delivered size in which every pixel was seen by the sensor.

    Its principal point is the lens's. Its focal lengths are the lens's times one zoom: the least
    at which no pixel falls outside the image or where the lens model folds back on itself. So the
    widest view is kept, with the pixel density of the source or little less.

    Raises:
        CalibrationError: if no such camera exists: the calibration does not fit the image.
    """
    if calibration.is_rectified:
        return Rectification(camera=calibration.source, pixel_map=None)
    low, high = MINIMUM_ZOOM, MAXIMUM_ZOOM
    if not _is_seen_whole(calibration, _zoomed(calibration.source, high)):
        raise CalibrationError(
            f"no undistorted view fits into the image of {calibration.source} with "
            f"{calibration.distortion.value} distortion {list(calibration.coefficients)}: "
            "the calibration is wrong or for another image"
        )
    # A smaller zoom sees every ray of a larger one and more, so "seen whole" changes once.
    if _is_seen_whole(calibration, _zoomed(calibration.source, low)):
        high = low
    else:
        for _ in range(_ZOOM_STEPS):
            middle = 0.5 * (low + high)
            if _is_seen_whole(calibration, _zoomed(calibration.source, middle)):
                high = middle
            else:
                low = middle
    camera = _zoomed(calibration.source, high)
    logger.debug("rectified camera %s at zoom %.3f of %s", camera, high, calibration)
    return Rectification(camera=camera, pixel_map=source_pixels(calibration, camera))


def source_pixels(calibration: Calibration, camera: Camera) -> PixelMap:
    """Where each pixel of a pinhole camera in the same optical frame lies in the source image.

    Only meaningful where the lens model is: ask for cameras no wider than the lens.

    Raises:
        CalibrationError: if an image is too large for OpenCV to resample.
    """
    for side_px in (
        calibration.source.width_px,
        calibration.source.height_px,
        camera.width_px,
        camera.height_px,
    ):
        if side_px > _LONGEST_SIDE_PX:
            raise CalibrationError(
                f"an image side of {side_px} px is too long to resample (at most "
                f"{_LONGEST_SIDE_PX}): publish smaller images"
            )
    size = (camera.width_px, camera.height_px)
    optical_from_source = calibration.source_from_optical.T
    initialise = (
        cv2.fisheye.initUndistortRectifyMap
        if calibration.distortion is Distortion.EQUIDISTANT
        else cv2.initUndistortRectifyMap
    )
    x_px, y_px = initialise(
        calibration.source.matrix(),
        np.array(calibration.coefficients) if calibration.coefficients else np.zeros(4),
        optical_from_source,
        camera.matrix(),
        size,
        cv2.CV_32FC1,
    )
    return PixelMap(x_px=x_px, y_px=y_px)


def project_rays(
    calibration: Calibration, rays: Float64[ndarray, "ray 3"]
) -> Float64[ndarray, "ray 2"]:
    """Pixels of the source image hit by directions in the optical frame with positive z."""
    rotation, _ = cv2.Rodrigues(calibration.source_from_optical)
    matrix = calibration.source.matrix()
    coefficients = np.array(calibration.coefficients) if calibration.coefficients else np.zeros(4)
    points = rays.reshape(1, -1, 3)
    if calibration.distortion is Distortion.EQUIDISTANT:
        pixels, _ = cv2.fisheye.projectPoints(points, rotation, np.zeros(3), matrix, coefficients)
    else:
        pixels, _ = cv2.projectPoints(points, rotation, np.zeros(3), matrix, coefficients)
    return pixels.reshape(-1, 2)


def _zoomed(camera: Camera, zoom: float) -> Camera:
    return replace(camera, fx_px=camera.fx_px * zoom, fy_px=camera.fy_px * zoom)


def _is_seen_whole(calibration: Calibration, camera: Camera) -> bool:
    """Whether all of the camera's pixels fall into the source image, and each where it belongs.

    A lens polynomial turns back beyond the angles it was fitted for and sends far rays to the
    image's middle again. So rays walk from the optical axis to the border, and their pixels must
    move clearly outwards at every step, up to a border that lies inside.
    """
    border_rays = _border_rays(camera, camera.width_px, camera.height_px)
    if (border_rays @ calibration.source_from_optical[2] <= 0).any():
        return False
    if not _are_inside(project_rays(calibration, border_rays), calibration.source):
        return False
    axis = np.array([0.0, 0.0, 1.0])
    share = np.linspace(0.0, 1.0, _RAY_STEPS)[:, None, None]
    rays = axis + share * (_border_rays(camera, _RAYS_PER_SIDE, _RAYS_PER_SIDE) - axis)
    pixels = project_rays(calibration, rays.reshape(-1, 3)).reshape(_RAY_STEPS, -1, 2)
    distances_px = np.linalg.norm(pixels - pixels[0], axis=-1)
    steps_px = np.diff(distances_px, axis=0)
    return bool((steps_px > MINIMUM_STRETCH * steps_px[0]).all())


def _border_rays(camera: Camera, across: int, down: int) -> Float64[ndarray, "ray 3"]:
    """Directions (z = 1) through pixel centres all around the image's edge, corners included."""
    right, bottom = camera.width_px - 1.0, camera.height_px - 1.0
    x_px = np.linspace(0.0, right, across)
    y_px = np.linspace(0.0, bottom, down)
    pixels = np.concatenate(
        [
            *(np.column_stack([x_px, np.full(across, y)]) for y in (0.0, bottom)),
            *(np.column_stack([np.full(down, x), y_px]) for x in (0.0, right)),
        ]
    )
    rays = np.ones((len(pixels), 3))
    rays[:, 0] = (pixels[:, 0] - camera.cx_px) / camera.fx_px
    rays[:, 1] = (pixels[:, 1] - camera.cy_px) / camera.fy_px
    return rays


def _are_inside(pixels: Float64[ndarray, "pixel 2"], camera: Camera) -> bool:
    """Whether bilinear sampling at the pixels touches nothing but the image."""
    last = (camera.width_px - 1.0, camera.height_px - 1.0)
    return bool(((pixels >= 0) & (pixels <= last)).all())
