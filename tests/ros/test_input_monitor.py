# SPDX-License-Identifier: Apache-2.0
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("depthsplat_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TransformStamped
from helpers import SECOND_NS, make_frame, make_pose, rotation_about_y
from rclpy.parameter import Parameter
from rclpy.time import Time
from ros_graph import Graph, Listener, Robot
from tf2_ros import Buffer

from depthsplat_ros.camera import Camera
from depthsplat_ros.input_checks.verdicts import Check, CheckState, Verdict
from depthsplat_ros.ros import input_monitor
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.input_monitor import InputMonitor
from depthsplat_ros.ros.input_reports import input_checks_status
from depthsplat_ros.ros.node import DepthSplatNode
from depthsplat_ros.simulation.trajectory import rotation_xyzw

pytestmark = pytest.mark.ros

CAMERA = Camera(width_px=320, height_px=240, fx_px=250.0, fy_px=250.0, cx_px=159.5, cy_px=119.5)
START_NS = 1_700_000_000 * SECOND_NS
DEADLINE_S = 60.0
WALL_M = 3.0
PIXELS_PER_M = 150.0


def true_pose(seconds):
    """Along a wall and to and fro before it, turning."""
    pose = make_pose(
        0.5 * np.sin(seconds), 0.05 * np.sin(2 * seconds), 0.3 * np.sin(0.7 * seconds)
    )
    pose[:3, :3] = rotation_about_y(8 * np.sin(1.9 * seconds))
    return pose


def picture(pose):
    """What the camera sees of a textured wall at z = 3 m."""
    noise = np.random.default_rng(0).integers(0, 255, (1200, 1600, 3), np.uint8)
    texture = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4.0), None, 0, 255, cv2.NORM_MINMAX)
    # Texture pixel -> point of the wall -> pixel of the camera.
    wall_from_texture = np.array(
        [[1 / PIXELS_PER_M, 0, -800 / PIXELS_PER_M], [0, 1 / PIXELS_PER_M, -4], [0, 0, 1]]
    )
    camera_from_world = np.linalg.inv(pose)
    columns = camera_from_world[:3, [0, 1]]
    origin = camera_from_world[:3, 2] * WALL_M + camera_from_world[:3, 3]
    pixel_from_wall = CAMERA.matrix() @ np.column_stack([columns, origin])
    return cv2.warpPerspective(texture, pixel_from_wall @ wall_from_texture, (320, 240))


def buffer_of(claim):
    """TF of five seconds at 50 Hz, as `claim` says."""
    buffer = Buffer()
    for seconds in np.arange(-0.5, 5.5, 0.02):
        pose = claim(seconds)
        message = TransformStamped()
        message.header.frame_id, message.child_frame_id = "odom", "camera"
        message.header.stamp = Time(nanoseconds=START_NS + round(seconds * 1e9)).to_msg()
        translation, rotation = message.transform.translation, message.transform.rotation
        translation.x, translation.y, translation.z = pose[:3, 3].tolist()
        rotation.x, rotation.y, rotation.z, rotation.w = rotation_xyzw(pose).tolist()
        buffer.set_transform(message, "test")
    return buffer


@pytest.fixture
def verdicts_of(monkeypatch):
    """What a monitor says after five seconds at 5 Hz if TF says `claim`."""
    monkeypatch.setattr(input_monitor, "REST_FACTOR", 0.0)
    monitors = []

    def run(claim):
        monitor = InputMonitor(buffer_of(claim), NodeConfig)
        monitors.append(monitor)
        for seconds in np.arange(0.0, 5.0, 0.2):
            before, deadline_s = monitor.verdicts, time.monotonic() + DEADLINE_S
            frame = make_frame(
                stamp_ns=START_NS + round(seconds * 1e9),
                image=picture(true_pose(seconds)),
                camera=CAMERA,
                world_from_camera=claim(seconds),
            )
            monitor.offer(frame, "camera")
            while monitor.verdicts is before:
                assert time.monotonic() < deadline_s, "the frame was never checked"
                time.sleep(0.005)
        return {verdict.check: verdict for verdict in monitor.verdicts}

    yield run
    for monitor in monitors:
        monitor.close()


def test_good_poses_raise_no_alarm(verdicts_of):
    states = {verdict.state for verdict in verdicts_of(true_pose).values()}
    assert CheckState.WRONG not in states
    assert CheckState.GOOD in states


def test_world_to_camera_poses_are_named_while_the_node_runs(verdicts_of):
    found = verdicts_of(lambda seconds: np.linalg.inv(true_pose(seconds)))[Check.POSES]
    assert found.state is CheckState.WRONG
    assert "world-to-camera" in found.finding


def test_a_time_offset_is_named_while_the_node_runs(verdicts_of):
    found = verdicts_of(lambda seconds: true_pose(seconds - 0.08))[Check.TIME_OFFSET]
    assert found.state is CheckState.WRONG
    assert found.evidence["offset_s"] == pytest.approx(0.08, abs=0.015)


def test_a_monitor_that_waits_for_poses_ends_at_once():
    monitor = InputMonitor(Buffer(), NodeConfig)
    monitor.offer(make_frame(stamp_ns=START_NS), "camera")
    started_s = time.monotonic()
    monitor.close()
    assert not monitor._thread.is_alive()
    assert time.monotonic() - started_s < input_monitor.JOIN_TIMEOUT_S


def test_a_mistake_is_a_warning_with_its_remedy_and_its_evidence():
    wrong = Verdict(
        check=Check.TIME_OFFSET,
        state=CheckState.WRONG,
        finding="80 ms late",
        remedy="set time_offset_s",
        evidence={"offset_s": 0.08},
    )
    status = input_checks_status([wrong], node_name="depthsplat", hardware_id="cpu")
    assert status.level == DiagnosticStatus.WARN
    assert status.name == "depthsplat: input checks"
    assert status.message == "time offset: 80 ms late; set time_offset_s"
    values = {each.key: each.value for each in status.values}
    assert values["time offset, offset_s"] == "0.08"


def test_without_a_mistake_the_diagnostic_is_ok():
    undecided = Verdict(check=Check.POSES, state=CheckState.UNDECIDED, finding="too few pairs")
    status = input_checks_status([undecided], node_name="depthsplat", hardware_id="cpu")
    assert (status.level, status.message) == (DiagnosticStatus.OK, "too few pairs")


@pytest.mark.parametrize("is_wanted", [True, False])
def test_the_node_reports_the_checks_unless_told_not_to_make_them(is_wanted):
    graph = Graph()
    try:
        graph.add(Robot())
        listener = graph.add(Listener({"/diagnostics": DiagnosticArray}))
        override = Parameter("check_inputs", value=is_wanted)
        graph.add(DepthSplatNode(parameter_overrides=[override]))
        graph.spin_until(
            lambda: any(
                "reconstruction" in message.status[0].name and message.status[0].level != b"\x03"
                for message in listener.received["/diagnostics"][2:]
            ),
            "a diagnostic of the running node",
        )
        names = {
            status.name
            for message in listener.received["/diagnostics"]
            for status in message.status
        }
    finally:
        graph.close()
    assert any(name.endswith(": input checks") for name in names) is is_wanted
