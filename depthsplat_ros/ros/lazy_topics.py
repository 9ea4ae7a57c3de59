# SPDX-License-Identifier: Apache-2.0
"""Private topics of the node whose messages are made only for those who listen."""

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode

from depthsplat_ros.ros.qos import OUTPUT_QOS, qos_event_callbacks


class LazyTopics:
    """Publishers by the names of their topics."""

    def __init__(
        self, node: LifecycleNode, topics: Mapping[str, type], *, warn: Callable[[str], None]
    ) -> None:
        """Create the publishers.

        Args:
            node: the node they are private to.
            topics: name of each topic to its type of message.
            warn: receives what an operator should know.
        """
        self._node = node
        self._warn = warn
        self._publishers = {
            name: node.create_lifecycle_publisher(
                message_type,
                f"~/{name}",
                OUTPUT_QOS,
                event_callbacks=qos_event_callbacks(name, warn),
            )
            for name, message_type in topics.items()
        }

    def are_wanted(self) -> bool:
        """Whether anybody listens to any of them."""
        return any(publisher.get_subscription_count() for publisher in self._publishers.values())

    def publish(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        """Make and publish the messages of the topics that somebody listens to."""
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
