# SPDX-License-Identifier: Apache-2.0
"""Small rosbag2 recordings, written message by message."""

from pathlib import Path

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
WIDTH_PX, HEIGHT_PX = 32, 24
K = (30.0, 0.0, 15.25, 0.0, 31.0, 11.75, 0.0, 0.0, 1.0)
NO_TURN = (0.0, 0.0, 0.0, 1.0)

_STORE = get_typestore(Stores.LATEST)


def message_class(name):
    """The class of `package/msg/Name`."""
    return _STORE.types[name]


def stamp_ns(seconds):
    """Nanoseconds of the seconds after the bag's start; None stands for a stamp of zero."""
    return 0 if seconds is None else START_NS + round(seconds * SECOND_NS)


def make_header(seconds, frame_id):
    """std_msgs/Header."""
    time = message_class("builtin_interfaces/msg/Time")
    sec, nanosec = divmod(stamp_ns(seconds), SECOND_NS)
    return message_class("std_msgs/msg/Header")(
        stamp=time(sec=sec, nanosec=nanosec), frame_id=frame_id
    )


def make_image(seconds, samples, encoding="rgb8", frame_id="camera"):
    """sensor_msgs/Image of tight little-endian samples."""
    data = np.frombuffer(samples.tobytes(), np.uint8)
    return message_class("sensor_msgs/msg/Image")(
        header=make_header(seconds, frame_id),
        height=samples.shape[0],
        width=samples.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=data.size // samples.shape[0],
        data=data,
    )


def make_compressed(seconds, data, format_text="jpeg", frame_id="camera"):
    """sensor_msgs/CompressedImage."""
    return message_class("sensor_msgs/msg/CompressedImage")(
        header=make_header(seconds, frame_id),
        format=format_text,
        data=np.frombuffer(data, np.uint8),
    )


def make_camera_info(
    seconds,
    *,
    k=K,
    d=(),
    model="plumb_bob",
    size=(WIDTH_PX, HEIGHT_PX),
    frame_id="camera",
    p=None,
):
    """sensor_msgs/CameraInfo; P is [K 0] unless given."""
    if p is None:
        p = np.hstack([np.reshape(k, (3, 3)), np.zeros((3, 1))]).ravel()
    region = message_class("sensor_msgs/msg/RegionOfInterest")
    return message_class("sensor_msgs/msg/CameraInfo")(
        header=make_header(seconds, frame_id),
        height=size[1],
        width=size[0],
        distortion_model=model,
        d=np.array(d, float),
        k=np.array(k, float),
        r=np.eye(3).ravel(),
        p=np.array(p, float),
        binning_x=0,
        binning_y=0,
        roi=region(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )


def make_transforms(*links):
    """tf2_msgs/TFMessage of links (seconds, parent, child, translation_m, rotation_xyzw)."""
    vector = message_class("geometry_msgs/msg/Vector3")
    quaternion = message_class("geometry_msgs/msg/Quaternion")
    transform = message_class("geometry_msgs/msg/Transform")
    stamped = message_class("geometry_msgs/msg/TransformStamped")
    return message_class("tf2_msgs/msg/TFMessage")(
        transforms=[
            stamped(
                header=make_header(seconds, parent),
                child_frame_id=child,
                transform=transform(
                    translation=vector(*map(float, translation_m)),
                    rotation=quaternion(*map(float, rotation_xyzw)),
                ),
            )
            for seconds, parent, child, translation_m, rotation_xyzw in links
        ]
    )


def write_bag(
    path,
    messages,
    *,
    storage=StoragePlugin.MCAP,
    compression=CompressionMode.NONE,
):
    """Writes (log seconds, topic, message) to a new bag folder, in the given order."""
    writer = Writer(Path(path), version=9, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    connections = {}
    with writer:
        for seconds, topic, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, message.__msgtype__, typestore=_STORE
                )
            data = _STORE.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[topic], stamp_ns(seconds), data)
    return Path(path)
