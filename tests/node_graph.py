# SPDX-License-Identifier: Apache-2.0
"""The depth node in a small ROS graph: started, and driven frame by frame."""

from rclpy.parameter import Parameter
from ros_graph import LATCHED, SECOND_NS, START_NS, Listener, Robot
from std_srvs.srv import Trigger

from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.ros.node import DepthSplatNode

STATUS = "/depthsplat/status"
STEP_NS = SECOND_NS // 5
STEP_M = 0.2


def start_node(graph, *, outputs, robot=None, **settings):
    """Robot, listener and an active node that have all found each other."""
    robot = graph.add(robot or Robot())
    listener = graph.add(Listener(outputs))
    reports = graph.add(Listener({STATUS: ReconstructionStatus}, qos=LATCHED))
    listener.received[STATUS] = reports.received[STATUS]
    node = graph.add(
        DepthSplatNode(
            parameter_overrides=[Parameter(name, value=value) for name, value in settings.items()]
        )
    )
    robot.publish_mount()
    publishers = (robot.images, robot.infos, robot.transforms, robot.static_transforms)
    graph.spin_until(
        lambda: all(publisher.get_subscription_count() for publisher in publishers),
        "the node subscribes to everything",
    )
    graph.spin_until(
        lambda: all(node.count_subscribers(topic) for topic in outputs),
        "the listener subscribes to everything",
    )
    return node, robot, listener


def walk(graph, robot, node, count, start_index=0):
    """Publish frames one after the other, each when the one before has been worked on."""
    stamps = []
    for index in range(start_index, start_index + count):
        before = frames_done(node)
        stamps.append(START_NS + index * STEP_NS)
        robot.publish_frame(stamps[-1], STEP_M * index)
        graph.spin_until(
            lambda before=before: frames_done(node) > before and node._worker.job_age_s == 0,
            "the frame is done",
        )
    return stamps


def snapshot(node):
    """What became of the frames so far."""
    return node._statistics.snapshot(now_s=0.0)


def frames_done(node):
    """Frames that have come to an end."""
    counts = snapshot(node)
    return counts.predictions + sum(counts.skipped.values()) + sum(counts.dropped.values())


def last_status(listener):
    """The newest status message."""
    return listener.received[STATUS][-1]


def call(graph, caller, service):
    """The future answer of one of the node's services."""
    client = caller.create_client(Trigger, f"/depthsplat/{service}")
    graph.spin_until(client.service_is_ready, "the service is there")
    return client.call_async(Trigger.Request())


def answer(graph, caller, service):
    """The answer of one of the node's services."""
    future = call(graph, caller, service)
    graph.spin_until(future.done, "the service answers")
    return future.result()
