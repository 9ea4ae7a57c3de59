# SPDX-License-Identifier: Apache-2.0
"""Waiting for transforms, and their way through a real ROS graph."""

import threading
import time

import pytest

pytest.importorskip("rclpy", reason="no ROS")
pytest.importorskip("tf2_py.frame_tree", reason="the real tf2 is installed, not its stand-in")

import rclpy
import tf2_ros
import yaml
from geometry_msgs.msg import PointStamped, Vector3Stamped
from hand_spun_graph import DEADLINE_S, Graph
from rclpy.clock import Clock
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock as ClockMessage
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from tf2_msgs.srv import FrameGraph
from tf2_ros import Buffer, TransformListener
from transform_messages import at, transform, xyz_of

pytestmark = pytest.mark.ros

ENDLESS = Duration(nanoseconds=2**63 - 1)


@pytest.fixture
def graph():
    graph = Graph()
    yield graph
    graph.close()


def knows(buffer, target, source, seconds=0):
    return lambda: buffer.can_transform(target, source, at(seconds))


def set_later(buffer, *transforms):
    """Insert transforms from another thread."""
    thread = threading.Thread(
        target=lambda: [buffer.set_transform(message, "test") for message in transforms]
    )
    thread.start()
    return thread


class Questioned(Buffer):
    """A buffer that tells when it was first asked in vain."""

    def __init__(self):
        super().__init__()
        self.asked = threading.Event()

    def can_transform_core(self, *query):
        answer = super().can_transform_core(*query)
        self.asked.set()
        return answer

    def can_transform_full_core(self, *query):
        answer = super().can_transform_full_core(*query)
        self.asked.set()
        return answer


@pytest.mark.parametrize("full", [False, True])
def test_lookup_waits_for_a_transform_from_another_thread(full):
    buffer, answers = Questioned(), []
    buffer.set_transform(transform("map", "base", 1.0, (4, 0, 0)), "test")

    def ask():
        if full:
            query = ("base", at(2.0), "base", at(1.0), "map")
            answers.append(buffer.lookup_transform_full(*query, ENDLESS))
        else:
            answers.append(buffer.lookup_transform("map", "base", at(2.0), ENDLESS))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert buffer.asked.wait(DEADLINE_S)
    buffer.set_transform(transform("map", "base", 2.0, (6, 0, 0)), "test")
    thread.join(DEADLINE_S)
    assert [xyz_of(answer) for answer in answers] == [(-2, 0, 0) if full else (6, 0, 0)]


def test_timeout_ends_in_the_ordinary_exception():
    buffer = Buffer()
    start_s = time.monotonic()
    with pytest.raises(tf2_ros.LookupException, match='"map" passed to lookupTransform'):
        buffer.lookup_transform("map", "base", at(0), Duration(seconds=0.05))
    assert time.monotonic() - start_s >= 0.05
    answer = buffer.can_transform(
        "map", "base", at(0), Duration(seconds=0.01), return_debug_tuple=True
    )
    assert answer == (
        0,
        'Invalid frame ID "map" passed to canTransform argument target_frame - '
        "frame does not exist",
    )


def test_future_of_a_known_transform_is_done():
    buffer = Buffer()
    buffer.set_transform(transform("map", "base", 1.0, (4, 0, 0)), "test")
    assert xyz_of(buffer.wait_for_transform_async("map", "base", at(1.0)).result()) == (4, 0, 0)
    query = ("map", at(1.0), "base", at(1.0), "map")
    assert xyz_of(buffer.wait_for_transform_full_async(*query).result()) == (4, 0, 0)


def test_future_is_done_when_interpolation_becomes_possible():
    buffer = Buffer()
    future = buffer.wait_for_transform_async("map", "base", at(1.5))
    full = buffer.wait_for_transform_full_async("map", at(1.5), "base", at(1.5), "map")
    buffer.set_transform(transform("map", "base", 1.0), "test")
    assert not future.done()
    assert not full.done()
    buffer.set_transform(transform("map", "base", 2.0, (4, 0, 0)), "test")
    assert xyz_of(future.result()) == xyz_of(full.result()) == (2, 0, 0)


def test_static_transform_wakes_a_future():
    buffer = Buffer()
    future = buffer.wait_for_transform_async("base", "camera", at(3.0))
    buffer.set_transform_static(transform("base", "camera", 0, (1, 0, 0)), "test")
    assert xyz_of(future.result()) == (1, 0, 0)


def test_cancelled_future_stays_cancelled():
    buffer = Buffer()
    future = buffer.wait_for_transform_async("map", "base", at(1.0))
    future.cancel()
    buffer.set_transform(transform("map", "base", 1.0), "test")
    assert future.cancelled()
    assert not future.done()


