# SPDX-License-Identifier: Apache-2.0
"""Conversion of an array from one image encoding to another: cv_bridge's `cvtColor2`."""

import cv2
import numpy as np

from cv_bridge.encodings import (
    Layout,
    count_bits,
    count_channels,
    cv_type_of,
    depth_of_cv_type,
    layout_of,
)

_DTYPES = {
    cv2.CV_8U: np.uint8,
    cv2.CV_8S: np.int8,
    cv2.CV_16U: np.uint16,
    cv2.CV_16S: np.int16,
    cv2.CV_32S: np.int32,
    cv2.CV_32F: np.float32,
    cv2.CV_64F: np.float64,
}
_PACKED_COLOURS = (Layout.RGB, Layout.BGR, Layout.RGBA, Layout.BGRA)
# OpenCV names a Bayer pattern by its second row's second and third pixel: RGGB is its "BG".
_BAYER_IN_OPENCV = {
    Layout.BAYER_RGGB: "BG",
    Layout.BAYER_BGGR: "RG",
    Layout.BAYER_GBRG: "GR",
    Layout.BAYER_GRBG: "GB",
}


def _list_conversion_codes() -> dict[tuple[Layout, Layout], int]:
    """OpenCV's code for each pair of layouts that cv_bridge converts."""
    plain = (Layout.GRAY, *_PACKED_COLOURS)
    codes = {
        (source, target): getattr(cv2, f"COLOR_{source.value}2{target.value}")
        for source in plain
        for target in plain
        if source is not target
    }
    for source in (Layout.UYVY, Layout.YUY2):
        for target in plain:
            codes[source, target] = getattr(cv2, f"COLOR_YUV2{target.value}_{source.value}")
    for source, pattern in _BAYER_IN_OPENCV.items():
        for target in (Layout.GRAY, Layout.RGB, Layout.BGR):
            codes[source, target] = getattr(cv2, f"COLOR_Bayer{pattern}2{target.value}")
    return codes


_CONVERSION_CODES = _list_conversion_codes()


def convert_colour(source: np.ndarray, encoding_in: str, encoding_out: str) -> np.ndarray:
    """A new array that holds `source` in another encoding.

    8- and 16-bit integers are rescaled between 0..255 and 0..65535; other changes of type
    saturate. An empty `encoding_out` asks for a copy.

    Raises:
        RuntimeError: if the pair of encodings cannot be converted, or OpenCV refuses the array.
    """
    if encoding_out in ("", encoding_in):
        return source.copy()
    code = _find_conversion_code(encoding_in, encoding_out)
    try:
        image = source if code is None else cv2.cvtColor(np.ascontiguousarray(source), code)
    except cv2.error as error:
        raise RuntimeError(str(error)) from error
    if code is None or count_bits(encoding_in) != count_bits(encoding_out):
        image = _change_depth(image, encoding_in, encoding_out)
    return image


def _find_conversion_code(encoding_in: str, encoding_out: str) -> int | None:
    """OpenCV's conversion code, or None where only the element type changes."""
    layout_in, layout_out = layout_of(encoding_in), layout_of(encoding_out)
    are_channels_equal = count_channels(encoding_in) == count_channels(encoding_out)
    if layout_in is None:
        if layout_out is not None:
            raise RuntimeError(
                f"[{encoding_in}] is not a color format. but [{encoding_out}] is. "
                "The conversion does not make sense"
            )
        if not are_channels_equal:
            raise RuntimeError(
                f"[{encoding_in}] and [{encoding_out}] do not have the same number of channel"
            )
        return None
    if layout_out is None:
        if not are_channels_equal:
            raise RuntimeError(
                f"[{encoding_in}] is a color format but [{encoding_out}] is not "
                "so they must have the same OpenCV type, CV_8UC3, CV16UC1 ...."
            )
        return None
    if layout_in is layout_out and layout_in in (Layout.GRAY, *_PACKED_COLOURS):
        return None
    try:
        return _CONVERSION_CODES[layout_in, layout_out]
    except KeyError:
        raise RuntimeError(
            f"Unsupported conversion from [{encoding_in}] to [{encoding_out}]"
        ) from None


def _change_depth(image: np.ndarray, encoding_in: str, encoding_out: str) -> np.ndarray:
    """`image` with the element type of `encoding_out`."""
    dtype = np.dtype(_DTYPES[depth_of_cv_type(cv_type_of(encoding_out))])
    bits = (count_bits(encoding_in), count_bits(encoding_out))
    if bits == (8, 16):
        return saturate(np.multiply(image, 65535 / 255, dtype=np.float64), dtype)
    if bits == (16, 8):
        return saturate(np.multiply(image, 255 / 65535, dtype=np.float64), dtype)
    return saturate(image, dtype)


def saturate(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`image` as `dtype`: rounded to even and clipped for integers, as OpenCV's saturate_cast.

    OpenCV rounds through a 32-bit integer, so NaN, infinity and whatever leaves 32 bits become
    the smallest 32-bit integer before they are clipped: 0 in an unsigned type.
    """
    if dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            return image.astype(dtype)
    if image.dtype.kind == "f":
        int32 = np.iinfo(np.int32)
        rounded = np.rint(image)
        fits = (rounded >= int32.min) & (rounded <= int32.max)
        image = np.where(fits, rounded, int32.min).astype(np.int64)
    limits = np.iinfo(dtype)
    return np.clip(image, limits.min, limits.max).astype(dtype)
