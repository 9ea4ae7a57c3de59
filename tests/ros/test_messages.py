# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("sensor_msgs")

from builtin_interfaces.msg import Time
from helpers import SMALL_CAMERA
from std_msgs.msg import Header

from depthsplat_ros.ros import messages

HEADER = Header(stamp=Time(sec=12, nanosec=34), frame_id="camera_optical_frame")


def make_depth():
    depth_m = np.full((48, 64), 2.0, np.float32)
    depth_m[10, 20] = np.nan
    depth_m[11, 21] = 70.0
    return depth_m


def test_depth_in_metres_keeps_nan():
    message = messages.depth_message(make_depth(), "32FC1", HEADER)
    values = np.frombuffer(message.data, np.float32).reshape(48, 64)
    np.testing.assert_array_equal(values, make_depth())
    assert (message.step, message.encoding, message.is_bigendian) == (256, "32FC1", 0)
    assert message.header == HEADER
    assert message.header is not HEADER


def test_depth_in_millimetres_has_0_for_unknown_and_for_what_does_not_fit():
    message = messages.depth_message(make_depth(), "16UC1", HEADER)
    values = np.frombuffer(message.data, np.uint16).reshape(48, 64)
    assert values[0, 0] == 2000
    assert values[10, 20] == 0
    assert values[11, 21] == 0
    assert message.step == 128


def test_camera_info_is_that_of_a_rectified_camera():
    message = messages.camera_info_message(SMALL_CAMERA, HEADER)
    assert (message.width, message.height) == (64, 48)
    np.testing.assert_array_equal(np.reshape(message.k, (3, 3)), SMALL_CAMERA.matrix())
    np.testing.assert_array_equal(np.reshape(message.p, (3, 4))[:, :3], SMALL_CAMERA.matrix())
    assert list(message.d) == [0.0] * 5
    assert list(message.r) == np.eye(3).reshape(-1).tolist()


def test_cloud_holds_only_known_points_at_their_place_and_colour():
    image = np.zeros((48, 64, 3), np.uint8)
    image[0, 1] = (10, 20, 30)
    cloud = messages.points_message(make_depth(), image, SMALL_CAMERA, 1, HEADER)
    assert cloud.is_dense
    assert (cloud.height, cloud.width) == (1, 48 * 64 - 1)
    assert len(cloud.data) == cloud.row_step == cloud.width * cloud.point_step
    points = np.frombuffer(cloud.data, messages.POINT_DTYPE)
    point = points[1]
    assert point["z"] == 2.0
    assert point["x"] == pytest.approx((1 - 31.5) / 60 * 2)
    assert point["rgb"] == (10 << 16) + (20 << 8) + 30
    assert np.isfinite(points["x"]).all()


def test_cloud_can_be_thinned():
    image = np.zeros((48, 64, 3), np.uint8)
    cloud = messages.points_message(np.ones((48, 64), np.float32), image, SMALL_CAMERA, 4, HEADER)
    assert cloud.width == 12 * 16
    second = np.frombuffer(cloud.data, messages.POINT_DTYPE)[1]
    assert second["x"] == pytest.approx((4 - 31.5) / 60)


def test_an_empty_cloud_is_a_valid_message():
    nothing = np.full((48, 64), np.nan, np.float32)
    image = np.zeros((48, 64, 3), np.uint8)
    cloud = messages.points_message(nothing, image, SMALL_CAMERA, 1, HEADER)
    assert (cloud.width, cloud.row_step, len(cloud.data)) == (0, 0, 0)
