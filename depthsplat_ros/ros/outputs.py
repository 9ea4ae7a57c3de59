# SPDX-License-Identifier: Apache-2.0
"""The node's result topics: made and published only for those who listen."""

from collections.abc import Callable
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from depthsplat_ros.ros import messages
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.qos import OUTPUT_QOS, qos_event_callbacks
from depthsplat_ros.streaming.reconstructor import Reconstruction

TOPICS = {
    "image_rect": Image,
    "camera_info": CameraInfo,
    "depth/image_rect": Image,
    "depth/camera_info": CameraInfo,
    "confidence": Image,
    "points": PointCloud2,
}


class Outputs:
    """The publishers of everything that a reconstruction gives, private to the node."""

    def __init__(self, node: LifecycleNode, *, warn: Callable[[str], None]) -> None:
        """Create the publishers; `warn` receives what an operator should know."""
        self._node = node
        self._warn = warn
        self._publishers = {
            name: node.create_lifecycle_publisher(
                message_type,
                f"~/{name}",
                OUTPUT_QOS,
                event_callbacks=qos_event_callbacks(name, warn),
            )
            for name, message_type in TOPICS.items()
        }

    def are_wanted(self) -> bool:
        """Whether anybody listens to anything."""
        return any(publisher.get_subscription_count() for publisher in self._publishers.values())

    def publish(self, result: Reconstruction, header: Header, config: NodeConfig) -> None:
        """Publish what is listened to; stamp and frame are the input image's."""
        camera = result.frame.camera
        makers: dict[str, Callable[[], Any]] = {
            "image_rect": lambda: messages.colour_message(result.frame.image, header),
            "camera_info": lambda: messages.camera_info_message(camera, header),
            "depth/image_rect": lambda: messages.depth_message(
                result.depth_m, config.depth_encoding, header
            ),
            "depth/camera_info": lambda: messages.camera_info_message(camera, header),
            "confidence": lambda: messages.confidence_message(result.confidence, header),
            "points": lambda: messages.points_message(
                result.depth_m, result.frame.image, camera, config.points_stride, header
            ),
        }
        for name, make in makers.items():
            publisher = self._publishers[name]
            if publisher.get_subscription_count() == 0:
                continue
            try:
                publisher.publish(make())
            except rclpy_implementation.RCLError as error:
                # A flooded transport refuses a message; the next one may go through.
                self._warn(f"~/{name} could not be published: {error}")

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
