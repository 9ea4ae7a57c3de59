# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG images from CompressedImage messages, looked at before they are decoded.

A few kilobytes can announce an image of gigabytes, and decoders answer a cut-off file with a half
grey picture; so header and end are checked first.
"""

import struct
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from depthsplat_ros.camera import MAXIMUM_SIDE_PX
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.pixel_layout import PIXEL_LAYOUTS, Pixels

MAXIMUM_PIXELS = 1 << 27
"""134 megapixels: beyond the largest cameras, 0.4 GB once decoded to RGB."""

_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header; the three left out are tables and extensions."""
_JPEG_SCAN = 0xDA
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xae\x42\x60\x82"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 4, 6: 4}
"""Channels after decoding by PNG colour type: grey, RGB, palette, grey with alpha, RGBA."""
_COMPRESSED_DEPTH = "compressedDepth"
_DEPTH_CONFIG = struct.Struct("<iff")
"""compressed_depth_image_transport's header: format, and A and B of depth = A / (value - B)."""


class CompressedImageError(DepthSplatError):
    """The message holds no whole JPEG or PNG image of a sane size."""


@runtime_checkable
class CompressedImageMessage(Protocol):
    """The fields of sensor_msgs/CompressedImage that hold the picture."""

    format: str
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedHeader:
    """What a JPEG or PNG file says about itself before any pixel is decoded."""

    codec: str
    """'jpeg' or 'png'."""
    width_px: int
    height_px: int
    channels: int
    bits_per_channel: int


def read_compressed_header(data: bytes) -> CompressedHeader:
    """Size and depth of the image that the bytes would decode to.

    Raises:
        CompressedImageError: if they are no JPEG or PNG, cut off, or announce too many pixels.
    """
    if data.startswith(_JPEG_START):
        header = _read_jpeg_header(data)
    elif data.startswith(_PNG_START):
        header = _read_png_header(data)
    else:
        raise CompressedImageError(
            f"{len(data)} bytes of compressed image begin with {data[:8].hex(' ') or 'nothing'}: "
            "neither JPEG nor PNG; set the publisher's image_transport format to jpeg or png"
        )
    for name, value in (("width", header.width_px), ("height", header.height_px)):
        if not 1 <= value <= MAXIMUM_SIDE_PX:
            raise CompressedImageError(
                f"{header.codec} header announces a {name} of {value} px; "
                f"it must be 1 to {MAXIMUM_SIDE_PX}: the data is corrupt"
            )
    if header.width_px * header.height_px > MAXIMUM_PIXELS:
        raise CompressedImageError(
            f"{header.codec} of {len(data)} bytes announces {header.width_px}x{header.height_px} "
            f"px, more than {MAXIMUM_PIXELS} in all: not decoded, the data is corrupt or hostile"
        )
    return header


def unpack_compressed_image(message: CompressedImageMessage) -> Pixels:
    """The decoded samples with the encoding that says how to read them.

    The picture stays as the sensor saw it: an EXIF orientation is ignored, because CameraInfo does
    not know it. Channel order and Bayer patterns follow compressed_image_transport's `format`
    text ("rgb8; jpeg compressed bgr8"), so decoded images equal what image_transport would show.

    Raises:
        CompressedImageError: if the data cannot be decoded, or holds depth of the
            compressedDepth transport.
    """
    if _COMPRESSED_DEPTH in message.format:
        raise CompressedImageError(
            f"format '{message.format}' is depth of the compressedDepth transport, not a picture: "
            "choose the camera's /compressed topic"
        )
    samples = _decode(bytes(message.data), message.format)
    source_encoding, separator, description = message.format.partition(";")
    bits = 8 * samples.dtype.itemsize
    if samples.ndim == 2:
        layout = PIXEL_LAYOUTS.get(source_encoding)
        is_kept = source_encoding.startswith("bayer_") or source_encoding == "16UC1"
        if is_kept and layout is not None and layout.sample_type == samples.dtype.name:
            return Pixels(encoding=source_encoding, samples=samples)
        return Pixels(encoding=f"mono{bits}", samples=samples)
    # Where the transport does not say "compressed bgr", it compressed the channels as they were.
    is_rgb_source = separator and source_encoding.startswith(("rgb", "bgr"))
    order = "rgb" if is_rgb_source and "compressed bgr" not in description else "bgr"
    alpha = "a" if samples.shape[2] == 4 else ""
    return Pixels(encoding=f"{order}{alpha}{bits}", samples=samples)


