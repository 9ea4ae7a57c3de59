# SPDX-License-Identifier: Apache-2.0
import sys
from array import array
from types import SimpleNamespace

import numpy as np
import pytest

from depthsplat_ros.pixel_layout import PIXEL_LAYOUTS, PixelLayoutError, unpack_image


def make_message(samples, encoding, *, padding=0, big_endian=False, changes=None):
    """An Image message of the samples, with padded rows and foreign byte order if wanted."""
    stored = samples.astype(samples.dtype.newbyteorder(">" if big_endian else "<"))
    rows = np.frombuffer(stored.tobytes(), np.uint8).reshape(len(samples), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    fields = {
        "height": samples.shape[0],
        "width": samples.shape[1],
        "encoding": encoding,
        "is_bigendian": int(big_endian),
        "step": rows.shape[1],
        "data": rows.tobytes(),
    }
    return SimpleNamespace(**{**fields, **(changes or {})})


def counting(shape, sample_type):
    return np.arange(np.prod(shape)).reshape(shape).astype(sample_type)


SIMPLE_ENCODINGS = sorted(
    name for name, layout in PIXEL_LAYOUTS.items() if layout.rows_per_height == 1
)


@pytest.mark.parametrize("encoding", SIMPLE_ENCODINGS)
@pytest.mark.parametrize("big_endian", [False, True])
def test_padded_rows_of_either_byte_order_come_back_as_they_were(encoding, big_endian):
    layout = PIXEL_LAYOUTS[encoding]
    channels = (layout.samples_per_pixel,) if layout.samples_per_pixel > 1 else ()
    samples = counting((6, 4, *channels), layout.sample_type)
    message = make_message(samples, encoding, padding=5, big_endian=big_endian)
    pixels = unpack_image(message)
    np.testing.assert_array_equal(pixels.samples, samples)
    assert pixels.samples.dtype == layout.sample_type and pixels.samples.dtype.isnative
    assert pixels.samples.flags.c_contiguous
    assert pixels.encoding == encoding


@pytest.mark.parametrize(
    ("encoding", "bits_per_pixel"),
    [
        *[("rgb8", 24), ("bgra8", 32), ("mono8", 8), ("mono16", 16), ("rgb16", 48)],
        *[("bayer_gbrg16", 16), ("yuyv", 16), ("uyvy", 16), ("yuv422", 16), ("yuv422_yuy2", 16)],
        *[("32FC1", 32), ("64FC4", 256), ("16SC2", 32), ("8UC3", 24)],
        *[("nv12", 12), ("nv21", 12), ("nv24", 24)],
    ],
)
def test_layouts_have_the_size_that_the_format_defines(encoding, bits_per_pixel):
    layout = PIXEL_LAYOUTS[encoding]
    bits = 8 * np.dtype(layout.sample_type).itemsize * layout.samples_per_pixel
    assert bits * layout.rows_per_height == bits_per_pixel


def test_planar_yuv_keeps_its_colour_rows():
    stored = counting((9, 4), "uint8")
    message = make_message(stored, "nv12", padding=3, changes={"height": 6})
    np.testing.assert_array_equal(unpack_image(message).samples, stored)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: array("B", data)])
def test_every_container_of_bytes_is_read(kind):
    samples = counting((2, 3, 3), "uint8")
    message = make_message(samples, "rgb8")
    message.data = kind(message.data)
    np.testing.assert_array_equal(unpack_image(message).samples, samples)


def test_tight_native_images_are_not_copied():
    data = np.zeros(2 * 3 * 3, np.uint8)
    big = sys.byteorder == "big"
    message = make_message(
        data.reshape(2, 3, 3), "rgb8", changes={"data": data, "is_bigendian": int(big)}
    )
    assert np.shares_memory(unpack_image(message).samples, data)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"encoding": "rbg8"}, "'rbg8' is not one .* did the driver mean 'rgb8'"),
        ({"encoding": "RGB8"}, "did the driver mean 'rgb8'"),
        ({"encoding": ""}, "publish rgb8"),
        ({"encoding": "8UC99"}, "8UC99"),
        ({"step": 8}, "step is 8 bytes, but a row of 3 px in 'rgb8' needs 9"),
        ({"data": bytes(17)}, "17 bytes, but 2 rows of step 9 in 'rgb8' make 18"),
        ({"data": bytes(19)}, "19 bytes, but 2 rows"),
        ({"data": b""}, "0 bytes"),
        ({"width": 0}, "width is 0"),
        ({"height": 0}, "height is 0"),
        ({"height": 4_000_000_000, "step": 4_000_000_000}, "height is 4000000000"),
        ({"width": 90_000}, "step is 9 bytes, but a row of 90000"),
        ({"encoding": "yuyv"}, "groups of 2"),
    ],
)
def test_fields_that_do_not_fit_are_named(changes, complaint):
    message = make_message(counting((2, 3, 3), "uint8"), "rgb8", changes=changes)
    with pytest.raises(PixelLayoutError, match=complaint):
        unpack_image(message)
