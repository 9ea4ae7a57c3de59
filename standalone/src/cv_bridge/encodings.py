# SPDX-License-Identifier: Apache-2.0
"""What each image encoding means: OpenCV type, channels, bits per channel, kind of colour.

Source: `sensor_msgs/image_encodings.hpp` and cv_bridge's `getCvType`, whose texts are kept.
"""

import re
from dataclasses import dataclass
from enum import Enum

_DEPTH_CODES = {"8U": 0, "8S": 1, "16U": 2, "16S": 3, "32S": 4, "32F": 5, "64F": 6}
_CHANNEL_SHIFT = 3
_MAX_CHANNELS = 512
_GENERIC = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)(?:C([0-9]+))?")
# Wider than _GENERIC: sensor_msgs counts the channels of types that OpenCV does not have (64SC1).
_COUNTABLE = re.compile(r"(8|16|32|64)[USF]C([0-9]*)")


class Layout(Enum):
    """How the channels of an encoding are to be understood."""

    GRAY = "GRAY"
    RGB = "RGB"
    BGR = "BGR"
    RGBA = "RGBA"
    BGRA = "BGRA"
    UYVY = "UYVY"
    YUY2 = "YUY2"
    BAYER_RGGB = "BAYER_RGGB"
    BAYER_BGGR = "BAYER_BGGR"
    BAYER_GBRG = "BAYER_GBRG"
    BAYER_GRBG = "BAYER_GRBG"
    UNCONVERTIBLE = "UNCONVERTIBLE"  # a colour encoding that cv_bridge knows by name only


@dataclass(frozen=True)
class _Named:
    """A named encoding: its layout and how it is stored."""

    layout: Layout
    depth: str
    channels: int

    @property
    def bits(self) -> int:
        return int(self.depth[:-1])


_NAMED = {
    "mono8": _Named(Layout.GRAY, "8U", 1),
    "mono16": _Named(Layout.GRAY, "16U", 1),
    "rgb8": _Named(Layout.RGB, "8U", 3),
    "rgb16": _Named(Layout.RGB, "16U", 3),
    "bgr8": _Named(Layout.BGR, "8U", 3),
    "bgr16": _Named(Layout.BGR, "16U", 3),
    "rgba8": _Named(Layout.RGBA, "8U", 4),
    "rgba16": _Named(Layout.RGBA, "16U", 4),
    "bgra8": _Named(Layout.BGRA, "8U", 4),
    "bgra16": _Named(Layout.BGRA, "16U", 4),
    "yuv422": _Named(Layout.UYVY, "8U", 2),
    "yuv422_yuy2": _Named(Layout.YUY2, "8U", 2),
    "bayer_rggb8": _Named(Layout.BAYER_RGGB, "8U", 1),
    "bayer_bggr8": _Named(Layout.BAYER_BGGR, "8U", 1),
    "bayer_gbrg8": _Named(Layout.BAYER_GBRG, "8U", 1),
    "bayer_grbg8": _Named(Layout.BAYER_GRBG, "8U", 1),
    "bayer_rggb16": _Named(Layout.BAYER_RGGB, "16U", 1),
    "bayer_bggr16": _Named(Layout.BAYER_BGGR, "16U", 1),
    "bayer_gbrg16": _Named(Layout.BAYER_GBRG, "16U", 1),
    "bayer_grbg16": _Named(Layout.BAYER_GRBG, "16U", 1),
    "uyvy": _Named(Layout.UNCONVERTIBLE, "8U", 2),
    "yuyv": _Named(Layout.UNCONVERTIBLE, "8U", 2),
    "nv12": _Named(Layout.UNCONVERTIBLE, "8U", 2),
    "nv21": _Named(Layout.UNCONVERTIBLE, "8U", 2),
    "nv24": _Named(Layout.UNCONVERTIBLE, "8U", 2),
}


def cv_type_of(encoding: str) -> int:
    """OpenCV's number for arrays of this encoding, e.g. `cv2.CV_8UC3` for "rgb8".

    Raises:
        RuntimeError: if cv_bridge does not decode the encoding (the planar and the newer YUV
            names are among those).
    """
    named = _NAMED.get(encoding)
    if named is not None and named.layout is not Layout.UNCONVERTIBLE:
        return _make_cv_type(named.depth, named.channels)
    generic = _GENERIC.fullmatch(encoding)
    if generic is not None:
        channels = int(generic[2]) if generic[2] else 1
        if 1 <= channels <= _MAX_CHANNELS:
            return _make_cv_type(generic[1], channels)
    raise RuntimeError(f"Unrecognized image encoding [{encoding}]")


def channels_of_cv_type(cv_type: int) -> int:
    """Number of channels in an OpenCV type number."""
    return (cv_type >> _CHANNEL_SHIFT & _MAX_CHANNELS - 1) + 1


def depth_of_cv_type(cv_type: int) -> int:
    """OpenCV's number of the element type in an OpenCV type number, e.g. `cv2.CV_16U`."""
    return cv_type & (1 << _CHANNEL_SHIFT) - 1


def count_channels(encoding: str) -> int:
    """Number of channels of an encoding.

    Raises:
        RuntimeError: if sensor_msgs does not define the encoding.
    """
    if encoding in _NAMED:
        return _NAMED[encoding].channels
    match = _match_countable(encoding)
    return int(match[2]) if match[2] else 1


def count_bits(encoding: str) -> int:
    """Bits per channel of an encoding.

    Raises:
        RuntimeError: if sensor_msgs does not define the encoding.
    """
    if encoding in _NAMED:
        return _NAMED[encoding].bits
    return int(_match_countable(encoding)[1])


def layout_of(encoding: str) -> Layout | None:
    """How to understand the channels as colour, or None where the encoding does not say."""
    return _NAMED[encoding].layout if encoding in _NAMED else None


def _make_cv_type(depth: str, channels: int) -> int:
    return _DEPTH_CODES[depth] | channels - 1 << _CHANNEL_SHIFT


def _match_countable(encoding: str) -> re.Match[str]:
    match = _COUNTABLE.fullmatch(encoding)
    if match is None:
        raise RuntimeError(f"Unknown encoding {encoding}")
    return match
