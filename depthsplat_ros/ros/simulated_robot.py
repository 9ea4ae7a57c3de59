# SPDX-License-Identifier: Apache-2.0
"""A robot that drives through a procedural room and publishes what its camera sees, live."""

import itertools
import math
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import TransformStamped
from jaxtyping import Float64
from numpy import ndarray
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from depthsplat_ros.camera import Camera
from depthsplat_ros.ros.messages import camera_info_message, colour_message, depth_message
from depthsplat_ros.ros.parameters import declare_settings
from depthsplat_ros.ros.process import run_node
from depthsplat_ros.ros.qos import OUTPUT_QOS
from depthsplat_ros.settings import SettingError, check_settings, setting
from depthsplat_ros.simulation.caster import View, cast, cast_all
from depthsplat_ros.simulation.rooms import ROOMS, make_room
from depthsplat_ros.simulation.trajectory import CameraMount, Trajectory, drive, rotation_xyzw
from depthsplat_ros.simulation.world import World

SECOND_NS = 1_000_000_000
JPEG_QUALITY = 95
BYTES_PER_PIXEL = 7
"""Of a picture that is kept: three of colour, four of depth."""
PROGRESS_PERIOD_S = 5.0
LEAD_S = 0.5
"""Poses come this long before the first picture; the lap is closed, so it has a time before 0."""
JOIN_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotConfig:
    """Settings of the simulated robot.

    Raises:
        SettingError: if a value is outside its limits.
    """

    room: str = setting("living_room", "The room it drives through.", choices=tuple(ROOMS))
    seed: int = setting(
        0, "Furniture, colours and the way through them.", minimum=0, maximum=2**31 - 1
    )
    rate_hz: float = setting(
        5.0,
        "Images a second; where drawing takes longer, every second, third ... one is left out.",
        minimum=0.1,
        maximum=60.0,
    )
    transform_rate_hz: float = setting(
        100.0, "Poses of the robot a second.", minimum=1.0, maximum=1000.0
    )
    width_px: int = setting(640, "Width of the images, pixels.", minimum=16, maximum=1920)
    height_px: int = setting(480, "Height of the images, pixels.", minimum=16, maximum=1200)
    field_of_view_deg: float = setting(
        77.0, "Angle between the left and the right edge, degrees.", minimum=20.0, maximum=140.0
    )
    speed_mps: float = setting(0.4, "Speed on straight stretches, m/s.", minimum=0.01, maximum=3.0)
    camera_yaw_deg: float = setting(
        0.0, "How far the camera looks to the left, degrees.", minimum=-180.0, maximum=180.0
    )
    camera_pitch_deg: float = setting(
        9.0, "How far the camera looks down, degrees.", minimum=-89.0, maximum=89.0
    )
    compressed: bool = setting(
        False, "Publish JPEG on image/compressed in place of raw images on image."
    )
    prerender: bool = setting(
        False, "Draw the whole lap first and keep it, so that rate_hz is met on any machine."
    )
    loop: bool = setting(True, "Drive lap after lap; otherwise the node ends after the first.")
    world_frame: str = setting("odom", "Frame of the robot's poses.")
    base_frame: str = setting("base_link", "Frame of the robot.")
    camera_frame: str = setting("camera_optical_frame", "Optical frame of the camera.")

    def __post_init__(self) -> None:
        check_settings(self)
        frames = (self.world_frame, self.base_frame, self.camera_frame)
        if len(set(frames)) < len(frames) or not all(frames):
            raise SettingError(
                f"world_frame, base_frame and camera_frame are {', '.join(map(repr, frames))}; "
                "they must be three different names"
            )


