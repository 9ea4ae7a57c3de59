# SPDX-License-Identifier: Apache-2.0
"""What the samples of an image mean: RGB colours, or depth in metres."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.pixel_layout import Pixels

DEPTH_ENCODINGS = frozenset({"16UC1", "mono16", "32FC1"})
MILLIMETRE_M = 0.001

# OpenCV names Bayer patterns by the second row's second and third pixel; the four-letter aliases
# spell the pattern from the top-left pixel on, as ROS does.
_TO_RGB = {
    "mono": cv2.COLOR_GRAY2RGB,
    "rgb": None,
    "bgr": cv2.COLOR_BGR2RGB,
    "rgba": cv2.COLOR_RGBA2RGB,
    "bgra": cv2.COLOR_BGRA2RGB,
    "bayer_rggb": cv2.COLOR_BayerRGGB2RGB,
    "bayer_bggr": cv2.COLOR_BayerBGGR2RGB,
    "bayer_gbrg": cv2.COLOR_BayerGBRG2RGB,
    "bayer_grbg": cv2.COLOR_BayerGRBG2RGB,
}
_RGB_CONVERSIONS = {
    **{f"{name}{bits}": code for name, code in _TO_RGB.items() for bits in (8, 16)},
    # A single 8-bit channel leaves no order to guess, unlike 8UC3.
    "8UC1": cv2.COLOR_GRAY2RGB,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
}
COLOUR_ENCODINGS = frozenset(_RGB_CONVERSIONS)


class PixelValueError(DepthSplatError):
    """The image's encoding does not hold what is asked of it."""


def rgb_image(pixels: Pixels) -> UInt8[ndarray, "height width 3"]:
    """The image as 8-bit RGB in memory of its own.

    16 bits are scaled over their full range, alpha is dropped.

    Raises:
        PixelValueError: if the encoding does not say which colours its samples are.
    """
    if pixels.encoding not in COLOUR_ENCODINGS:
        raise PixelValueError(
            f"encoding '{pixels.encoding}' does not say which colours it holds: "
            "publish rgb8, bgr8, mono8 or another colour encoding"
        )
    conversion = _RGB_CONVERSIONS[pixels.encoding]
    samples = pixels.samples
    samples = samples.copy() if conversion is None else cv2.cvtColor(samples, conversion)
    if samples.dtype == np.uint16:
        return cv2.convertScaleAbs(samples, alpha=255 / 65535)
    return samples


def depth_image_m(pixels: Pixels) -> Float32[ndarray, "height width"]:
    """Depth along the optical axis in metres; NaN where the sensor knows nothing (REP 118).

    Integers are millimetres with 0 for unknown; floats are metres, where zero, negative and
    infinite values count as unknown too.

    Raises:
        PixelValueError: if the encoding is no depth encoding.
    """
    if pixels.encoding not in DEPTH_ENCODINGS:
        raise PixelValueError(
            f"encoding '{pixels.encoding}' holds no depth: expected 32FC1 (metres) or "
            "16UC1 (millimetres)"
        )
    if pixels.samples.dtype == np.uint16:
        depth_m = pixels.samples.astype(np.float32) * np.float32(MILLIMETRE_M)
    else:
        depth_m = pixels.samples.astype(np.float32)
    with np.errstate(invalid="ignore"):
        depth_m[~(np.isfinite(depth_m) & (depth_m > 0))] = np.nan
    return depth_m
