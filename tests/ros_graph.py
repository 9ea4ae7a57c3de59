# SPDX-License-Identifier: Apache-2.0
"""A small ROS graph in one process: a camera on a moving base, and ears for what a node says."""

import time
from collections import defaultdict

import numpy as np
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
DEADLINE_S = 20.0
WIDTH_PX, HEIGHT_PX, FOCAL_PX = 64, 48, 60.0
RELIABLE = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(
    depth=50,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


class Graph:
    """One executor with a robot, a listener and the node under test."""

    def __init__(self):
        rclpy.init()
        self.executor = SingleThreadedExecutor()
        self._nodes = []

    def add(self, node):
        self._nodes.append(node)
        self.executor.add_node(node)
        return node

    def spin_until(self, condition, what):
        """Spin until the condition holds; fails with `what` after a generous deadline."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline_s, f"never happened: {what}"
            self.executor.spin_once(timeout_sec=0.05)

    def close(self):
        self.executor.shutdown()
        for node in self._nodes:
            node.destroy_node()
        rclpy.try_shutdown()


class Robot(Node):
    """Publishes images, camera infos and transforms exactly when told to."""

    def __init__(self, *, image_qos=RELIABLE, image_type=Image, image_topic="image"):
        super().__init__("robot")
        self.images = self.create_publisher(image_type, image_topic, image_qos)
        self.infos = self.create_publisher(CameraInfo, "camera_info", RELIABLE)
        self.transforms = self.create_publisher(TFMessage, "/tf", RELIABLE)
        self.static_transforms = self.create_publisher(TFMessage, "/tf_static", LATCHED)

    def publish_mount(self):
        """base_link -> camera, latched; the camera looks along the base's x axis."""
        mount = make_transform("base_link", "camera", 0, (0.1, 0.0, 0.3))
        rotation = mount.transform.rotation
        rotation.x, rotation.y, rotation.z, rotation.w = -0.5, 0.5, -0.5, 0.5
        self.static_transforms.publish(TFMessage(transforms=[mount]))

    def publish_pose(self, stamp_ns, y_m):
        """odom -> base_link, y_m to the left of the origin."""
        transform = make_transform("odom", "base_link", stamp_ns, (0.0, y_m, 0.0))
        self.transforms.publish(TFMessage(transforms=[transform]))

    def publish_image(self, stamp_ns, **changes):
        self.images.publish(make_image(stamp_ns, **changes))

    def publish_info(self, stamp_ns, **changes):
        self.infos.publish(make_info(stamp_ns, **changes))

    def publish_frame(self, stamp_ns, y_m):
        """A pose just before and just after the image, and the image with its info."""
        self.publish_pose(stamp_ns - SECOND_NS // 100, y_m)
        self.publish_pose(stamp_ns + SECOND_NS // 100, y_m)
        self.publish_info(stamp_ns)
        self.publish_image(stamp_ns)


class Listener(Node):
    """Collects what is published on the given topics."""

    def __init__(self, topics, *, qos=RELIABLE):
        super().__init__("listener")
        self.received = defaultdict(list)
        for topic, message_type in topics.items():
            self.create_subscription(message_type, topic, self.received[topic].append, qos)

    def stamps_ns(self, topic):
        return [Time.from_msg(m.header.stamp).nanoseconds for m in self.received[topic]]


def make_transform(parent, child, stamp_ns, translation_m):
    message = TransformStamped()
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.header.frame_id = parent
    message.child_frame_id = child
    translation = message.transform.translation
    translation.x, translation.y, translation.z = translation_m
    return message


def make_image(stamp_ns, **changes):
    message = Image()
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.header.frame_id = "camera"
    message.height, message.width = HEIGHT_PX, WIDTH_PX
    message.encoding, message.step = "rgb8", 3 * WIDTH_PX
    texture = np.random.default_rng(0).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    message.data.frombytes(texture.tobytes())
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def make_info(stamp_ns, **changes):
    message = CameraInfo()
    message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
    message.header.frame_id = "camera"
    message.height, message.width = HEIGHT_PX, WIDTH_PX
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    message.k = [FOCAL_PX, 0.0, 31.5, 0.0, FOCAL_PX, 23.5, 0.0, 0.0, 1.0]
    message.r = np.eye(3).reshape(-1).tolist()
    message.p = [FOCAL_PX, 0.0, 31.5, 0.0, 0.0, FOCAL_PX, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    for name, value in changes.items():
        setattr(message, name, value)
    return message
