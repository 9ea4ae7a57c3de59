# SPDX-License-Identifier: Apache-2.0
import array

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("cv_bridge")

from ros_graph import make_image, make_info
from sensor_msgs.msg import CompressedImage

from depthsplat_ros.pixel_layout import PixelLayoutError, unpack_image
from depthsplat_ros.pixel_values import rgb_image
from depthsplat_ros.ros.decoding import ColourConversionError, colour_image, decode
from depthsplat_ros.ros.frame_assembler import PosedImage

RNG = np.random.default_rng(0)


def image_of(samples, encoding, **changes):
    return make_image(
        1,
        encoding=encoding,
        height=samples.shape[0],
        width=samples.shape[1],
        step=samples.strides[0],
        data=array.array("B", samples.tobytes()),
        **changes,
    )


@pytest.mark.parametrize(
    ("encoding", "shape", "dtype"),
    [
        ("rgb8", (8, 6, 3), np.uint8),
        ("bgr8", (8, 6, 3), np.uint8),
        ("bgra8", (8, 6, 4), np.uint8),
        ("mono8", (8, 6), np.uint8),
        ("8UC1", (8, 6), np.uint8),
        ("mono16", (8, 6), np.uint16),
        ("bayer_grbg8", (8, 6), np.uint8),
        ("uyvy", (8, 6, 2), np.uint8),
        ("yuyv", (8, 6, 2), np.uint8),
    ],
)
def test_the_live_picture_equals_the_one_read_from_a_bag(encoding, shape, dtype):
    samples = RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    message = image_of(samples, encoding)
    np.testing.assert_array_equal(colour_image(message), rgb_image(unpack_image(message)))


def test_padded_rows_are_cut_off():
    samples = RNG.integers(0, 255, (8, 6, 3), dtype=np.uint8)
    padded = np.zeros((8, 32), np.uint8)
    padded[:, :18] = samples.reshape(8, 18)
    message = image_of(samples, "rgb8")
    message.step, message.data = 32, array.array("B", padded.tobytes())
    np.testing.assert_array_equal(colour_image(message), samples)


def test_big_endian_samples_are_swapped():
    samples = RNG.integers(0, 65535, (8, 6), dtype=np.uint16)
    message = image_of(samples, "mono16")
    swapped = image_of(samples.byteswap(), "mono16", is_bigendian=1)
    np.testing.assert_array_equal(colour_image(swapped), colour_image(message))


def test_jpeg_is_decoded_as_rgb():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[..., 0] = 200  # red in RGB
    jpeg = cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
    decoded = colour_image(CompressedImage(format="jpeg", data=array.array("B", jpeg)))
    assert decoded[8, 8, 0] > 150
    assert decoded[8, 8, 2] < 50


@pytest.mark.parametrize(
    ("changes", "error", "named"),
    [
        ({"encoding": "rgb9"}, PixelLayoutError, "rgb9"),
        ({"encoding": "8UC3"}, ColourConversionError, "8UC3"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(changes, error, named):
    with pytest.raises(error, match=named):
        colour_image(make_image(1, **changes))


def test_a_distorted_image_becomes_a_pinhole_frame():
    info = make_info(1, d=[-0.2, 0.05, 0.0, 0.0, 0.0])
    posed = PosedImage(
        message=make_image(1),
        camera_info=info,
        camera_frame="camera",
        stamp_ns=1,
        world_from_camera=np.eye(4),
    )
    frame = decode(posed, is_rectified=False)
    assert frame.camera.fx_px < 60.0  # a barrel lens sees more than its central focal length says
    as_it_is = decode(posed, is_rectified=True)
    np.testing.assert_array_equal(as_it_is.image, colour_image(posed.message))
    assert as_it_is.camera.fx_px == 60.0
