# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from helpers import make_frame

from depthsplat_ros.frame import FrameError


def test_a_good_frame_is_accepted():
    assert make_frame(stamp_ns=5).stamp_ns == 5


def test_an_image_of_another_size_than_its_camera_is_refused():
    with pytest.raises(FrameError, match="its camera says"):
        make_frame(image=np.zeros((10, 20, 3), np.uint8))


def test_a_scaled_rotation_is_refused():
    pose = np.eye(4)
    pose[:3, :3] *= 1.01
    with pytest.raises(FrameError, match="not orthonormal"):
        make_frame(world_from_camera=pose)


def test_a_mirrored_pose_is_refused():
    with pytest.raises(FrameError, match="left-handed"):
        make_frame(world_from_camera=np.diag([1.0, 1.0, -1.0, 1.0]))


def test_a_pose_with_nan_is_refused():
    pose = np.eye(4)
    pose[0, 3] = np.nan
    with pytest.raises(FrameError, match="finite"):
        make_frame(world_from_camera=pose)
