# SPDX-License-Identifier: Apache-2.0
import signal
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("depthsplat_ros.msg")

import small_room
from commands import Command
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy
from rclpy.time import Time
from ros_graph import Graph, Listener
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer, TransformListener

from depthsplat_ros.compressed_image import unpack_compressed_image
from depthsplat_ros.ros import simulated_robot
from depthsplat_ros.ros.poses import matrix_from_transform
from depthsplat_ros.ros.simulated_robot import RobotConfig, SimulatedRobot
from depthsplat_ros.settings import SettingError
from depthsplat_ros.simulation.caster import cast
from depthsplat_ros.simulation.trajectory import Trajectory, drive

pytestmark = pytest.mark.ros

TOPICS = {
    "image": Image,
    "camera_info": CameraInfo,
    "depth/image_rect_raw": Image,
    "depth/camera_info": CameraInfo,
}
SMALL = {"width_px": 48, "height_px": 32, "rate_hz": 20.0}


@pytest.fixture
def graph(monkeypatch):
    monkeypatch.setattr(simulated_robot, "make_room", lambda *_: small_room.world())
    graph = Graph()
    yield graph
    graph.close()


class Laps:
    """Remembers the way that the robot takes."""

    def __init__(self, monkeypatch, length_share=1.0):
        self.trajectory = None

        def plan(*arguments, **options):
            whole = drive(*arguments, **options)
            self.trajectory = Trajectory(
                harmonics=whole.harmonics,
                times_s=whole.times_s * length_share,
                mount=whole.mount,
            )
            return self.trajectory

        monkeypatch.setattr(simulated_robot, "drive", plan)


def start(graph, *, topics=TOPICS, **settings):
    """A robot, and ears that hear all of it from the beginning."""
    listener = graph.add(Listener(topics))
    buffer = Buffer(node=listener)
    listener.transforms = TransformListener(buffer, listener)
    overrides = [Parameter(name, value=value) for name, value in {**SMALL, **settings}.items()]
    robot = graph.add(SimulatedRobot(parameter_overrides=overrides))
    return robot, listener, buffer


def heard(listener, count):
    return lambda: all(len(listener.received[topic]) >= count for topic in TOPICS)


def pose_at(buffer, header):
    time = Time.from_msg(header.stamp)
    found = buffer.lookup_transform("odom", header.frame_id, time)
    return matrix_from_transform(found.transform)


def test_image_info_and_depth_of_a_picture_share_stamp_and_frame(graph):
    _, listener, _ = start(graph)
    graph.spin_until(heard(listener, 4), "four pictures")
    headers = [[m.header for m in listener.received[topic][:4]] for topic in TOPICS]
    assert all(group == headers[0] for group in headers)
    assert {header.frame_id for header in headers[0]} == {"camera_optical_frame"}


def test_picture_shows_what_its_transform_says(graph):
    _, listener, buffer = start(graph)
    graph.spin_until(heard(listener, 3), "three pictures")
    depth, info = (
        listener.received[topic][2] for topic in ("depth/image_rect_raw", "camera_info")
    )
    graph.spin_until(
        lambda: buffer.can_transform(
            "odom", depth.header.frame_id, Time.from_msg(depth.header.stamp)
        ),
        "a pose after the picture",
    )
    robot_camera = small_room.CAMERA.__class__(
        width_px=48,
        height_px=32,
        fx_px=info.k[0],
        fy_px=info.k[4],
        cx_px=info.k[2],
        cy_px=info.k[5],
    )
    _, expected_m = cast(small_room.world(), robot_camera, pose_at(buffer, depth.header))
    depth_m = np.frombuffer(depth.data, np.float32).reshape(32, 48)
    # The pose is interpolated between two a hundredth of a second apart.
    close = np.abs(depth_m - expected_m) < 0.005
    assert close.mean() > 0.97


def test_first_picture_has_a_transform_already(graph):
    _, listener, buffer = start(graph)
    graph.spin_until(heard(listener, 2), "two pictures")
    first = listener.received["image"][0].header
    assert buffer.can_transform("odom", first.frame_id, Time.from_msg(first.stamp))


def test_stamps_lie_on_the_rate_and_rise(graph):
    _, listener, _ = start(graph, rate_hz=10.0)
    graph.spin_until(heard(listener, 6), "six pictures")
    steps = np.diff(listener.stamps_ns("image")) / 100_000_000
    # One is left out where drawing took too long, never half of one.
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
    assert steps.min() >= 1


@pytest.mark.parametrize("prerender", [False, True])
def test_without_loop_it_ends_after_one_lap(graph, monkeypatch, prerender):
    laps = Laps(monkeypatch, length_share=0.1)
    robot, listener, _ = start(graph, loop=False, prerender=prerender)
    graph.spin_until(lambda: robot.is_done, "the end of the lap")
    graph.spin_until(heard(listener, 1), "what was published last")
    assert robot.failure is None
    stamps_ns = listener.stamps_ns("image")
    assert stamps_ns[-1] - stamps_ns[0] < laps.trajectory.period_s * 1e9


