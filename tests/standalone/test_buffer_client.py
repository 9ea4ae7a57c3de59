# SPDX-License-Identifier: Apache-2.0
"""Lookups over the action of a buffer server."""

import threading

import pytest

pytest.importorskip("rclpy", reason="no ROS")
pytest.importorskip("tf2_py.frame_tree", reason="the real tf2 is installed, not its stand-in")

import tf2_ros
from hand_spun_graph import Graph
from rclpy.action import ActionServer
from rclpy.duration import Duration
from tf2_msgs.action import LookupTransform
from tf2_msgs.msg import TF2Error
from transform_messages import at, transform, xyz_of

pytestmark = pytest.mark.ros

LONG = Duration(seconds=60)  # never waited for


@pytest.fixture
def graph():
    graph = Graph()
    yield graph
    graph.close()


@pytest.fixture
def server(graph):
    """A buffer server, and a client whose node another thread spins."""
    node = graph.node("server")
    buffer = tf2_ros.Buffer()
    buffer.set_transform(transform("map", "base", 1.0, (4, 0, 0)), "test")
    buffer.set_transform(transform("map", "base", 2.0, (6, 0, 0)), "test")

    def answer(goal_handle):
        goal, result = goal_handle.request, LookupTransform.Result()
        try:
            if goal.advanced:
                query = (goal.target_frame, goal.target_time, goal.source_frame, goal.source_time)
                result.transform = buffer.lookup_transform_full(*query, goal.fixed_frame)
            else:
                query = (goal.target_frame, goal.source_frame, goal.source_time)
                result.transform = buffer.lookup_transform(*query)
        except tf2_ros.LookupException as error:
            result.error = TF2Error(error=TF2Error.LOOKUP_ERROR, error_string=str(error))
        goal_handle.succeed()
        return result

    action_server = ActionServer(node, LookupTransform, "tf2_buffer_server", answer)
    client = tf2_ros.BufferClient(graph.node("client"), "tf2_buffer_server")
    graph.spin_until(client.action_client.server_is_ready)
    spinner = threading.Thread(target=graph.executor.spin)
    spinner.start()
    yield client
    graph.executor.shutdown()
    spinner.join()
    client.destroy()
    action_server.destroy()


def test_client_answers_what_the_server_knows(server):
    assert xyz_of(server.lookup_transform("map", "base", at(1.5), LONG)) == (5, 0, 0)
    query = ("base", at(2.0), "base", at(1.0), "map")
    assert xyz_of(server.lookup_transform_full(*query, LONG)) == (-2, 0, 0)
    assert server.can_transform("map", "base", at(1.5), LONG)
    assert not server.can_transform("map", "arm", at(1.5), LONG)
    with pytest.raises(tf2_ros.LookupException, match='"arm" passed to lookupTransform'):
        server.lookup_transform("map", "arm", at(1.5), LONG)


def test_client_without_a_server_says_so(graph):
    client = tf2_ros.BufferClient(graph.node("client"), "nobody")
    with pytest.raises(tf2_ros.TimeoutException, match="The BufferServer is not ready"):
        client.lookup_transform("map", "base", at(0))
    assert not client.can_transform_full("map", at(0), "base", at(0), "map")
    client.destroy()
