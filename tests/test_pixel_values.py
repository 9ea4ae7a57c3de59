# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.pixel_layout import Pixels
from depthsplat_ros.pixel_values import PixelValueError, depth_image_m, rgb_image

RGB = np.array([[[10, 100, 200], [0, 255, 7]], [[1, 2, 3], [90, 80, 70]]], np.uint8)


@pytest.mark.parametrize(
    ("encoding", "order"),
    [("rgb", (0, 1, 2)), ("bgr", (2, 1, 0)), ("rgba", (0, 1, 2, 0)), ("bgra", (2, 1, 0, 0))],
)
def test_channels_come_out_in_rgb_order_at_8_and_16_bits(encoding, order):
    stored = RGB[..., order]
    np.testing.assert_array_equal(rgb_image(Pixels(encoding=f"{encoding}8", samples=stored)), RGB)
    wide = stored.astype(np.uint16) * 257
    np.testing.assert_array_equal(rgb_image(Pixels(encoding=f"{encoding}16", samples=wide)), RGB)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_is_repeated(encoding):
    grey = RGB[..., 0]
    image = rgb_image(Pixels(encoding=encoding, samples=grey))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_bayer_patterns_are_spelt_from_the_top_left_pixel(pattern, bits):
    colour = np.array([200, 100, 50])
    mosaic = np.empty((12, 12), f"uint{bits}")
    for place, letter in enumerate(pattern):
        value = colour["rgb".index(letter)] * (1 if bits == 8 else 257)
        mosaic[place // 2 :: 2, place % 2 :: 2] = value
    image = rgb_image(Pixels(encoding=f"bayer_{pattern}{bits}", samples=mosaic))
    np.testing.assert_array_equal(image[2:-2, 2:-2], np.broadcast_to(colour, (8, 8, 3)))


def test_yuv_formats_agree_on_a_colour():
    # BT.601, video range: Y = 81, U = 90, V = 240 is pure red.
    y, u, v = 81, 90, 240
    uyvy = np.tile(np.array([[u, y], [v, y]], np.uint8), (4, 2, 1))
    yuyv = uyvy[..., ::-1].copy()
    brightness = np.full((4, 4), y, np.uint8)
    nv12 = np.vstack([brightness, np.tile(np.array([u, v], np.uint8), (2, 2))])
    nv21 = np.vstack([brightness, np.tile(np.array([v, u], np.uint8), (2, 2))])
    for encoding, samples in (
        ("uyvy", uyvy),
        ("yuv422", uyvy),
        ("yuyv", yuyv),
        ("yuv422_yuy2", yuyv),
        ("nv12", nv12),
        ("nv21", nv21),
    ):
        image = rgb_image(Pixels(encoding=encoding, samples=samples)).astype(int)
        assert image.shape == (4, 4, 3), encoding
        assert np.abs(image - (255, 0, 0)).max() <= 2, encoding


def test_the_picture_owns_its_memory():
    stored = RGB.copy()
    stored.flags.writeable = False
    image = rgb_image(Pixels(encoding="rgb8", samples=stored))
    assert image.flags.writeable and not np.shares_memory(image, stored)


@pytest.mark.parametrize("encoding", ["8UC2", "8UC3", "16UC1", "32FC1", "nv24"])
def test_encodings_without_colours_are_refused(encoding):
    with pytest.raises(PixelValueError, match=f"'{encoding}' does not say which colours"):
        rgb_image(Pixels(encoding=encoding, samples=np.zeros((2, 2), np.uint8)))


def test_millimetres_become_metres_and_zero_is_unknown():
    samples = np.array([[0, 1, 1500, 65535]], np.uint16)
    depth_m = depth_image_m(Pixels(encoding="16UC1", samples=samples))
    assert depth_m.dtype == np.float32
    np.testing.assert_allclose(depth_m, [[np.nan, 0.001, 1.5, 65.535]], rtol=1e-6)


def test_float_depth_that_is_no_distance_is_unknown():
    samples = np.array([[0.0, -1.0, np.inf, -np.inf, np.nan, 2.5]], np.float32)
    depth_m = depth_image_m(Pixels(encoding="32FC1", samples=samples))
    np.testing.assert_array_equal(depth_m, [[np.nan] * 5 + [2.5]])
    assert samples[0, 0] == 0.0


def test_colours_are_no_depth():
    with pytest.raises(PixelValueError, match="'rgb8' holds no depth"):
        depth_image_m(Pixels(encoding="rgb8", samples=RGB))