def test_drawn_ahead_no_picture_is_left_out(graph, monkeypatch):
    laps = Laps(monkeypatch, length_share=0.1)
    robot, listener, _ = start(graph, loop=False, prerender=True)
    graph.spin_until(lambda: robot.is_done, "the end of the lap")
    count = int(laps.trajectory.period_s * SMALL["rate_hz"])
    graph.spin_until(heard(listener, count), "every picture of the lap")
    steps = np.diff(listener.stamps_ns("image"))
    np.testing.assert_allclose(steps, 1e9 / SMALL["rate_hz"], atol=2)


def test_second_lap_looks_like_the_first(graph, monkeypatch):
    laps = Laps(monkeypatch, length_share=0.03)
    _, listener, _ = start(graph, prerender=True)
    graph.spin_until(lambda: laps.trajectory is not None, "the way")
    count = int(laps.trajectory.period_s * SMALL["rate_hz"])
    graph.spin_until(heard(listener, 2 * count + 1), "two laps")
    images, stamps_ns = listener.received["image"], listener.stamps_ns("image")
    assert bytes(images[0].data) == bytes(images[count].data)
    assert bytes(images[0].data) != bytes(images[count // 2].data)
    period_ns = stamps_ns[count] - stamps_ns[0]
    assert period_ns == pytest.approx(laps.trajectory.period_s * 1e9, abs=2)


def test_compressed_images_are_jpeg_of_the_same_camera(graph):
    topics = {"image/compressed": CompressedImage, "camera_info": CameraInfo}
    _, listener, _ = start(graph, topics=topics, compressed=True)
    graph.spin_until(lambda: listener.received["image/compressed"], "a compressed image")
    message = listener.received["image/compressed"][0]
    pixels = unpack_compressed_image(message)
    assert pixels.samples.shape[:2] == (32, 48)
    assert "jpeg" in message.format


def test_nothing_is_drawn_that_nobody_hears(graph, monkeypatch):
    drawn = []

    def count(*arguments):
        drawn.append(arguments)
        return cast(*arguments)

    monkeypatch.setattr(simulated_robot, "cast", count)
    _, listener, _ = start(graph, topics={"/tf": TFMessage})
    graph.spin_until(lambda: len(listener.received["/tf"]) > 120, "more than a second of poses")
    assert drawn == []


def test_outputs_are_reliable_and_the_mount_is_latched(graph):
    robot, listener, _ = start(graph)
    graph.spin_until(heard(listener, 1), "a picture")
    for topic in TOPICS:
        (info,) = robot.get_publishers_info_by_topic(f"/{topic}")
        assert info.qos_profile.reliability.name == "RELIABLE"
    (info,) = robot.get_publishers_info_by_topic("/tf_static")
    assert info.qos_profile.durability is DurabilityPolicy.TRANSIENT_LOCAL


def test_sim_time_is_refused(graph):
    with pytest.raises(SettingError, match="drives in real time: set it to false"):
        SimulatedRobot(parameter_overrides=[Parameter("use_sim_time", value=True)])


def test_failure_in_the_thread_is_kept(graph, monkeypatch):
    def fail(*_):
        raise RuntimeError("no bricks")

    monkeypatch.setattr(simulated_robot, "make_room", fail)
    robot, _, _ = start(graph)
    graph.spin_until(lambda: robot.is_done, "the end")
    assert robot.failure == "RuntimeError: no bricks"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"room": "cellar"}, "room is 'cellar'; it must be one of living_room"),
        ({"rate_hz": 0.0}, "rate_hz is 0.0; it must be at least 0.1"),
        ({"world_frame": "base_link"}, "they must be three different names"),
        ({"camera_frame": ""}, "they must be three different names"),
    ],
)
def test_setting_outside_its_limits_is_named(change, message):
    with pytest.raises(SettingError, match=message):
        RobotConfig(**change)


def test_interrupted_twice_while_it_builds_it_ends_cleanly():
    module = "depthsplat_ros.ros.simulated_robot"
    with Command(sys.executable, "-m", module) as command:
        command.wait_for("building and lighting the living_room, seed 0")
        command.send(signal.SIGINT)
        command.send(signal.SIGINT)
        assert command.finish() == 0
        assert "Traceback" not in command.output


def test_process_names_a_bad_parameter():
    module = "depthsplat_ros.ros.simulated_robot"
    with Command(sys.executable, "-m", module, "--ros-args", "-p", "room:=cellar") as command:
        assert command.finish() == 1
        assert "room is 'cellar'; it must be one of" in command.output
