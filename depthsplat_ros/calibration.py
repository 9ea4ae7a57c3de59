# SPDX-License-Identifier: Apache-2.0
"""A CameraInfo message, checked and reduced to what one image's pixels mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.errors import DepthSplatError

ROTATION_TOLERANCE = 1e-3
"""Calibration files print rotations with few digits."""
_IDENTITY_ROWS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


class CalibrationError(DepthSplatError):
    """The camera_info cannot be used, or not for this image."""


class UncalibratedError(CalibrationError):
    """The camera_info says that the camera is not calibrated (K is zero)."""


@runtime_checkable
class CameraInfoMessage(Protocol):
    """The fields of sensor_msgs/CameraInfo that are read here."""

    height: int
    width: int
    distortion_model: str
    d: Sequence[float]
    k: Sequence[float]
    r: Sequence[float]
    p: Sequence[float]
    binning_x: int
    binning_y: int
    roi: Any


class Distortion(Enum):
    """How the lens bends rays, as far as rectification must know."""

    NONE = "none"
    POLYNOMIAL = "polynomial"
    """OpenCV's radial and tangential model: plumb_bob and rational_polynomial."""
    EQUIDISTANT = "equidistant"
    """OpenCV's fisheye model."""


_COEFFICIENT_COUNTS = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
    "fisheye": (4,),
}
_EQUIDISTANT_MODELS = ("equidistant", "fisheye")
_UNDISTORTED_MODELS = ("", "none")
"""Some drivers leave the model empty for a camera without distortion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How a ray of the camera's optical frame reaches a pixel of the image as it was delivered.

    First `source_from_optical` turns the ray, then the lens bends it, then `source` projects it.
    Hashable, so that whatever is computed from it can be cached.
    """

    source: Camera
    """Pinhole part, for the delivered image after ROI and binning; float64, off-centre kept."""
    distortion: Distortion = Distortion.NONE
    coefficients: tuple[float, ...] = ()
    """In OpenCV's order for the model."""
    source_from_optical_rows: tuple[float, ...] = _IDENTITY_ROWS
    """Rotation, row by row; not identity only for images rectified for a stereo pair."""

    @property
    def source_from_optical(self) -> Float64[ndarray, "3 3"]:
        """Rotation from the optical frame (the header's frame_id) to the image's own axes."""
        return np.array(self.source_from_optical_rows).reshape(3, 3)

    @property
    def is_rectified(self) -> bool:
        """Whether the delivered image is a plain pinhole image in the optical frame already."""
        return self.distortion is Distortion.NONE and np.array_equal(
            self.source_from_optical, np.eye(3)
        )


def read_calibration(
    message: CameraInfoMessage, *, width_px: int, height_px: int, is_rectified: bool
) -> Calibration:
    """The calibration of an image of the given size.

    A raw image (`is_rectified` false) is described by K and D; R is left out, because it only
    serves stereo matching: without it the result stays in the frame that frame_id names.
    A rectified image is described by P alone, whatever D says, and by R, which tells how its axes
    were turned away from that frame. P's fourth column places a stereo partner and says nothing
    about this camera.

    Raises:
        UncalibratedError: if the focal length is zero.
        CalibrationError: if a number makes no sense, the distortion model is unknown, or the image
            has another size than the calibration after ROI and binning.
        CameraError: if the principal point lies outside the image.
    """
    values = {name: _finite_values(message, name) for name in ("k", "d", "r", "p")}
    is_projected = is_rectified and values["p"].any()
    matrix = values["p"].reshape(3, 4)[:, :3] if is_projected else values["k"].reshape(3, 3)
    if matrix[0, 0] == 0:
        raise UncalibratedError(
            f"camera_info has K = {_text(values['k'])}: the camera is not calibrated; run "
            "camera_calibration and load its result in the driver"
        )
    distortion = Distortion.NONE
    coefficients: tuple[float, ...] = ()
    rotation: tuple[float, ...] = _IDENTITY_ROWS
    if not is_rectified:
        distortion, coefficients = _read_distortion(message.distortion_model, values["d"])
    else:
        if not is_projected and values["d"].any():
            raise CalibrationError(
                "image is said to be rectified, but its camera_info has distortion "
                f"D = {_text(values['d'])} and no P: fill P in, or use the raw image topic"
            )
        if values["r"].any():
            rotation = _require_rotation(values["r"].reshape(3, 3))
    pinhole = _require_pinhole("P" if is_projected else "K", matrix)
    return Calibration(
        source=_delivered_camera(message, pinhole, width_px=width_px, height_px=height_px),
        distortion=distortion,
        coefficients=coefficients,
        source_from_optical_rows=rotation,
    )


def is_rectified_topic(topic: str) -> bool:
    """Whether a topic's name promises rectified images (image_rect, rect/image)."""
    words = topic.lower().replace("/", "_").split("_")
    return not {"rect", "rectified"}.isdisjoint(words)


