# SPDX-License-Identifier: Apache-2.0
"""A drive through a world recorded as a rosbag2: images, calibration, true depth and TF."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from depthsplat_ros.camera import Camera
from depthsplat_ros.settings import SettingError, check_settings, setting
from depthsplat_ros.simulation.caster import cast_all
from depthsplat_ros.simulation.trajectory import Trajectory, rotation_xyzw
from depthsplat_ros.simulation.world import World

SECOND_NS = 1_000_000_000
START_NS = 1_760_000_000 * SECOND_NS
JPEG_QUALITY = 95
LARGEST_UINT16 = 65535
STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
_STORE = get_typestore(Stores.LATEST)
_FOREVER = QosTime(sec=0, nsec=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BagOptions:
    """What a recording holds and how it is stored.

    Raises:
        SettingError: if a value is outside its limits.
    """

    rate_hz: float = setting(5.0, "Images a second.", minimum=0.1, maximum=60.0)
    transform_rate_hz: float = setting(
        100.0, "Poses of the robot a second.", minimum=1.0, maximum=1000.0
    )
    storage: str = setting("mcap", "File format of the bag.", choices=("mcap", "sqlite3"))
    is_compressed: bool = setting(False, "JPEG images in place of raw ones.")
    depth_encoding: str = setting(
        "16UC1", "True depth in millimetres or metres.", choices=("16UC1", "32FC1")
    )
    world_frame: str = setting("odom", "Frame of the poses.")
    base_frame: str = setting("base_link", "Frame of the robot.")
    camera_frame: str = setting("camera_optical_frame", "Optical frame of the camera.")

    def __post_init__(self) -> None:
        check_settings(self)


def write_bag(
    path: Path | str,
    world: World,
    trajectory: Trajectory,
    camera: Camera,
    *,
    duration_s: float | None = None,
    options: BagOptions | None = None,
    on_image: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> None:
    """Record a drive as a new bag folder; without a duration, one lap.

    `on_image` is told after each image how many are done and how many there will be; `workers`
    threads draw them, by default one per core.

    Topics: /camera/image_raw (or /camera/image_raw/compressed), /camera/camera_info,
    /camera/depth/image_rect_raw, /camera/depth/camera_info, /tf (world to base, never at an
    image's stamp) and /tf_static (base to camera, latched).

    Raises:
        SettingError: if the duration is not above 0.
        rosbags.rosbag2.WriterError: if the folder exists.
    """
    options = options or BagOptions()
    duration_s = trajectory.period_s if duration_s is None else duration_s
    count = int(duration_s * options.rate_hz) + 1
    if not duration_s > 0:
        raise SettingError(f"duration_s is {duration_s}; it must be above 0 seconds")
    times_s = np.arange(count) / options.rate_hz
    topics = _Topics(options, trajectory, camera)
    images = topics.images(world, times_s, workers)
    # One period early and late: every image lies between two poses, at neither.
    step_s = 1 / options.transform_rate_hz
    pose_times_s = np.arange(-1, duration_s * options.transform_rate_hz + 2) * step_s + step_s / 3
    messages = heapq.merge(
        [(START_NS - SECOND_NS // 2, "/tf_static", topics.mount())],
        topics.poses(pose_times_s),
        images,
        key=lambda message: message[0],
    )
    writer = Writer(Path(path), version=9, storage_plugin=STORAGES[options.storage])
    done = 0
    with writer:
        connections = {
            name: writer.add_connection(
                name, type_name, typestore=_STORE, offered_qos_profiles=[qos]
            )
            for name, type_name, qos in topics.advertised()
        }
        for stamp_ns, name, message in messages:
            data = _STORE.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[name], stamp_ns, data)
            if on_image and name == topics.image:
                done += 1
                on_image(done, count)


Message = tuple[int, str, Any]
"""Time of recording, topic, and the message."""


class _Topics:
    """The messages of each topic."""

    def __init__(self, options: BagOptions, trajectory: Trajectory, camera: Camera) -> None:
        self._options = options
        self._trajectory = trajectory
        self._camera = camera
        self.image = "/camera/image_raw" + ("/compressed" if options.is_compressed else "")

    def advertised(self) -> list[tuple[str, str, Qos]]:
        image = "CompressedImage" if self._options.is_compressed else "Image"
        volatile = _qos(QosDurability.VOLATILE)
        return [
            ("/tf_static", "tf2_msgs/msg/TFMessage", _qos(QosDurability.TRANSIENT_LOCAL)),
            ("/tf", "tf2_msgs/msg/TFMessage", _qos(QosDurability.VOLATILE, depth=100)),
            ("/camera/camera_info", "sensor_msgs/msg/CameraInfo", volatile),
            (self.image, f"sensor_msgs/msg/{image}", volatile),
            ("/camera/depth/camera_info", "sensor_msgs/msg/CameraInfo", volatile),
            ("/camera/depth/image_rect_raw", "sensor_msgs/msg/Image", volatile),
        ]

    def mount(self) -> Any:
        link = _transform(
            START_NS,
            self._options.base_frame,
            self._options.camera_frame,
            self._trajectory.mount.base_from_camera(),
        )
        return _make("tf2_msgs/msg/TFMessage", transforms=[link])

    def poses(self, times_s: Float64[ndarray, " pose"]) -> Iterator[Message]:
        for time_s in times_s.tolist():
            stamp_ns = _stamp_ns(time_s)
            pose = self._trajectory.world_from_base(time_s)
            link = _transform(stamp_ns, self._options.world_frame, self._options.base_frame, pose)
            yield stamp_ns, "/tf", _make("tf2_msgs/msg/TFMessage", transforms=[link])

    def images(
        self, world: World, times_s: Float64[ndarray, " image"], workers: int | None
    ) -> Iterator[Message]:
        poses = map(self._trajectory.world_from_camera, times_s.tolist())
        views = cast_all(world, self._camera, poses, workers)
        for time_s, (image, depth_m) in zip(times_s.tolist(), views, strict=True):
            stamp_ns = _stamp_ns(time_s)
            header = _header(stamp_ns, self._options.camera_frame)
            info = _camera_info(self._camera, header)
            yield stamp_ns, "/camera/camera_info", info
            yield stamp_ns, self.image, self._image(image, header)
            yield stamp_ns, "/camera/depth/camera_info", info
            yield stamp_ns, "/camera/depth/image_rect_raw", self._depth(depth_m, header)

    def _image(self, image: UInt8[ndarray, "height width 3"], header: Any) -> Any:
        if not self._options.is_compressed:
            return _image_message(image, "rgb8", header)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        return _make(
            "sensor_msgs/msg/CompressedImage",
            header=header,
            format="rgb8; jpeg compressed bgr8",
            data=data.reshape(-1),
        )

    def _depth(self, depth_m: Float32[ndarray, "height width"], header: Any) -> Any:
        if self._options.depth_encoding == "32FC1":
            return _image_message(depth_m, "32FC1", header)
        depth_mm = np.rint(np.nan_to_num(depth_m) * 1000)
        depth_mm[depth_mm > LARGEST_UINT16] = 0
        return _image_message(depth_mm.astype(np.uint16), "16UC1", header)


def _make(type_name: str, **fields: Any) -> Any:
    return _STORE.types[type_name](**fields)


def _stamp_ns(time_s: float) -> int:
    return START_NS + round(time_s * SECOND_NS)


def _header(stamp_ns: int, frame: str) -> Any:
    seconds, nanoseconds = divmod(stamp_ns, SECOND_NS)
    stamp = _make("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)
    return _make("std_msgs/msg/Header", stamp=stamp, frame_id=frame)


def _transform(
    stamp_ns: int, parent: str, child: str, parent_from_child: Float64[ndarray, "4 4"]
) -> Any:
    x, y, z = parent_from_child[:3, 3].tolist()
    turn = dict(zip("xyzw", rotation_xyzw(parent_from_child).tolist(), strict=True))
    return _make(
        "geometry_msgs/msg/TransformStamped",
        header=_header(stamp_ns, parent),
        child_frame_id=child,
        transform=_make(
            "geometry_msgs/msg/Transform",
            translation=_make("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
            rotation=_make("geometry_msgs/msg/Quaternion", **turn),
        ),
    )


def _camera_info(camera: Camera, header: Any) -> Any:
    matrix = camera.matrix()
    return _make(
        "sensor_msgs/msg/CameraInfo",
        header=header,
        height=camera.height_px,
        width=camera.width_px,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=matrix.reshape(-1),
        r=np.eye(3).reshape(-1),
        p=np.hstack([matrix, np.zeros((3, 1))]).reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=_make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0,
            y_offset=0,
            height=0,
            width=0,
            do_rectify=False,
        ),
    )


def _image_message(values: ndarray, encoding: str, header: Any) -> Any:
    values = np.ascontiguousarray(values)
    return _make(
        "sensor_msgs/msg/Image",
        header=header,
        height=values.shape[0],
        width=values.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=values.strides[0],
        data=values.reshape(-1).view(np.uint8),
    )


def _qos(durability: QosDurability, depth: int = 10) -> Qos:
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=depth,
        reliability=QosReliability.RELIABLE,
        durability=durability,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )
