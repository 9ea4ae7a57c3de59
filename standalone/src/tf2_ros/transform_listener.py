# SPDX-License-Identifier: Apache-2.0
"""Fills a buffer with what is published on /tf and /tf_static."""

from threading import Thread

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from tf2_ros.buffer import Buffer

DEFAULT_TF_TOPIC = "/tf"
DEFAULT_STATIC_TF_TOPIC = "/tf_static"
AUTHORITY = "default_authority"


class TransformListener:
    """Subscribes to the transforms and hands them to a buffer."""

    def __init__(
        self,
        buffer: Buffer,
        node: Node,
        *,
        spin_thread: bool = False,
        qos: QoSProfile | int | None = None,
        static_qos: QoSProfile | int | None = None,
        tf_topic: str = DEFAULT_TF_TOPIC,
        tf_static_topic: str = DEFAULT_STATIC_TF_TOPIC,
        static_only: bool = False,
    ) -> None:
        """Subscribe.

        Args:
            buffer: buffer to fill.
            node: node to subscribe with.
            spin_thread: spin the whole node in a thread of its own; not for a node that is in
                another executor already.
            qos: profile or history depth for the moving frames; depth 100 by default.
            static_qos: the same for static ones; latched, depth 100 by default.
            tf_topic: topic of the moving frames.
            tf_static_topic: topic of the static ones.
            static_only: listen to static transforms only.
        """
        self.buffer = buffer
        self.node = node
        # Reentrant, so that a callback of the node's own group may wait for a transform.
        self.group = ReentrantCallbackGroup()
        if not static_only:
            self.tf_sub = node.create_subscription(
                TFMessage,
                tf_topic,
                self.callback,
                _profile(DurabilityPolicy.VOLATILE) if qos is None else qos,
                callback_group=self.group,
            )
        self.tf_static_sub = node.create_subscription(
            TFMessage,
            tf_static_topic,
            self.static_callback,
            _profile(DurabilityPolicy.TRANSIENT_LOCAL) if static_qos is None else static_qos,
            callback_group=self.group,
        )
        if spin_thread:
            self.executor = SingleThreadedExecutor(context=node.context)
            self.dedicated_listener_thread = Thread(target=_spin, args=(self.executor, node))
            self.dedicated_listener_thread.start()

    def __del__(self) -> None:
        """Stop the thread, if there is one, and stop listening."""
        thread = getattr(self, "dedicated_listener_thread", None)
        if thread is not None and thread.is_alive():
            self.executor.shutdown()
            thread.join()
        self.unregister()

    def unregister(self) -> None:
        """Stop listening."""
        for name in ("tf_sub", "tf_static_sub"):
            if hasattr(self, name):
                self.node.destroy_subscription(getattr(self, name))

    def callback(self, data: TFMessage) -> None:
        """Take over moving frames."""
        for transform in data.transforms:
            self.buffer.set_transform(transform, AUTHORITY)

    def static_callback(self, data: TFMessage) -> None:
        """Take over static frames."""
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, AUTHORITY)


def _profile(durability: DurabilityPolicy) -> QoSProfile:
    return QoSProfile(depth=100, durability=durability, history=HistoryPolicy.KEEP_LAST)


def _spin(executor: SingleThreadedExecutor, node: Node) -> None:
    # A plain function: a bound method would keep the listener alive for ever.
    executor.add_node(node)
    try:
        executor.spin()
    except ExternalShutdownException:
        pass
    finally:
        executor.remove_node(node)
