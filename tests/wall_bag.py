# SPDX-License-Identifier: Apache-2.0
"""A small recording of a camera that slides along a wall, written without ROS."""

from dataclasses import dataclass

import numpy as np
from helpers import SECOND_NS, SMALL_CAMERA
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

TYPES = get_typestore(Stores.LATEST)
WALL_M = 3.0
FRAME_ID = "camera_optical_frame"


@dataclass(frozen=True, kw_only=True)
class WallBag:
    """What the recording holds; the camera looks along the z axis of `map`."""

    images: int = 8
    step_m: float = 0.15
    has_images: bool = True
    poses: int = 1000
    """The first so many images have one."""
    has_depth: bool = True
    depth_m: float = WALL_M

    def write(self, path):
        """Write the recording and return its path."""
        with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            topics = {"/camera/camera_info": "sensor_msgs/msg/CameraInfo"}
            if self.has_images:
                topics["/camera/image_raw"] = "sensor_msgs/msg/Image"
            if self.has_depth:
                topics["/camera/depth/image_rect"] = "sensor_msgs/msg/Image"
                topics["/camera/depth/camera_info"] = "sensor_msgs/msg/CameraInfo"
            if self.poses:
                topics["/tf"] = "tf2_msgs/msg/TFMessage"
            connections = {
                name: writer.add_connection(name, kind, typestore=TYPES)
                for name, kind in topics.items()
            }
            for number in range(self.images):
                stamp_ns = 100 * SECOND_NS + number * SECOND_NS // 5
                for name, message in self._messages(number, stamp_ns).items():
                    if name == "/tf" and number >= self.poses:
                        continue
                    if name in connections:
                        data = TYPES.serialize_cdr(message, connections[name].msgtype)
                        writer.write(connections[name], stamp_ns, data)
        return path

    def _messages(self, number, stamp_ns):
        camera = SMALL_CAMERA
        noise = np.random.default_rng(number).integers(
            0, 255, (camera.height_px, camera.width_px, 3), np.uint8
        )
        depth_mm = np.full((camera.height_px, camera.width_px), 1000 * self.depth_m, "<u2")
        depth_mm[:5] = 0
        header = make_header(stamp_ns, FRAME_ID)
        camera_info = make_camera_info(header, camera)
        return {
            "/camera/camera_info": camera_info,
            "/camera/depth/camera_info": camera_info,
            "/camera/image_raw": make_image(header, "rgb8", noise),
            "/camera/depth/image_rect": make_image(header, "16UC1", depth_mm),
            "/tf": make_transform(stamp_ns, x_m=number * self.step_m),
        }


def make_header(stamp_ns, frame_id):
    types = TYPES.types
    stamp = types["builtin_interfaces/msg/Time"](
        sec=stamp_ns // SECOND_NS, nanosec=stamp_ns % SECOND_NS
    )
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def make_image(header, encoding, pixels):
    height_px, width_px = pixels.shape[:2]
    return TYPES.types["sensor_msgs/msg/Image"](
        header=header,
        height=height_px,
        width=width_px,
        encoding=encoding,
        is_bigendian=0,
        step=pixels.nbytes // height_px,
        data=pixels.reshape(-1).view(np.uint8),
    )


def make_camera_info(header, camera):
    matrix = camera.matrix()
    region = TYPES.types["sensor_msgs/msg/RegionOfInterest"](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    return TYPES.types["sensor_msgs/msg/CameraInfo"](
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
        roi=region,
    )


def make_transform(stamp_ns, *, x_m):
    types = TYPES.types
    transform = types["geometry_msgs/msg/Transform"](
        translation=types["geometry_msgs/msg/Vector3"](x=x_m, y=0.0, z=0.0),
        rotation=types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0),
    )
    stamped = types["geometry_msgs/msg/TransformStamped"](
        header=make_header(stamp_ns, "map"), child_frame_id=FRAME_ID, transform=transform
    )
    return types["tf2_msgs/msg/TFMessage"](transforms=[stamped])
