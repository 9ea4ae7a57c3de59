# SPDX-License-Identifier: Apache-2.0
"""The node's result topics: made and published only for those who listen."""

from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from depthsplat_ros.ros import messages
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.lazy_topics import LazyTopics
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
        self._topics = LazyTopics(node, TOPICS, warn=warn)

    def are_wanted(self) -> bool:
        """Whether anybody listens to anything."""
        return self._topics.are_wanted()

    def publish(self, result: Reconstruction, header: Header, config: NodeConfig) -> None:
        """Publish what is listened to; stamp and frame are the input image's."""
        camera = result.frame.camera
        makers = {
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
        self._topics.publish(makers)

    def close(self) -> None:
        """Destroy the publishers."""
        self._topics.close()
