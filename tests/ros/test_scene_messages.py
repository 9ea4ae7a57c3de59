# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("depthsplat_ros.msg")

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.ros.poses import matrix_from_transform
from depthsplat_ros.ros.scene_messages import (
    gaussian_scene_message,
    quaternion_wxyz,
    transform_message,
)

pytestmark = pytest.mark.ros

HEADER = Header(stamp=Time(sec=12, nanosec=34), frame_id="map")


def make_gaussians(count, coefficients):
    generator = np.random.default_rng(1)

    def numbers(*shape):
        return generator.normal(size=shape).astype(np.float32)

    return Gaussians(
        origin_m=np.array([5e5 + 0.125, 5.4e6, -3.0]),
        means_m=numbers(count, 3),
        scales_m=np.abs(numbers(count, 3)),
        rotations_wxyz=numbers(count, 4),
        opacities=np.full(count, 0.5, np.float32),
        harmonics=numbers(count, 3, coefficients),
    )


@pytest.mark.parametrize(("coefficients", "degree"), [(1, 0), (4, 1), (25, 4)])
def test_every_number_is_where_the_definition_says(coefficients, degree):
    gaussians = make_gaussians(7, coefficients)
    message = gaussian_scene_message(gaussians, HEADER, version=3, count_held=9)
    assert (message.version, message.count, message.count_held) == (3, 7, 9)
    assert message.harmonics_degree == degree
    assert message.header == HEADER
    assert message.header is not HEADER
    assert (message.origin.x, message.origin.y) == (5e5 + 0.125, 5.4e6)
    # As someone without this package would read it: record 4, then green's last coefficient.
    assert message.means[3 * 4 : 3 * 4 + 3].tolist() == gaussians.means_m[4].tolist()
    assert message.scales[3 * 4 + 1] == gaussians.scales_m[4, 1]
    assert message.rotations[4 * 4] == gaussians.rotations_wxyz[4, 0]
    assert message.opacities[4] == 0.5
    coefficient = (4 * 3 + 1) * coefficients + coefficients - 1
    assert message.harmonics[coefficient] == gaussians.harmonics[4, 1, -1]
    assert len(message.harmonics) == 7 * 3 * coefficients


def test_an_empty_scene_is_a_message_too():
    message = gaussian_scene_message(make_gaussians(0, 1), HEADER, version=1, count_held=0)
    assert (message.count, len(message.means), len(message.harmonics)) == (0, 0, 0)


def test_arrays_that_are_not_contiguous_are_sent_in_order():
    gaussians = make_gaussians(6, 4)
    turned = Gaussians(
        origin_m=gaussians.origin_m,
        means_m=np.asfortranarray(gaussians.means_m),
        scales_m=gaussians.scales_m,
        rotations_wxyz=gaussians.rotations_wxyz,
        opacities=gaussians.opacities,
        harmonics=np.asfortranarray(gaussians.harmonics),
    )
    expected = gaussian_scene_message(gaussians, HEADER, version=1, count_held=6)
    assert gaussian_scene_message(turned, HEADER, version=1, count_held=6) == expected


ANGLES = [(0, 0, 0), (0.3, -2.0, 1.0), (np.pi, 0, 0), (0, np.pi, 0), (0, 0, np.pi), (3.1, 3.1, 0)]


@pytest.mark.parametrize("angles", ANGLES)
def test_a_transform_message_is_read_back_as_the_same_matrix(angles):
    import cv2

    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array(angles, np.float64))[0]
    pose[:3, 3] = (1.0, 2.0, 3.0)
    message = transform_message(pose, stamp=HEADER.stamp, parent="map", child="eye")
    assert (message.header.frame_id, message.child_frame_id) == ("map", "eye")
    np.testing.assert_allclose(matrix_from_transform(message.transform), pose, atol=1e-9)
    assert np.linalg.norm(quaternion_wxyz(pose[:3, :3])) == pytest.approx(1.0)
