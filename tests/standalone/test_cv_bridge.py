# SPDX-License-Identifier: Apache-2.0
"""Images to arrays and back, against answers of the real cv_bridge and by its properties.

`golden/cvb_golden.json` and `.npz` were recorded from cv_bridge 3.4.0 (8b42d66) with OpenCV 4.6:
`decode` holds [encoding, desired encoding, "ok", dtype, shape] or [.., exception, text] for the
arrays `in_*` with the results `out_*`; `encode` holds [dtype, shape, encoding, "ok", encoding,
step, is_bigendian, size] or [.., exception, text].
"""

import array
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("sensor_msgs", reason="no ROS")
pytest.importorskip("cv_bridge.colour", reason="the real cv_bridge is installed")

from cv_bridge import CvBridge, CvBridgeError, cvtColorForDisplay, getCvType
from cv_bridge.boost.cv_bridge_boost import CV_MAT_CNWrap, CV_MAT_DEPTHWrap, cvtColor2
from cv_bridge.colour import saturate
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

pytestmark = pytest.mark.ros

FOLDER = Path(__file__).with_name("golden")
GOLDEN = json.loads((FOLDER / "cvb_golden.json").read_text())
ARRAYS = np.load(FOLDER / "cvb_golden.npz")
DTYPES = ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64")
BRIDGE = CvBridge()


def message_of(pixels, encoding, *, padding=0, byte_order="<"):
    """A message of the pixels, each row followed by `padding` bytes of garbage."""
    rows = pixels.astype(pixels.dtype.newbyteorder(byte_order)).reshape(len(pixels), -1)
    rows = np.frombuffer(rows.tobytes(), np.uint8).reshape(len(pixels), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    message = Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=rows.shape[1],
        is_bigendian=byte_order == ">",
    )
    message.data.frombytes(rows.tobytes())
    return message


def random_image(dtype, channels=1, *, height=5, width=7):
    shape = (height, width) if channels == 1 else (height, width, channels)
    bits = np.random.default_rng(7).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    image = bits.view(dtype)[..., 0]
    return np.nan_to_num(image) if image.dtype.kind == "f" else image


