# SPDX-License-Identifier: Apache-2.0
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depthsplat_ros.compressed_image import (
    CompressedImageError,
    read_compressed_header,
    unpack_compressed_depth,
    unpack_compressed_image,
)
from depthsplat_ros.pixel_values import depth_image_m, rgb_image

RED = np.zeros((24, 40, 3), np.uint8)
RED[..., 0] = 250


def encode(samples, suffix):
    return cv2.imencode(suffix, samples)[1].tobytes()


def message(data, format_text):
    return SimpleNamespace(data=data, format=format_text)


def png_announcing(width_px, height_px):
    """A tiny PNG whose header claims any size."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    chunks = b""
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(name + body))
        chunks += struct.pack(">I", len(body)) + name + body + checksum
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg_announcing(width_px, height_px):
    data = bytearray(encode(RED, ".jpg"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height_px, width_px)
    return bytes(data)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_header_tells_what_decoding_gives(suffix, channels):
    samples = RED if channels == 3 else RED[..., 0]
    header = read_compressed_header(encode(samples, suffix))
    assert (header.codec, header.channels) == ({".jpg": "jpeg", ".png": "png"}[suffix], channels)
    assert (header.width_px, header.height_px, header.bits_per_channel) == (40, 24, 8)


def test_sixteen_bit_png_says_so():
    assert (
        read_compressed_header(encode(np.ones((3, 4), np.uint16), ".png")).bits_per_channel == 16
    )


@pytest.mark.parametrize(
    ("format_text", "swapped"),
    [
        ("jpeg", False),
        ("png", False),
        ("", False),
        ("rgb8; jpeg compressed bgr8", False),
        ("bgr8; jpeg compressed bgr8", False),
        ("bgra8; jpeg compressed bgr8", False),
        # The transport compressed RGB channels as if they were BGR, and says so by its silence.
        ("rgb8; jpeg compressed ", True),
        ("bgr8; jpeg compressed rgb8", True),
        ("mono8; jpeg compressed ", False),
    ],
)
def test_colours_follow_the_format_text_as_image_transport_reads_it(format_text, swapped):
    # OpenCV's encoder takes BGR, so swapping the channels before it makes a JPEG of a red image.
    data = encode(RED if swapped else RED[..., ::-1], ".jpg")
    image = rgb_image(unpack_compressed_image(message(data, format_text))).astype(int)
    assert np.abs(image - RED).max() < 6


def test_grey_and_alpha_become_rgb():
    grey = rgb_image(unpack_compressed_image(message(encode(RED[..., 0], ".png"), "mono8; png")))
    np.testing.assert_array_equal(grey, 250)
    alpha = np.dstack([RED[..., ::-1], np.full((24, 40), 9, np.uint8)])
    image = rgb_image(unpack_compressed_image(message(encode(alpha, ".png"), "png")))
    np.testing.assert_array_equal(image, RED)


def test_bayer_patterns_survive_compression():
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[::2, ::2] = 200
    data = encode(mosaic, ".png")
    pixels = unpack_compressed_image(message(data, "bayer_rggb8; png compressed "))
    assert pixels.encoding == "bayer_rggb8"
    np.testing.assert_array_equal(rgb_image(pixels)[2:-2, 2:-2], np.full((4, 4, 3), (200, 0, 0)))


def test_exif_orientation_is_ignored():
    # CameraInfo belongs to the pixels as the sensor gives them, not as a viewer turns them.
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0" + tiff
    data = encode(RED[..., ::-1], ".jpg")
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (40, 24)
    assert rgb_image(unpack_compressed_image(message(turned, "jpeg"))).shape == RED.shape


@pytest.mark.parametrize("data", [png_announcing(60_000, 60_000), jpeg_announcing(60_000, 60_000)])
def test_bombs_are_refused_before_decoding(data, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(CompressedImageError, match="60000x60000 px, more than"):
        unpack_compressed_image(message(data, "png"))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "neither JPEG nor PNG"),
        (b"GIF89a...", "begin with 47 49 46"),
        (b"\xff\xd8", "no frame header"),
        (b"\xff\xd8" + bytes(100), "no frame header"),
        (b"\xff\xd8" + b"\xff" * 100, "no frame header"),
        (b"\x89PNG\r\n\x1a\n", "no valid header"),
        (png_announcing(0, 5), "width of 0"),
        (png_announcing(200_000, 5), "width of 200000"),
        (jpeg_announcing(40, 0), "height of 0"),
        (png_announcing(40, 24), "is corrupt"),
        (encode(RED, ".jpg")[:-40], "no end"),
        (encode(RED, ".png")[:-20], "no end"),
    ],
)
def test_broken_files_are_refused_with_the_reason(data, complaint):
    with pytest.raises(CompressedImageError, match=complaint):
        unpack_compressed_image(message(data, "jpeg"))


def test_every_truncation_of_a_picture_is_an_error_of_ours():
    for data in (encode(RED, ".jpg"), encode(RED, ".png")):
        for length in range(len(data) - 2):
            with pytest.raises(CompressedImageError):
                unpack_compressed_image(message(data[:length], "jpeg"))


def test_an_embedded_thumbnail_does_not_hide_a_cut_off_picture():
    thumbnail = encode(RED[:8, :8], ".jpg")
    data = encode(RED, ".jpg")
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = data[:2] + segment + data[2:]
    assert read_compressed_header(whole).width_px == 40
    with pytest.raises(CompressedImageError, match="no end"):
        read_compressed_header(whole[:-2])


def test_compressed_depth_is_no_picture():
    with pytest.raises(CompressedImageError, match="depth of the compressedDepth transport"):
        unpack_compressed_image(message(b"", "16UC1; compressedDepth png"))


MILLIMETRES = np.array([[0, 500, 1500], [60000, 7, 1]], np.uint16)


@pytest.mark.parametrize(
    ("format_text", "header"),
    [
        ("16UC1; compressedDepth", bytes(12)),
        ("16UC1; compressedDepth png", bytes(12)),
        ("16UC1; png compressed ", b""),
        ("png", b""),
    ],
)
def test_integer_depth_is_lossless(format_text, header):
    data = header + encode(MILLIMETRES, ".png")
    pixels = unpack_compressed_depth(message(data, format_text))
    np.testing.assert_array_equal(pixels.samples, MILLIMETRES)
    assert pixels.encoding == "16UC1"


def test_quantised_inverse_depth_is_turned_back():
    # The transport stores A / depth + B rounded down, and 0 for unknown.
    quotient, offset = 100.0 * 101.0, 1.0 - 101.0
    depth_m = np.array([[np.nan, 0.5, 1.0, 4.0, 10.0]], np.float32)
    stored = np.nan_to_num(np.floor(quotient / depth_m + 0.5 - 0.5 + offset)).astype(np.uint16)
    data = struct.pack("<iff", 1, quotient, offset) + encode(stored, ".png")
    pixels = unpack_compressed_depth(message(data, "32FC1; compressedDepth png"))
    read_m = depth_image_m(pixels)
    assert np.isnan(read_m[0, 0])
    # One quantum: depth^2 / A.
    assert (np.abs(read_m - depth_m)[0, 1:] <= 1.01 * depth_m[0, 1:] ** 2 / quotient).all()


@pytest.mark.parametrize(
    ("data", "format_text", "complaint"),
    [
        (bytes(40), "16UC1; compressedDepth rvl", "set the publisher's .* to png"),
        (bytes(5), "16UC1; compressedDepth png", "header of 12 bytes"),
        (bytes(12) + encode(MILLIMETRES, ".png"), "mono8; compressedDepth png", "expected 16UC1"),
        (bytes(12) + encode(RED, ".png"), "16UC1; compressedDepth png", "not 16-bit"),
        (encode(RED, ".jpg"), "16UC1; jpeg compressed ", "no 16-bit depth"),
        (bytes(12) + encode(MILLIMETRES, ".png"), "compressedDepth", "is not supported"),
    ],
)
def test_what_is_no_depth_is_refused(data, format_text, complaint):
    with pytest.raises(CompressedImageError, match=complaint):
        unpack_compressed_depth(message(data, format_text))
