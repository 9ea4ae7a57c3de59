# SPDX-License-Identifier: Apache-2.0
"""What publishers offer, and subscriptions that match what is offered."""

from collections.abc import Callable, Sequence

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)

INPUT_DEPTH = 5
OUTPUT_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE
)
"""Reliable and volatile: compatible with every subscriber."""
LATEST_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""A late subscriber still gets the last message."""


def adapted_qos(offered: Sequence[QoSProfile], reliability: str) -> QoSProfile:
    """The strictest subscription that all publishers of a topic can serve.

    A best-effort subscriber loses every image larger than a transport's buffer, so reliable is
    taken wherever it is offered. Durability follows the publishers too: a latched camera_info
    reaches only a subscriber that asks for it.

    Args:
        offered: the profiles of the topic's publishers.
        reliability: 'auto', or the reliability to insist on.
    """
    if reliability == "auto":
        is_reliable = all(profile.reliability == ReliabilityPolicy.RELIABLE for profile in offered)
    else:
        is_reliable = reliability == "reliable"
    is_latched = is_reliable and all(
        profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for profile in offered
    )
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=INPUT_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=(DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE),
    )


def qos_event_callbacks(topic: str, warn: Callable[[str], None]) -> PublisherEventCallbacks:
    """Says so when somebody asks a private topic of the node for more than it offers."""
    return PublisherEventCallbacks(
        incompatible_qos=lambda event: warn(
            f"a subscriber of ~/{topic} asks for an incompatible QoS policy "
            f"({event.last_policy_kind}); it will receive nothing"
        )
    )