def test_error_that_is_no_missing_transform_reaches_the_future():
    future = Buffer().wait_for_transform_async("map", "base", "yesterday")
    assert isinstance(future.exception(), TypeError)


def test_callback_of_a_future_may_use_the_buffer():
    buffer = Buffer()
    second = []

    def ask_again(future):
        buffer.set_transform(transform("map", "arm", 1.0, (7, 0, 0)), "test")
        second.append(buffer.wait_for_transform_async("map", "arm", at(1.0)))

    buffer.wait_for_transform_async("map", "base", at(1.0)).add_done_callback(ask_again)
    thread = set_later(buffer, transform("map", "base", 1.0))
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert xyz_of(second[0].result()) == (7, 0, 0)


def test_no_future_misses_a_transform_that_comes_meanwhile():
    for _ in range(100):
        buffer = Buffer()
        threads = [set_later(buffer, transform("map", "base", s)) for s in (1.0, 2.0)]
        futures = [buffer.wait_for_transform_async("map", "base", at(1.5)) for _ in range(20)]
        for thread in threads:
            thread.join()
        assert all(future.done() for future in futures)


def shift(point, transform_message):
    x, y, z = xyz_of(transform_message)
    moved = PointStamped(header=transform_message.header)
    moved.point.x, moved.point.y, moved.point.z = point.point.x + x, y, z
    return moved


def test_registered_type_is_transformed_at_its_own_time():
    buffer = Buffer()
    for second, x_m in ((1.0, 10), (2.0, 20)):
        buffer.set_transform(transform("map", "base", second, (x_m, 1, 2)), "test")
    tf2_ros.TransformRegistration().add(PointStamped, shift)
    point = PointStamped(header=Header(frame_id="base", stamp=at(1.5).to_msg()))
    point.point.x = 3.0
    moved = buffer.transform(point, "map")
    assert (moved.header.frame_id, moved.point.x, moved.point.z) == ("map", 18.0, 2.0)
    earlier = buffer.transform_full(point, "base", at(1.0), "map")
    assert (earlier.header.frame_id, earlier.point.x) == ("base", 8.0)


def test_unregistered_type_is_a_type_exception():
    with pytest.raises(tf2_ros.TypeException, match="Vector3Stamped'> is not loaded or supported"):
        Buffer().transform(Vector3Stamped(), "map")


def test_new_type_is_reached_directly_or_by_way_of_the_message():
    registration = tf2_ros.ConvertRegistration()
    registration.add_to_msg(int, str)
    registration.add_from_msg(list, list)
    assert tf2_ros.convert(42, list) == ["4", "2"]
    registration.add_convert((int, list), lambda number: [number])
    assert tf2_ros.convert(42, list) == [42]
    original = [1]
    copied = tf2_ros.convert(original, list)
    assert copied == original
    assert copied is not original
    with pytest.raises(tf2_ros.TypeException):
        tf2_ros.convert(42, dict)


def test_bare_interface_offers_no_lookup():
    with pytest.raises(tf2_ros.NotImplementedException) as caught:
        tf2_ros.BufferInterface().lookup_transform("map", "base", at(0))
    assert caught.value.errstr == "CanTransform or LookupTransform not implemented"


def test_broadcast_transforms_reach_the_listener(graph):
    sender, receiver = graph.node("sender"), graph.node("receiver")
    buffer = Buffer(node=receiver)
    listener = TransformListener(buffer, receiver)
    broadcaster = tf2_ros.TransformBroadcaster(sender)
    tf2_ros.StaticTransformBroadcaster(sender).sendTransform(
        transform("base", "camera", 0, (0, 0, 1))
    )
    graph.spin_until(lambda: broadcaster.pub_tf.get_subscription_count())
    broadcaster.sendTransform(transform("map", "base", 1.0, (1, 0, 0)))
    pair = (transform("map", "base", second, (second, 0, 0)) for second in (2.0, 3.0))
    broadcaster.sendTransform(pair)
    graph.spin_until(knows(buffer, "map", "camera", 3.0))
    assert xyz_of(buffer.lookup_transform("map", "camera", at(2.5))) == (2.5, 0, 1)
    assert buffer.lookup_transform("map", "camera", at(1.0)).header.frame_id == "map"
    listener.unregister()
    graph.spin_until(lambda: not broadcaster.pub_tf.get_subscription_count())


