# SPDX-License-Identifier: Apache-2.0
"""A message filter whose subscription follows the QoS that the topic's publishers offer."""

from collections.abc import Callable, Mapping
from typing import Any

from message_filters import SimpleFilter
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node

from depthsplat_ros.ros.qos import adapted_qos


class AdaptiveInput(SimpleFilter):
    """Subscribes once somebody publishes and again when the offered QoS changes.

    It is a source for the synchronisers of message_filters.
    """

    def __init__(
        self,
        node: Node,
        sources: Mapping[str, type],
        *,
        reliability: str,
        is_fit: Callable[[Any], bool],
        warn: Callable[[str], None],
    ) -> None:
        """Wait for a publisher; `follow_publishers` has to be called now and then.

        Args:
            node: the node that subscribes.
            sources: resolved topic names and the types of their messages; the first one that has
                a publisher is heard.
            reliability: 'auto', 'reliable' or 'best_effort'.
            is_fit: decides which messages are passed on.
            warn: receives what an operator should know.
        """
        super().__init__()
        self._node = node
        self._sources = sources
        self.topic = next(iter(sources))
        """The topic that is heard, or the first that would be."""
        self._reliability = reliability
        self._is_fit = is_fit
        self._warn = warn
        self._qos = None
        self._subscription = None
        self.publishers = 0

    def follow_publishers(self) -> None:
        """Adapt the subscription to the publishers that exist now."""
        offers = {
            topic: [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
            for topic in self._sources
        }
        topic = next((topic for topic, offered in offers.items() if offered), None)
        if topic is None:
            self.publishers = 0
            return
        self.publishers = len(offers[topic])
        qos = adapted_qos(offers[topic], self._reliability)
        if (topic, qos) == (self.topic, self._qos):
            return
        self.close()
        self.topic = topic
        self._subscription = self._node.create_subscription(
            self._sources[topic],
            topic,
            self._receive,
            qos,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=lambda event: self._warn(
                    f"a publisher on {topic} offers an incompatible QoS policy "
                    f"({event.last_policy_kind}); set image_reliability to best_effort"
                )
            ),
        )
        self._qos = qos

    def close(self) -> None:
        """Stop subscribing."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            self._qos = None

    def _receive(self, message: Any) -> None:
        if self._is_fit(message):
            self.signalMessage(message)