def outcome(function, *arguments):
    """What a function returns, or its exception's type and text as the golden file has them."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - any exception is an answer to compare
        return [type(error).__name__, str(error)]


def encodings_in(cases):
    return sorted({case[0] for case in cases})


@pytest.mark.parametrize("encoding", encodings_in(GOLDEN["decode"]))
def test_decodes_as_the_real_one(encoding):
    for _, desired, *expected in (c for c in GOLDEN["decode"] if c[0] == encoding):
        message = message_of(ARRAYS[f"in_{encoding}"], encoding)
        answer = outcome(BRIDGE.imgmsg_to_cv2, message, desired)
        if expected[0] == "ok":
            assert ["ok", str(answer.dtype), list(answer.shape)] == expected, desired
            np.testing.assert_array_equal(answer, ARRAYS[f"out_{encoding}__{desired}"], desired)
        else:
            assert answer == expected, desired


@pytest.mark.parametrize("dtype", encodings_in(GOLDEN["encode"]))
def test_encodes_as_the_real_one(dtype):
    for _, shape, encoding, *expected in (c for c in GOLDEN["encode"] if c[0] == dtype):
        answer = outcome(BRIDGE.cv2_to_imgmsg, np.zeros(shape, dtype), encoding)
        if expected[0] == "ok":
            size = len(answer.data)
            answer = ["ok", answer.encoding, answer.step, answer.is_bigendian, size]
        assert answer == expected, (shape, encoding)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_array_survives_the_way_into_a_message_and_back(dtype, channels):
    image = random_image(dtype, channels)
    message = BRIDGE.cv2_to_imgmsg(image)
    answer = BRIDGE.imgmsg_to_cv2(message)
    assert answer.dtype == image.dtype
    np.testing.assert_array_equal(answer, image)
    assert BRIDGE.cv2_to_imgmsg(image, message.encoding) == message


@pytest.mark.parametrize("padding", [1, 2, 3, 16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_padding_of_rows_is_left_out(dtype, channels, padding):
    image = random_image(dtype, channels)
    encoding = BRIDGE.dtype_with_channels_to_cvtype2(image.dtype, channels)
    message = message_of(image, encoding, padding=padding)
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message), image)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_big_endian_image_comes_out_in_this_machines_order(dtype, channels):
    image = random_image(dtype, channels)
    encoding = BRIDGE.dtype_with_channels_to_cvtype2(image.dtype, channels)
    answer = BRIDGE.imgmsg_to_cv2(message_of(image, encoding, byte_order=">"))
    assert answer.dtype.isnative
    np.testing.assert_array_equal(answer, image)


def test_big_endian_array_makes_a_big_endian_message():
    image = random_image("uint16")
    message = BRIDGE.cv2_to_imgmsg(image.astype(">u2"), "mono16")
    assert message.is_bigendian
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message, "mono16"), image)


def test_message_with_too_short_a_step_is_refused():
    message = message_of(random_image("uint8", 3), "rgb8")
    message.step -= 1
    with pytest.raises(CvBridgeError, match=r"step < width \* byte_depth .* 20 != 7 \* 1 \* 3"):
        BRIDGE.imgmsg_to_cv2(message)


def test_message_with_too_little_data_is_refused():
    message = message_of(random_image("uint8", 3), "rgb8")
    message.data.pop()
    with pytest.raises(CvBridgeError, match=r"height \* step != size .* 5 \* 21 != 104"):
        BRIDGE.imgmsg_to_cv2(message)


def test_data_behind_the_last_row_does_not_matter():
    image = random_image("uint8", 3)
    message = message_of(image, "rgb8")
    message.data.extend(b"more")
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message), image)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 4, 3), (3, 0, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_image_without_pixels_survives(shape, dtype):
    answer = BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(np.zeros(shape, dtype)))
    assert answer.shape == shape
    assert answer.dtype == dtype


def test_passthrough_shares_the_messages_memory():
    message = message_of(random_image("uint8", 3), "rgb8")
    BRIDGE.imgmsg_to_cv2(message)[0, 0] = (1, 2, 3)
    assert message.data[:3] == array.array("B", [1, 2, 3])


@pytest.mark.parametrize("desired", ["", "rgb8", "bgr8"])
def test_converted_image_is_a_copy(desired):
    message = message_of(random_image("uint8", 3), "rgb8")
    before = bytes(message.data)
    BRIDGE.imgmsg_to_cv2(message, desired)[:] = 0
    assert bytes(message.data) == before


@pytest.mark.parametrize("make", [bytes, list, bytearray, memoryview])
def test_data_may_be_of_any_type_that_holds_bytes(make):
    image = random_image("uint16")
    message = message_of(image, "mono16")
    message._data = make(bytes(message.data))  # the setter checks each element
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(message), image)


def test_header_goes_into_the_message():
    header = Header(frame_id="camera")
    assert BRIDGE.cv2_to_imgmsg(np.zeros((2, 2), np.uint8), header=header).header == header


@pytest.mark.parametrize("convert", [BRIDGE.cv2_to_imgmsg, BRIDGE.cv2_to_compressed_imgmsg])
def test_what_is_no_array_is_refused(convert):
    with pytest.raises(TypeError, match="^Your input type is not a numpy array$"):
        convert([[1, 2], [3, 4]])


def test_error_is_a_type_error_as_callers_expect():
    assert issubclass(CvBridgeError, TypeError)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_mosaic_of_one_colour_becomes_that_colour(pattern, bits):
    colour = {"r": 200, "g": 120, "b": 40}
    block = np.array([colour[c] for c in pattern], f"uint{bits}").reshape(2, 2)
    message = message_of(np.tile(block, (4, 4)), f"bayer_{pattern}{bits}")
    inside = BRIDGE.imgmsg_to_cv2(message, f"rgb{bits}")[2:-2, 2:-2]
    np.testing.assert_array_equal(inside, np.broadcast_to([200, 120, 40], inside.shape))


@pytest.mark.parametrize("encoding, order", [("yuv422", "uyvy"), ("yuv422_yuy2", "yuyv")])
def test_gray_yuv_becomes_gray(encoding, order):
    pixel_pair = np.array([{"y": 126, "u": 128, "v": 128}[c] for c in order], np.uint8)
    message = message_of(np.tile(pixel_pair.reshape(1, 2, 2), (4, 4, 1)), encoding)
    rgb = BRIDGE.imgmsg_to_cv2(message, "rgb8")
    # BT.601 with a range of 16..235: (126 - 16) * 255 / 219 is 128.1.
    np.testing.assert_array_equal(rgb, np.full((4, 8, 3), 128))


@pytest.mark.parametrize("narrow, wide", [("mono8", "mono16"), ("rgba8", "bgra16")])
def test_eight_bits_survive_the_way_through_sixteen(narrow, wide):
    channels = 4 if "a" in narrow else 1
    image = random_image("uint8", channels, height=16, width=16)
    widened = cvtColor2(image, narrow, wide)
    np.testing.assert_array_equal(widened.max(), int(image.max()) * 257)
    np.testing.assert_array_equal(cvtColor2(widened, wide, narrow), image)


def test_values_outside_the_target_type_saturate_as_in_opencv():
    values = np.array([np.nan, np.inf, -np.inf, -3.0, 0.5, 1.5, 254.5, 300.0, 1e30], np.float32)
    into = {dtype: saturate(values, np.dtype(dtype)).tolist() for dtype in ("uint8", "int32")}
    lowest = np.iinfo(np.int32).min
    assert into["uint8"] == [0, 0, 0, 0, 0, 2, 254, 255, 0]
    assert into["int32"] == [lowest, lowest, lowest, -3, 0, 2, 254, 300, lowest]


def test_conversion_that_opencv_refuses_is_an_error_of_the_bridge():
    message = message_of(random_image("uint8", 2, width=7), "yuv422")
    with pytest.raises(CvBridgeError, match="OpenCV"):
        BRIDGE.imgmsg_to_cv2(message, "rgb8")  # pairs of pixels, but the width is odd


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_survives_compression(channels):
    image = random_image("uint8", channels)
    message = BRIDGE.cv2_to_compressed_imgmsg(image, "png")
    assert message.format == "png"
    np.testing.assert_array_equal(BRIDGE.compressed_imgmsg_to_cv2(message), image)


def test_compressed_picture_is_converted_from_bgr():
    image = random_image("uint8", 3)
    message = BRIDGE.cv2_to_compressed_imgmsg(image, "png")
    rgb = BRIDGE.compressed_imgmsg_to_cv2(message, "rgb8")
    np.testing.assert_array_equal(rgb, image[..., ::-1])
    with pytest.raises(CvBridgeError, match=r"^Unsupported conversion from \[bgr8\] to \[yuv422"):
        BRIDGE.compressed_imgmsg_to_cv2(message, "yuv422")


def test_data_that_is_no_picture_gives_none_or_an_error():
    message = CompressedImage(format="jpeg", data=b"no picture")
    assert BRIDGE.compressed_imgmsg_to_cv2(message) is None
    with pytest.raises(CvBridgeError, match="10 bytes, format 'jpeg'.* cannot become rgb8"):
        BRIDGE.compressed_imgmsg_to_cv2(message, "rgb8")


@pytest.mark.parametrize("depth", ["8U", "8S", "16U", "16S", "32S", "32F", "64F"])
def test_type_numbers_are_opencvs(depth):
    assert getCvType(depth) == getattr(cv2, f"CV_{depth}C1")
    for channels in (1, 2, 3, 4):
        number = getCvType(f"{depth}C{channels}")
        assert number == getattr(cv2, f"CV_{depth}C{channels}")
        assert CV_MAT_CNWrap(number) == channels
        assert CV_MAT_DEPTHWrap(number) == getattr(cv2, f"CV_{depth}")


@pytest.mark.parametrize("encoding", ["8UC", "8UC0", "8UC513", "24UC1", "RGB8", " rgb8"])
def test_encoding_that_does_not_exist_has_no_type(encoding):
    with pytest.raises(RuntimeError, match="^Unrecognized image encoding"):
        getCvType(encoding)


def test_each_label_gets_a_colour_and_the_background_none():
    labels = np.array([[-1, 0, 7], [1, 146, -5]], np.int32)
    picture = cvtColorForDisplay(labels, "32SC1", "bgr8")
    assert picture[0, 2].tolist() == [0, 0, 0]  # the eighth CSS colour is black
    assert picture[0, 0].tolist() == picture[1, 2].tolist() == [0, 0, 0]
    assert picture[0, 1].tolist() == picture[1, 1].tolist() == [255, 248, 239]  # alice blue


def test_dynamic_scaling_shows_the_whole_range():
    depth_m = np.array([[1.0, 2.0], [3.0, np.inf]], np.float32)
    picture = cvtColorForDisplay(depth_m, "32FC1", "mono8", True)
    assert picture[0].tolist() == [0, 128]
    assert picture[1, 0] == 255


def test_colour_map_leaves_the_unknown_black():
    depth_m = np.array([[1.0, np.nan]], np.float32)
    picture = cvtColorForDisplay(depth_m, "32FC1", "bgr8", False, 0.0, 2.0, cv2.COLORMAP_JET)
    assert picture[0, 1].tolist() == [0, 0, 0]
    assert picture[0, 0].any()


def test_display_needs_an_eight_bit_colour():
    with pytest.raises(RuntimeError, match="does not have an output encoding"):
        cvtColorForDisplay(np.zeros((2, 2), np.uint8), "mono8", "mono16")
    with pytest.raises(RuntimeError, match="more than one channel is unsupported"):
        cvtColorForDisplay(np.zeros((2, 2, 3), np.uint8), "rgb8", "bgr8", False, 0.0, 9.0)
    with pytest.raises(RuntimeError, match=r"from '8UC1' to 'bgr8' an exception was thrown"):
        cvtColorForDisplay(np.zeros((2, 2), np.uint8), "8UC1", "")
