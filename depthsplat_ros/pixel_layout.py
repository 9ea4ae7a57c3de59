# SPDX-License-Identifier: Apache-2.0
"""How the bytes of a raw image message are laid out, checked and brought into one tight form.

Libraries that decode images (cv_bridge among them) trust `step`, `is_bigendian` and the length of
`data`; a driver that pads its rows or crashes halfway then gives skewed pictures or an overread.
So every raw image passes here first, live or from a bag.
"""

import difflib
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from depthsplat_ros.camera import MAXIMUM_SIDE_PX
from depthsplat_ros.errors import DepthSplatError


class PixelLayoutError(DepthSplatError):
    """The bytes of an image message do not form the image that its fields announce."""


@runtime_checkable
class ImageMessage(Protocol):
    """The fields of sensor_msgs/Image that say how its bytes are to be read."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLayout:
    """What one encoding stores: samples of one type, some per pixel, in rows and planes."""

    sample_type: str
    """NumPy name of one sample."""
    samples_per_pixel: int = 1
    """Samples that a row holds for each pixel of the image's width."""
    rows_per_height: Fraction = Fraction(1)
    """Stored rows over image rows: planar YUV keeps its colour in rows below the brightness."""
    block_width: int = 1
    """Pixels across that share one colour sample; the width must be a multiple of it."""
    block_height: int = 1
    """Pixels down that share one colour sample; the height must be a multiple of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pixels:
    """An image's samples in tight rows of the machine's own byte order, with their meaning.

    `samples` is C-contiguous, [row, column] or [row, column, sample]; planar YUV has more rows
    than the image. It may share memory with the message it came from and may be read-only.
    """

    encoding: str
    samples: Shaped[ndarray, "row column *sample"]


def _all_layouts() -> dict[str, PixelLayout]:
    """Every encoding that sensor_msgs/image_encodings names."""
    layouts = {}
    for prefix, sample_type in (
        ("8U", "uint8"),
        ("8S", "int8"),
        ("16U", "uint16"),
        ("16S", "int16"),
        ("32S", "int32"),
        ("32F", "float32"),
        ("64F", "float64"),
    ):
        for count in (1, 2, 3, 4):
            layouts[f"{prefix}C{count}"] = PixelLayout(
                sample_type=sample_type, samples_per_pixel=count
            )
    for bits in (8, 16):
        for name, count in (("mono", 1), ("rgb", 3), ("bgr", 3), ("rgba", 4), ("bgra", 4)):
            layouts[f"{name}{bits}"] = PixelLayout(
                sample_type=f"uint{bits}", samples_per_pixel=count
            )
        for pattern in ("rggb", "bggr", "gbrg", "grbg"):
            layouts[f"bayer_{pattern}{bits}"] = PixelLayout(sample_type=f"uint{bits}")
    for name in ("uyvy", "yuv422", "yuyv", "yuv422_yuy2"):
        layouts[name] = PixelLayout(sample_type="uint8", samples_per_pixel=2, block_width=2)
    for name in ("nv12", "nv21"):
        layouts[name] = PixelLayout(
            sample_type="uint8", rows_per_height=Fraction(3, 2), block_width=2, block_height=2
        )
    layouts["nv24"] = PixelLayout(sample_type="uint8", rows_per_height=Fraction(3))
    return layouts


PIXEL_LAYOUTS = _all_layouts()


def unpack_image(message: ImageMessage) -> Pixels:
    """The message's samples without row padding and in native byte order.

    Nothing is copied when the message is tight and native already; then the result lives in the
    message's own memory.

    Raises:
        PixelLayoutError: if encoding, size, step and length do not fit together.
    """
    layout = PIXEL_LAYOUTS.get(message.encoding)
    if layout is None:
        raise PixelLayoutError(_unknown_encoding(message.encoding))
    for name, value, block in (
        ("width", message.width, layout.block_width),
        ("height", message.height, layout.block_height),
    ):
        if not 1 <= value <= MAXIMUM_SIDE_PX:
            raise PixelLayoutError(
                f"image {name} is {value} px; it must be 1 to {MAXIMUM_SIDE_PX}: "
                "check the driver that fills the message"
            )
        if value % block:
            raise PixelLayoutError(
                f"image {name} is {value} px, but encoding '{message.encoding}' stores pixels in "
                f"groups of {block}: check width, height and encoding in the driver"
            )
    row_count = int(message.height * layout.rows_per_height)
    sample_type = np.dtype(layout.sample_type)
    row_bytes = message.width * layout.samples_per_pixel * sample_type.itemsize
    if message.step < row_bytes:
        raise PixelLayoutError(
            f"image step is {message.step} bytes, but a row of {message.width} px in "
            f"'{message.encoding}' needs {row_bytes}: check step and encoding in the driver"
        )
    data = np.frombuffer(message.data, dtype=np.uint8)
    if data.size != row_count * message.step:
        raise PixelLayoutError(
            f"image data has {data.size} bytes, but {row_count} rows of step {message.step} in "
            f"'{message.encoding}' make {row_count * message.step}: the message is cut off or "
            "its step is wrong"
        )
    rows = data.reshape(row_count, message.step)[:, :row_bytes]
    is_big_endian = bool(message.is_bigendian)
    samples = np.ascontiguousarray(rows).view(sample_type)
    if sample_type.itemsize > 1 and is_big_endian != (sys.byteorder == "big"):
        samples = samples.byteswap()
    if layout.samples_per_pixel > 1:
        samples = samples.reshape(row_count, message.width, layout.samples_per_pixel)
    return Pixels(encoding=message.encoding, samples=samples)


def _unknown_encoding(encoding: str) -> str:
    similar = difflib.get_close_matches(encoding.lower(), PIXEL_LAYOUTS, n=1)
    remedy = f"did the driver mean '{similar[0]}'?" if similar else "publish rgb8, bgr8 or mono8"
    return f"image encoding '{encoding}' is not one of sensor_msgs/image_encodings: {remedy}"