def _finite_values(message: CameraInfoMessage, name: str) -> Float64[ndarray, " value"]:
    values = np.asarray(getattr(message, name), dtype=np.float64)
    if not np.isfinite(values).all():
        raise CalibrationError(
            f"camera_info {name.upper()} = {_text(values)} is not finite: calibrate again"
        )
    return values


def _read_distortion(
    model: str, coefficients: Float64[ndarray, " coefficient"]
) -> tuple[Distortion, tuple[float, ...]]:
    if model in _UNDISTORTED_MODELS and not coefficients.any():
        return Distortion.NONE, ()
    counts = _COEFFICIENT_COUNTS.get(model)
    if counts is None:
        raise CalibrationError(
            f"distortion model '{model}' with D = {_text(coefficients)} is not known: use "
            "plumb_bob, rational_polynomial or equidistant, or a rectified image topic"
        )
    # All-zero coefficients of a fisheye still bend: its angles, not their tangents, are even.
    is_equidistant = model in _EQUIDISTANT_MODELS
    if not is_equidistant and not coefficients.any():
        return Distortion.NONE, ()
    if coefficients.size not in counts:
        expected = " or ".join(str(count) for count in counts)
        raise CalibrationError(
            f"distortion model '{model}' needs {expected} coefficients, but D = "
            f"{_text(coefficients)}: check the calibration file"
        )
    distortion = Distortion.EQUIDISTANT if is_equidistant else Distortion.POLYNOMIAL
    return distortion, tuple(coefficients.tolist())


def _require_pinhole(
    name: str, matrix: Float64[ndarray, "3 3"]
) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of a matrix that has nothing else."""
    fx_px, skew, cx_px = matrix[0]
    fy_px, cy_px = matrix[1, 1], matrix[1, 2]
    if skew or matrix[1, 0] or not np.array_equal(matrix[2], (0.0, 0.0, 1.0)):
        raise CalibrationError(
            f"camera_info {name} = {_text(matrix)} is no pinhole matrix "
            "[fx 0 cx; 0 fy cy; 0 0 1]: check the calibration file"
        )
    if min(fx_px, fy_px) <= 0:
        raise CalibrationError(
            f"camera_info {name} has focal lengths {fx_px:g} and {fy_px:g} px; they must be "
            "positive: calibrate again"
        )
    return float(fx_px), float(fy_px), float(cx_px), float(cy_px)


def _require_rotation(rotation: Float64[ndarray, "3 3"]) -> tuple[float, ...]:
    deviation = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if deviation > ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise CalibrationError(
            f"camera_info R = {_text(rotation)} is no rotation (off by {deviation:.2g}): "
            "check the calibration file"
        )
    # The nearest true rotation, so that printed digits do not shear the image.
    left, _, right = np.linalg.svd(rotation)
    return tuple((left @ right).ravel().tolist())


def _delivered_camera(
    message: CameraInfoMessage,
    matrix: tuple[float, float, float, float],
    *,
    width_px: int,
    height_px: int,
) -> Camera:
    """The full sensor's camera cut to the ROI, binned, and compared with the image."""
    fx_px, fy_px, cx_px, cy_px = matrix
    roi = message.roi
    is_whole = not (roi.width or roi.height)
    left_px, top_px = roi.x_offset, roi.y_offset
    roi_width_px = message.width if is_whole else roi.width
    roi_height_px = message.height if is_whole else roi.height
    if left_px + roi_width_px > message.width or top_px + roi_height_px > message.height:
        raise CalibrationError(
            f"camera_info ROI {roi_width_px}x{roi_height_px} at ({left_px}, {top_px}) leaves the "
            f"sensor of {message.width}x{message.height} px: check the driver"
        )
    binning_x, binning_y = max(message.binning_x, 1), max(message.binning_y, 1)
    expected = (roi_width_px // binning_x, roi_height_px // binning_y)
    if expected != (width_px, height_px):
        details = f", ROI {roi_width_px}x{roi_height_px}, binning {binning_x}x{binning_y}"
        raise CalibrationError(
            f"camera_info is for images of {expected[0]}x{expected[1]} px (calibrated at "
            f"{message.width}x{message.height}{details}), but the image has {width_px}x"
            f"{height_px}: connect the camera_info of this very image"
        )
    # A binned pixel covers whole sensor pixels, so its centre lies between theirs.
    return Camera(
        width_px=width_px,
        height_px=height_px,
        fx_px=fx_px / binning_x,
        fy_px=fy_px / binning_y,
        cx_px=(cx_px - left_px + 0.5) / binning_x - 0.5,
        cy_px=(cy_px - top_px + 0.5) / binning_y - 0.5,
    )


def _text(values: ndarray) -> str:
    return "[" + ", ".join(f"{value:g}" for value in values.ravel()) + "]"
