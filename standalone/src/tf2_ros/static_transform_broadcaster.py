# SPDX-License-Identifier: Apache-2.0
"""Publishes the poses of frames that never move on /tf_static, for late subscribers too."""

from collections.abc import Iterable
from copy import deepcopy

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from tf2_ros.transform_broadcaster import as_list


class StaticTransformBroadcaster:
    """Sends static transforms, all of its own in every message.

    A subscriber that comes later receives the last message only, hence the repetition. A frame
    sent again replaces what was sent of it before; the real one up to Kilted ignores it.
    """

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        """Create the publisher.

        Args:
            node: node to publish from.
            qos: profile or history depth; reliable, latched, depth 1 by default.
        """
        if qos is None:
            qos = QoSProfile(
                depth=1,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
                history=HistoryPolicy.KEEP_LAST,
            )
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", qos)
        self.net_message = TFMessage()

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Publish one transform or several, with all those sent before."""
        transforms = {known.child_frame_id: known for known in self.net_message.transforms}
        for new in as_list(transform):
            # A copy: the caller may go on to fill the next transform into the same object.
            transforms[new.child_frame_id] = deepcopy(new)
        self.net_message.transforms = list(transforms.values())
        self.pub_tf.publish(self.net_message)