class SimulatedRobot(Node):
    """Publishes `image` (or `image/compressed`), `camera_info`, true depth and TF.

    True depth is `depth/image_rect_raw` (32FC1, metres) with `depth/camera_info`. A picture shows
    the world at its stamp exactly, and appears when that moment comes or, if drawing took longer,
    soon after. Nothing is drawn that nobody listens to.
    """

    def __init__(self, **node_arguments: Any) -> None:
        """Advertise everything and begin to build the room in a thread of its own.

        Raises:
            SettingError: if a parameter is outside its limits.
        """
        super().__init__("simulated_robot", **node_arguments)
        if self.get_parameter("use_sim_time").value:
            raise SettingError(
                "use_sim_time is true; the simulated robot drives in real time: set it to false"
            )
        self._config = declare_settings(self, RobotConfig)
        config = self._config
        focal_px = config.width_px / 2 / math.tan(math.radians(config.field_of_view_deg) / 2)
        self._camera = Camera(
            width_px=config.width_px,
            height_px=config.height_px,
            fx_px=focal_px,
            fy_px=focal_px,
            cx_px=(config.width_px - 1) / 2,
            cy_px=(config.height_px - 1) / 2,
        )
        if config.compressed:
            self._images = self.create_publisher(CompressedImage, "image/compressed", OUTPUT_QOS)
        else:
            self._images = self.create_publisher(Image, "image", OUTPUT_QOS)
        self._infos = self.create_publisher(CameraInfo, "camera_info", OUTPUT_QOS)
        self._depths = self.create_publisher(Image, "depth/image_rect_raw", OUTPUT_QOS)
        self._depth_infos = self.create_publisher(CameraInfo, "depth/camera_info", OUTPUT_QOS)
        self._transforms = TransformBroadcaster(self)
        self._static_transforms = StaticTransformBroadcaster(self)
        self._timer = self.create_timer(1 / config.transform_rate_hz, self._publish_pose)
        self._drive: _Drive | None = None
        self._stopped = threading.Event()
        self.is_done = False
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def destroy_node(self) -> None:
        """Stop drawing before the node goes."""
        self._stopped.set()
        if hasattr(self, "_thread"):
            self._thread.join(JOIN_TIMEOUT_S)
        super().destroy_node()

    def _run(self) -> None:
        try:
            self._take_pictures()
        except _Stopped:
            pass
        except Exception as error:  # noqa: BLE001  the boundary of the thread: say it and end
            if not self._stopped.is_set():
                self.failure = f"{type(error).__name__}: {error}"
        self.is_done = True

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise _Stopped

    def _take_pictures(self) -> None:
        config = self._config
        self.get_logger().info(f"building and lighting the {config.room}, seed {config.seed}")
        started_s = time.monotonic()
        world = make_room(config.room, config.seed, self._check_stopped)
        mount = CameraMount(
            yaw=math.radians(config.camera_yaw_deg), pitch=math.radians(config.camera_pitch_deg)
        )
        trajectory = drive(world.solids, config.seed, speed_mps=config.speed_mps, mount=mount)
        album = self._draw_lap(world, trajectory) if config.prerender else None
        self.get_logger().info(
            f"driving after {time.monotonic() - started_s:.1f} s; "
            f"a lap takes {trajectory.period_s:.1f} s"
        )
        mounted = transform_message(
            self.get_clock().now().nanoseconds,
            config.base_frame,
            config.camera_frame,
            mount.base_from_camera(),
        )
        self._static_transforms.sendTransform(mounted)
        self._drive = _Drive(
            trajectory=trajectory,
            start_ns=self.get_clock().now().nanoseconds + round(LEAD_S * SECOND_NS),
            started_s=time.monotonic() + LEAD_S,
        )
        if album is None:
            self._draw_while_driving(world, self._drive)
        else:
            self._show(album, self._drive)

    def _slots_s(self, trajectory: Trajectory) -> Iterator[tuple[int, float]]:
        """Number within the lap and time of every picture; a lap begins with one."""
        per_lap = max(1, math.floor(trajectory.period_s * self._config.rate_hz))
        for lap in itertools.count() if self._config.loop else range(1):
            for number in range(per_lap):
                yield number, lap * trajectory.period_s + number / self._config.rate_hz

    def _draw_lap(self, world: World, trajectory: Trajectory) -> list[View]:
        per_lap = max(1, math.floor(trajectory.period_s * self._config.rate_hz))
        size_mb = per_lap * self._camera.width_px * self._camera.height_px * BYTES_PER_PIXEL / 1e6
        self.get_logger().info(f"drawing {per_lap} pictures ahead, {size_mb:.0f} MB")
        times_s = (number / self._config.rate_hz for number in range(per_lap))
        poses = map(trajectory.world_from_camera, times_s)
        album: list[View] = []
        said_s = time.monotonic()
        for view in cast_all(world, self._camera, poses):
            self._check_stopped()
            album.append(view)
            if time.monotonic() > said_s + PROGRESS_PERIOD_S:
                said_s = time.monotonic()
                self.get_logger().info(f"drew {len(album)} of {per_lap} pictures")
        return album

    def _show(self, album: list[View], driven: "_Drive") -> None:
        for number, slot_s in self._slots_s(driven.trajectory):
            self._wait_until(driven, slot_s)
            self._publish(album[number], driven.stamp_ns(slot_s))

    def _draw_while_driving(self, world: World, driven: "_Drive") -> None:
        """Draw ahead of time, leaving out pictures that could not be ready at theirs."""
        drawing_s = 0.0
        has_said = False
        for _, slot_s in self._slots_s(driven.trajectory):
            if slot_s and slot_s < driven.now_s() + drawing_s:
                continue
            if not self._is_heard():
                self._wait_until(driven, slot_s)
                continue
            began_s = time.monotonic()
            view = cast(world, self._camera, driven.trajectory.world_from_camera(slot_s))
            # Quick to admit that it takes long, slow to hope that it does not.
            drawing_s = max(time.monotonic() - began_s, 0.9 * drawing_s)
            if drawing_s > 1 / self._config.rate_hz and not has_said:
                has_said = True
                self.get_logger().warning(
                    f"drawing takes {drawing_s:.2f} s, too long for {self._config.rate_hz:g} "
                    "images a second: expect fewer, or set prerender, or make them smaller"
                )
            self._wait_until(driven, slot_s)
            self._publish(view, driven.stamp_ns(slot_s))

    def _wait_until(self, driven: "_Drive", slot_s: float) -> None:
        while (remaining_s := slot_s - driven.now_s()) > 0:
            self._stopped.wait(remaining_s)
            self._check_stopped()
        self._check_stopped()

    def _is_heard(self) -> bool:
        return any(
            publisher.get_subscription_count()
            for publisher in (self._images, self._infos, self._depths, self._depth_infos)
        )

    def _publish(self, view: View, stamp_ns: int) -> None:
        image, depth_m = view
        header = Header(
            stamp=Time(nanoseconds=stamp_ns).to_msg(), frame_id=self._config.camera_frame
        )
        info = camera_info_message(self._camera, header)
        self._infos.publish(info)
        if self._config.compressed:
            self._images.publish(jpeg_message(image, header))
        else:
            self._images.publish(colour_message(image, header))
        if self._depths.get_subscription_count():
            self._depths.publish(depth_message(depth_m, "32FC1", header))
        self._depth_infos.publish(info)

    def _publish_pose(self) -> None:
        """Where the robot is now."""
        driven = self._drive
        if driven is None:
            return
        time_s = driven.now_s()
        self._transforms.sendTransform(
            transform_message(
                driven.stamp_ns(time_s),
                self._config.world_frame,
                self._config.base_frame,
                driven.trajectory.world_from_base(time_s),
            )
        )


