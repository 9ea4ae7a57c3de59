# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import synthetic_drive as drive

from depthsplat_ros.input_checks.checker import InputChecker
from depthsplat_ros.input_checks.verdicts import Check, CheckState, wrong_ones


def in_millimetres(seconds):
    pose = drive.true_pose(seconds)
    pose[:3, 3] *= 1000
    return pose


def test_a_good_set_up_raises_no_alarm():
    verdicts = drive.check_drive(true_depth_scale=1.0)
    assert {verdict.state for verdict in verdicts.values()} == {CheckState.GOOD}
    assert verdicts[Check.UNITS].evidence["median_true_over_triangulated_depth"] == (
        pytest.approx(1.0, abs=0.02)
    )


def test_world_to_camera_poses_are_named():
    verdicts = drive.check_drive(lambda seconds: np.linalg.inv(drive.true_pose(seconds)))
    assert verdicts[Check.POSES].state is CheckState.WRONG
    assert "world-to-camera" in verdicts[Check.POSES].finding
    assert len(wrong_ones(list(verdicts.values()))) == 1


@pytest.mark.parametrize(
    ("camera_from_optical", "name"),
    [(drive.BODY_FROM_OPTICAL, "a body frame"), (drive.OPENGL_FROM_OPTICAL, "OpenGL")],
)
def test_wrong_axes_of_the_camera_frame_are_named(camera_from_optical, name):
    # TF knows the body frame; the images are taken along the optical one, turned against it.
    optical_from_camera = np.linalg.inv(camera_from_optical)
    verdicts = drive.check_drive(lambda seconds: drive.true_pose(seconds) @ optical_from_camera)
    assert verdicts[Check.POSES].state is CheckState.WRONG
    assert name in verdicts[Check.POSES].finding
    assert "camera_frame" in verdicts[Check.POSES].remedy


@pytest.mark.parametrize("offset_s", [0.08, -0.08, 0.15])
def test_a_time_offset_is_named_with_its_size_and_what_to_set(offset_s):
    verdicts = drive.check_drive(lambda seconds: drive.true_pose(seconds - offset_s))
    found = verdicts[Check.TIME_OFFSET]
    assert found.state is CheckState.WRONG
    assert found.evidence["offset_s"] == pytest.approx(offset_s, abs=0.006)
    assert f"time_offset_s to {offset_s:.2f}" in found.remedy
    assert verdicts[Check.POSES].state is CheckState.GOOD


def test_an_even_motion_does_not_tell_the_offset_and_says_so():
    def even(seconds):
        pose = np.eye(4)
        pose[0, 3] = 0.2 * seconds
        return pose

    verdicts = drive.check_drive(lambda seconds: even(seconds - 0.08), truth=even)
    assert verdicts[Check.TIME_OFFSET].state is not CheckState.WRONG


@pytest.mark.parametrize("true_depth_scale", [1.0, None], ids=["with truth", "without truth"])
def test_poses_in_millimetres_are_named(true_depth_scale):
    verdicts = drive.check_drive(in_millimetres, true_depth_scale=true_depth_scale)
    assert verdicts[Check.UNITS].state is CheckState.WRONG
    assert "poses are in millimetres" in verdicts[Check.UNITS].finding
    assert "pose_scale to 0.001" in verdicts[Check.UNITS].remedy


def test_depth_images_in_millimetres_are_named():
    verdicts = drive.check_drive(true_depth_scale=1000.0)
    assert verdicts[Check.UNITS].state is CheckState.WRONG
    assert "depth images are in millimetres" in verdicts[Check.UNITS].finding


def test_a_scale_between_poses_and_depth_is_named_with_the_scale_to_set():
    verdicts = drive.check_drive(true_depth_scale=1.7)
    assert verdicts[Check.UNITS].state is CheckState.WRONG
    assert "pose_scale to 1.7" in verdicts[Check.UNITS].remedy


def test_poses_of_another_camera_are_wrong_without_a_known_reason():
    verdicts = drive.check_drive(lambda seconds: drive.true_pose(1.7 * seconds + 3))
    assert verdicts[Check.POSES].state is CheckState.WRONG
    assert "no known mistake" in verdicts[Check.POSES].finding


def test_no_reason_is_named_before_there_are_pairs_enough_to_find_it():
    checker = InputChecker()
    states = []
    for seconds in np.arange(1.0, 6.0, 0.2):
        checker.add(drive.view(seconds, lambda at: drive.true_pose(at - 0.15)))
        states.append([verdict.state for verdict in checker.verdicts()])
    assert CheckState.WRONG not in [poses for poses, _, _ in states]
    assert states[-1][1] is CheckState.WRONG, "the time offset"


def test_a_camera_that_stands_still_leaves_everything_undecided():
    def still(seconds):
        return drive.true_pose(1.0)

    verdicts = drive.check_drive(still, truth=still)
    assert {verdict.state for verdict in verdicts.values()} == {CheckState.UNDECIDED}


def test_after_a_reset_nothing_is_held_against_the_input():
    checker = InputChecker()
    for seconds in np.arange(1.0, 4.0, 0.2):
        checker.add(drive.view(seconds, in_millimetres))
    assert wrong_ones(checker.verdicts())
    checker.reset()
    assert checker.pairs == 0
    assert not wrong_ones(checker.verdicts())