def unpack_compressed_depth(message: CompressedImageMessage) -> Pixels:
    """Depth samples, 16UC1 or 32FC1, from a compressedDepth message or a plain 16-bit PNG.

    Raises:
        CompressedImageError: if the data cannot be decoded or is no lossless depth.
    """
    data = bytes(message.data)
    encoding, _, description = message.format.partition(";")
    if _COMPRESSED_DEPTH not in message.format:
        samples = _decode(data, message.format)
        if samples.dtype != np.uint16 or samples.ndim != 2:
            raise CompressedImageError(
                f"format '{message.format}' holds {samples.dtype} of shape {samples.shape}, no "
                "16-bit depth: record the raw or the compressedDepth topic"
            )
        return Pixels(encoding="16UC1", samples=samples)
    if not description.strip().endswith((_COMPRESSED_DEPTH, "png")):
        raise CompressedImageError(
            f"compressedDepth format '{message.format}' is not supported: set the publisher's "
            "compressedDepth format parameter to png"
        )
    if encoding not in ("16UC1", "32FC1") or len(data) < _DEPTH_CONFIG.size:
        raise CompressedImageError(
            f"compressedDepth message of {len(data)} bytes has format '{message.format}': "
            "expected 16UC1 or 32FC1 and a header of 12 bytes before the PNG"
        )
    samples = _decode(data[_DEPTH_CONFIG.size :], message.format)
    if samples.dtype != np.uint16 or samples.ndim != 2:
        raise CompressedImageError(
            f"compressedDepth holds {samples.dtype} of shape {samples.shape}, not 16-bit values"
        )
    if encoding == "16UC1":
        return Pixels(encoding=encoding, samples=samples)
    _, quotient, offset = _DEPTH_CONFIG.unpack_from(data)
    inverse_depth = samples.astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = np.float32(quotient) / (inverse_depth - np.float32(offset))
    depth_m[samples == 0] = np.nan
    return Pixels(encoding=encoding, samples=depth_m)


def _decode(data: bytes, format_text: str) -> Shaped[ndarray, "row column *sample"]:
    header = read_compressed_header(data)
    try:
        samples = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise CompressedImageError(
            f"{header.codec} image ('{format_text}') cannot be decoded: {error}"
        ) from error
    if samples is None or samples.shape[:2] != (header.height_px, header.width_px):
        raise CompressedImageError(
            f"{header.codec} image of {len(data)} bytes ('{format_text}') is corrupt: "
            "check the publisher and the link it came over"
        )
    return samples


def _read_png_header(data: bytes) -> CompressedHeader:
    if len(data) < 33 or data[12:16] != b"IHDR" or data[25] not in _PNG_CHANNELS:
        raise CompressedImageError(f"PNG of {len(data)} bytes has no valid header: it is corrupt")
    if _PNG_END not in data:
        raise CompressedImageError(f"PNG of {len(data)} bytes has no end: it was cut off")
    width_px, height_px, bits, colour_type = struct.unpack_from(">IIBB", data, 16)
    return CompressedHeader(
        codec="png",
        width_px=width_px,
        height_px=height_px,
        channels=_PNG_CHANNELS[colour_type],
        bits_per_channel=max(bits, 8),
    )


def _read_jpeg_header(data: bytes) -> CompressedHeader:
    """Walks the segments up to the frame header and on to the first scan."""
    header = None
    position = len(_JPEG_START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _JPEG_WITHOUT_LENGTH:
            position += 2
            continue
        if marker == _JPEG_SCAN:
            break
        if marker in _JPEG_FRAMES and position + 10 <= len(data):
            bits, height_px, width_px, channels = struct.unpack_from(">BHHB", data, position + 4)
            header = CompressedHeader(
                codec="jpeg",
                width_px=width_px,
                height_px=height_px,
                channels=channels,
                bits_per_channel=bits,
            )
        (length,) = struct.unpack_from(">H", data, position + 2)
        position += 2 + length
    if header is None:
        raise CompressedImageError(f"JPEG of {len(data)} bytes has no frame header: it is corrupt")
    # An embedded thumbnail has an end marker too, so only one after the scan's start counts.
    if data.find(_JPEG_END, position) < 0:
        raise CompressedImageError(f"JPEG of {len(data)} bytes has no end: it was cut off")
    return header
