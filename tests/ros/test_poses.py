# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("tf2_ros")

from ros_graph import SECOND_NS, make_transform
from tf2_ros import Buffer

from depthsplat_ros.ros.poses import MissingPose, PoseProblem, look_up_pose


@pytest.fixture
def buffer():
    buffer = Buffer()
    half = np.sqrt(0.5)
    turned = make_transform("odom", "base", 2 * SECOND_NS, (2.0, 0.0, 0.0))
    turned.transform.rotation.z = half
    turned.transform.rotation.w = half
    still = make_transform("odom", "base", SECOND_NS, (0.0, 0.0, 0.0))
    still.transform.rotation.w = 1.0
    mount = make_transform("base", "camera", 0, (1.0, 0.0, 0.0))
    mount.transform.rotation.w = 1.0
    for transform in (still, turned):
        buffer.set_transform(transform, "test")
    buffer.set_transform_static(mount, "test")
    return buffer


def look_up(buffer, stamp_ns, *, world_frame="odom", camera_frame="camera", pose_scale=1.0):
    return look_up_pose(
        buffer,
        world_frame=world_frame,
        camera_frame=camera_frame,
        stamp_ns=stamp_ns,
        pose_scale=pose_scale,
    )


def test_the_pose_is_interpolated_at_the_stamp_and_chained(buffer):
    pose = look_up(buffer, 3 * SECOND_NS // 2)
    # Halfway: one metre ahead, turned left by 45 degrees; the camera is one metre in front.
    diagonal = np.sqrt(0.5)
    np.testing.assert_allclose(pose[:3, 3], [1 + diagonal, diagonal, 0], atol=1e-9)
    np.testing.assert_allclose(
        pose[:3, :3], [[diagonal, -diagonal, 0], [diagonal, diagonal, 0], [0, 0, 1]], atol=1e-9
    )


def test_pose_scale_multiplies_the_translation_alone(buffer):
    pose = look_up(buffer, 3 * SECOND_NS // 2, pose_scale=2.0)
    unscaled = look_up(buffer, 3 * SECOND_NS // 2)
    np.testing.assert_allclose(pose[:3, 3], 2 * unscaled[:3, 3])
    np.testing.assert_allclose(pose[:3, :3], unscaled[:3, :3])


@pytest.mark.parametrize(
    ("stamp_s", "frames", "problem", "may_come"),
    [
        (5, {}, PoseProblem.TOO_NEW, True),
        (0.5, {}, PoseProblem.TOO_OLD, False),
        (1.5, {"world_frame": "moon"}, PoseProblem.UNKNOWN_FRAME, True),
        (1.5, {"camera_frame": "/camera"}, PoseProblem.INVALID, False),
    ],
)
def test_each_missing_pose_has_its_reason(buffer, stamp_s, frames, problem, may_come):
    missing = look_up(buffer, round(stamp_s * SECOND_NS), **frames)
    assert isinstance(missing, MissingPose)
    assert (missing.problem, missing.may_come) == (problem, may_come)


def test_two_trees_are_named(buffer):
    other = make_transform("map", "tower", SECOND_NS, (0.0, 0.0, 0.0))
    other.transform.rotation.w = 1.0
    buffer.set_transform_static(other, "test")
    missing = look_up(buffer, 3 * SECOND_NS // 2, world_frame="map")
    assert missing.problem is PoseProblem.NOT_CONNECTED
    assert "camera" in missing.detail
