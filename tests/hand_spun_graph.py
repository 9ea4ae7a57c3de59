# SPDX-License-Identifier: Apache-2.0
"""A small ROS graph in one process, spun by the test."""

import time

import rclpy
from rclpy.executors import SingleThreadedExecutor

DEADLINE_S = 30.0  # when a test gives up; far beyond what anything takes


class Graph:
    """Nodes in a context of their own."""

    def __init__(self):
        """Start without nodes."""
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self._nodes = []

    def node(self, name, *, spin=True, **options):
        """A new node, spun with the others unless told otherwise."""
        node = rclpy.create_node(name, context=self.context, **options)
        if spin:
            self.executor.add_node(node)
        self._nodes.append(node)
        return node

    def spin_until(self, condition):
        """Let the nodes work until the condition holds."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline_s, "nothing came"
            self.executor.spin_once(timeout_sec=0.1)

    def close(self):
        """End everything."""
        self.executor.shutdown()
        for node in self._nodes:
            node.destroy_node()
        rclpy.try_shutdown(context=self.context)