def test_late_listener_gets_all_static_transforms_in_their_last_form(graph):
    sender = graph.node("sender")
    broadcaster = tf2_ros.StaticTransformBroadcaster(sender)
    message = transform("base", "left", 0, (0, 1, 0))
    broadcaster.sendTransform(message)
    message.child_frame_id = "right"  # the same object, filled anew
    broadcaster.sendTransform([message])
    message.transform.translation.y = 9.0
    broadcaster.sendTransform(transform("base", "left", 0, (0, 2, 0)))

    receiver = graph.node("receiver")
    buffer = Buffer(node=receiver)
    listener = tf2_ros.StaticTransformListener(buffer, receiver)
    assert not hasattr(listener, "tf_sub")
    graph.spin_until(knows(buffer, "base", "right"))
    assert xyz_of(buffer.lookup_transform("base", "left", at(0))) == (0, 2, 0)
    assert xyz_of(buffer.lookup_transform("base", "right", at(0))) == (0, 1, 0)


def test_listener_takes_other_topics_and_profiles(graph):
    node = graph.node("node")
    buffer = Buffer(node=node)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = node.create_publisher(TFMessage, "/robot/tf", latched)
    publisher.publish(TFMessage(transforms=[transform("map", "base", 1.0)]))
    listener = TransformListener(buffer, node, qos=latched, tf_topic="/robot/tf")
    graph.spin_until(knows(buffer, "map", "base"))
    assert listener.tf_sub.topic_name == "/robot/tf"


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_listener_may_spin_its_node_itself(graph):
    sender = graph.node("sender")
    receiver = graph.node("receiver", spin=False)
    buffer = Buffer(node=receiver)
    listener = TransformListener(buffer, receiver, spin_thread=True)
    broadcaster = tf2_ros.StaticTransformBroadcaster(sender)
    broadcaster.sendTransform(transform("base", "camera", 0))
    assert buffer.can_transform("base", "camera", at(0), Duration(seconds=DEADLINE_S)) == 1
    rclpy.shutdown(context=graph.context)
    listener.dedicated_listener_thread.join(DEADLINE_S)
    assert not listener.dedicated_listener_thread.is_alive()


def test_coroutine_of_an_executor_gets_its_transform(graph):
    node = graph.node("node")
    buffer = Buffer(node=node)
    listener = TransformListener(buffer, node)
    task = graph.executor.create_task(buffer.lookup_transform_async("map", "base", at(1.0)))
    query = ("map", at(1.0), "base", at(1.0), "map")
    full_task = graph.executor.create_task(buffer.lookup_transform_full_async(*query))
    graph.executor.spin_once(timeout_sec=0)
    assert not task.done()
    broadcaster = tf2_ros.TransformBroadcaster(node)
    graph.spin_until(lambda: broadcaster.pub_tf.get_subscription_count())
    broadcaster.sendTransform(transform("map", "base", 1.0, (4, 0, 0)))
    graph.spin_until(lambda: task.done() and full_task.done())
    assert xyz_of(task.result()) == xyz_of(full_task.result()) == (4, 0, 0)
    listener.unregister()


def test_service_tells_the_tree(graph):
    node = graph.node("node")
    buffer = Buffer(node=node)
    buffer.set_transform(transform("map", "base", 1.0), "test")
    client = node.create_client(FrameGraph, "tf2_frames")
    graph.spin_until(client.service_is_ready)
    future = client.call_async(FrameGraph.Request())
    graph.spin_until(future.done)
    assert yaml.safe_load(future.result().frame_yaml)["base"]["parent"] == "map"


@pytest.mark.parametrize(
    ("back_to_s", "kept"), [(50, False), (99.5, True), (150, True)], ids=["far", "near", "ahead"]
)
def test_only_a_jump_back_of_a_second_empties_the_buffer(graph, back_to_s, kept):
    node = graph.node("node", parameter_overrides=[Parameter("use_sim_time", value=True)])
    buffer = Buffer(node=node)
    publisher = graph.node("simulator").create_publisher(ClockMessage, "/clock", 10)

    def turn_clock_to(seconds):
        def turned():
            publisher.publish(ClockMessage(clock=at(seconds).to_msg()))
            return node.get_clock().now().nanoseconds == at(seconds).nanoseconds

        graph.spin_until(turned)

    turn_clock_to(100)
    buffer.set_transform(transform("map", "base", 99.0), "test")
    buffer.set_transform_static(transform("base", "camera", 99.0), "test")
    turn_clock_to(back_to_s)
    assert buffer.can_transform("map", "base", at(99.0)) == kept
    assert buffer.can_transform("base", "camera", at(back_to_s))


def test_buffer_without_a_node_keeps_the_time_of_the_system():
    assert Buffer().clock.clock_type == Clock().clock_type
