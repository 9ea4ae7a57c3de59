# SPDX-License-Identifier: Apache-2.0
"""The filter at the beginning: messages of a topic."""

from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from message_filters.simple_filter import SimpleFilter


class Subscriber(SimpleFilter):
    """A subscription as a filter; what the filter lacks is looked up in the subscription."""

    def __init__(
        self,
        node: Node,
        msg_type: type,
        topic: str,
        qos_profile: QoSProfile | int = 10,
        **kwargs: Any,
    ) -> None:
        """Subscribe.

        Args:
            node: node to subscribe with.
            msg_type: type of the messages.
            topic: name of the topic.
            qos_profile: profile or history depth.
            kwargs: whatever else `Node.create_subscription` takes, such as `callback_group`.
        """
        super().__init__()
        self.node = node
        self.topic = topic
        self.sub = node.create_subscription(
            msg_type, topic, self.callback, qos_profile=qos_profile, **kwargs
        )

    def callback(self, msg: Any) -> None:
        """Pass a message on."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """The name of the topic as it was given."""
        return self.topic

    def __getattr__(self, key: str) -> Any:
        """What the filter lacks, from its subscription."""
        if key == "sub":  # no subscription yet: do not look for it in itself
            raise AttributeError(key)
        return getattr(self.sub, key)