class _Stopped(Exception):  # noqa: N818  no error: the node is going
    """Ends the thread's work wherever it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drive:
    """The time of a drive by the monotonic clock: steps of the wall clock do not shake it."""

    trajectory: Trajectory
    start_ns: int
    """Stamp of the start."""
    started_s: float
    """The monotonic clock at the start."""

    def now_s(self) -> float:
        return time.monotonic() - self.started_s

    def stamp_ns(self, time_s: float) -> int:
        return self.start_ns + round(time_s * SECOND_NS)


def transform_message(
    stamp_ns: int, parent: str, child: str, parent_from_child: Float64[ndarray, "4 4"]
) -> TransformStamped:
    """A link of the TF tree."""
    message = TransformStamped()
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.header.frame_id = parent
    message.child_frame_id = child
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = parent_from_child[:3, 3].tolist()
    rotation.x, rotation.y, rotation.z, rotation.w = rotation_xyzw(parent_from_child).tolist()
    return message


def jpeg_message(image: np.ndarray, header: Header) -> CompressedImage:
    """A JPEG image, described as image_transport does."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    message = CompressedImage(header=header, format="rgb8; jpeg compressed bgr8")
    message.data.frombytes(data.tobytes())
    return message


def main() -> int:
    """Drive until interrupted; exit status 1 if the robot could not."""
    robots: list[SimulatedRobot] = []

    def make_robot() -> SimulatedRobot:
        robots.append(SimulatedRobot())
        return robots[0]

    status = run_node(make_robot, is_done=lambda: bool(robots) and robots[0].is_done)
    if robots and robots[0].failure:
        sys.stderr.write(f"the simulated robot has stopped: {robots[0].failure}\n")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
