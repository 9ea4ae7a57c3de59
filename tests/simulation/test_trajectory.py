# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import small_room

from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.free_floor import FreeFloor
from depthsplat_ros.simulation.loop_planner import ROBOT_RADIUS_M
from depthsplat_ros.simulation.rooms import ROOMS, plan_room
from depthsplat_ros.simulation.solids import box, placement
from depthsplat_ros.simulation.trajectory import CameraMount, drive, rotation_xyzw
from depthsplat_ros.simulation.world import WorldError

GREY = finishes.plain("#808080")


def places(trajectory, step_s=0.02):
    times_s = np.arange(0, trajectory.period_s, step_s)
    return np.array([trajectory.world_from_base(time_s) for time_s in times_s])


@pytest.mark.parametrize("kind", list(ROOMS))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lap_keeps_clear_of_everything_and_within_its_limits(kind, seed):
    solids = plan_room(kind, seed).solids
    trajectory = drive(solids, seed, speed_mps=0.5, turn_rate_limit=0.7)
    poses = places(trajectory)
    xy = poses[:, :2, 3]
    assert FreeFloor.of(solids).clearance_at(xy).min() >= ROBOT_RADIUS_M
    assert np.ptp(xy, axis=0).max() > 1.5
    steps = np.hypot(*np.diff(xy, axis=0).T)
    assert steps.max() <= 0.5 * 0.02 * 1.001
    headings = np.unwrap(np.arctan2(poses[:, 1, 0], poses[:, 0, 0]))
    assert np.percentile(np.abs(np.diff(headings)), 99) <= 0.7 * 0.02 * 1.05


def test_pose_changes_little_in_little_time_also_where_laps_meet():
    trajectory = small_room.trajectory()
    period_s = trajectory.period_s
    for time_s in [*np.linspace(0, period_s, 50), period_s, 3 * period_s]:
        before = trajectory.world_from_camera(time_s - 5e-4)
        after = trajectory.world_from_camera(time_s + 5e-4)
        assert np.abs(after - before).max() < 2e-3


def test_lap_after_lap_is_the_same():
    trajectory = small_room.trajectory()
    np.testing.assert_allclose(
        trajectory.world_from_base(1.3),
        trajectory.world_from_base(1.3 + 2 * trajectory.period_s),
        atol=1e-6,
    )


def test_robot_heads_where_it_goes_like_a_differential_drive():
    poses = places(small_room.trajectory())
    ways = np.diff(poses[:, :2, 3], axis=0)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    headings = poses[:-1, :2, 0] / np.linalg.norm(poses[:-1, :2, 0], axis=1, keepdims=True)
    assert (ways * headings).sum(axis=1).min() > 0.99


def test_seeds_drive_differently_and_equal_seeds_alike():
    first, again, other = (drive(small_room.solids(), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.harmonics, again.harmonics)
    assert not np.array_equal(first.harmonics, other.harmonics)


def test_camera_that_looks_aside_sees_the_middle_of_the_room():
    """The lap goes round what stands in the middle, and may be driven either way."""
    for yaw in (-1.5, 1.5):
        lap = drive(small_room.solids(), 0, mount=CameraMount(yaw=yaw))
        poses = np.array(
            [lap.world_from_camera(t) for t in np.linspace(0, lap.period_s, 40, endpoint=False)]
        )
        inwards = -(poses[:, :2, 2] * poses[:, :2, 3]).sum(axis=1)
        assert np.mean(inwards > 0) > 0.8


def test_camera_looks_ahead_and_down_by_default():
    pose = small_room.trajectory().world_from_camera(0.0)
    base = small_room.trajectory().world_from_base(0.0)
    forward, down = pose[:3, 2], pose[:3, 1]
    assert forward @ base[:3, 0] == pytest.approx(np.cos(CameraMount().pitch), abs=1e-9)
    assert down[2] < -0.9
    assert forward[2] < 0


def test_camera_turned_left_looks_left():
    mount = CameraMount(yaw=np.pi / 2, pitch=0.0, forward_m=0.2, left_m=0.1, up_m=0.7)
    pose = mount.base_from_camera()
    np.testing.assert_allclose(pose[:3, 2], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(pose[:3, 1], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(pose[:3, 3], [0.2, 0.1, 0.7])


def test_clearance_is_the_distance_to_the_next_obstacle():
    floor = box((4, 4, 0.1), GREY, placement(z_m=-0.05), is_obstacle=False)
    crate = box((1, 1, 1), GREY, placement(z_m=0.5))
    lamp = box((0.5, 0.5, 0.1), GREY, placement(1.5, 0.0, 2.0))
    free = FreeFloor.of([floor, crate, lamp])
    clearance = free.clearance_at(np.array([[1.2, 0.0], [0.0, 0.0], [1.5, 0.0], [-1.9, 0.0]]))
    # The lamp hangs above the robot; the last point is near the floor's edge.
    np.testing.assert_allclose(clearance, [0.7, 0.0, 0.5, 0.1], atol=0.06)


def test_world_without_a_floor_is_refused():
    with pytest.raises(WorldError, match="no floor: add a box with is_obstacle=False"):
        drive([box((1, 1, 1), GREY, placement(z_m=0.5))], 0)


def test_world_full_of_furniture_is_refused():
    floor = box((4, 4, 0.1), GREY, placement(z_m=-0.05), is_obstacle=False)
    with pytest.raises(WorldError, match="no free floor for the robot: remove obstacles"):
        drive([floor, box((3.8, 3.8, 1), GREY, placement(z_m=0.5))], 0)


@pytest.mark.parametrize("angles", [(0, 0, 0), (3.1, 0, 0), (0.5, -1.2, 2.9), (1.5, 1.5, -3.0)])
def test_quaternion_turns_like_the_matrix(angles):
    matrix = placement(0, 0, 0, *angles)[:3, :3]
    x, y, z, w = rotation_xyzw(placement(0, 0, 0, *angles))
    axis = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    np.testing.assert_allclose(np.eye(3) + 2 * w * axis + 2 * axis @ axis, matrix, atol=1e-12)
