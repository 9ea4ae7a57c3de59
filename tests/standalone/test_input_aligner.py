# SPDX-License-Identifier: Apache-2.0
"""Messages of several inputs in the order of their stamps."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS")
pytest.importorskip(
    "message_filters.time_synchronizer", reason="the real message_filters is installed"
)

from hand_spun_graph import Graph
from message_filters import SimpleFilter
from message_filters.input_aligner import InputAligner
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header

pytestmark = pytest.mark.ros


def stamped(milliseconds, name=None):
    stamp = Time(nanoseconds=round(milliseconds * 1e6)).to_msg()
    return SimpleNamespace(header=Header(stamp=stamp), name=name or milliseconds)


def aligned(count, period_ms=None, timeout_ms=1000):
    """An aligner with its inputs, and the names that go out."""
    inputs, out = [SimpleFilter() for _ in range(count)], []
    aligner = InputAligner(Duration(nanoseconds=round(timeout_ms * 1e6)), inputs)
    for index in range(count):
        aligner.registerCallback(index, lambda message: out.append(message.name))
        if period_ms is not None:
            aligner.setInputPeriod(index, Duration(nanoseconds=round(period_ms * 1e6)))
    return aligner, inputs, out


def test_aligner_orders_the_messages_of_all_inputs():
    aligner, inputs, out = aligned(3, period_ms=3)
    for index, stamps_ms in enumerate(((1, 4, 7), (8, 2, 5), (3, 9, 6))):
        for milliseconds in stamps_ms:
            inputs[index].signalMessage(stamped(milliseconds))
    aligner.dispatchMessages()
    assert out == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_aligner_waits_for_a_due_input_until_the_timeout():
    aligner, inputs, out = aligned(2, period_ms=2, timeout_ms=10)
    for milliseconds in (1, 3, 5):
        inputs[0].signalMessage(stamped(milliseconds))
    inputs[1].signalMessage(stamped(2))
    aligner.dispatchMessages()
    assert out == [1, 2, 3]  # input 1 is due at 4
    inputs[0].signalMessage(stamped(14))
    aligner.dispatchMessages()
    assert out == [1, 2, 3, 5, 14]
    status = aligner.getQueueStatus(1)
    assert (status.active, status.queue_size, status.msgs_processed) == (False, 0, 1)


def test_aligner_drops_what_comes_too_late():
    aligner, inputs, out = aligned(2, period_ms=2)
    inputs[0].signalMessage(stamped(5))
    aligner.dispatchMessages()
    inputs[1].signalMessage(stamped(3))
    aligner.dispatchMessages()
    assert out == [5]
    assert aligner.getQueueStatus(1).msgs_dropped == 1


def test_aligner_keeps_messages_of_equal_stamps_in_order():
    aligner, inputs, out = aligned(1, period_ms=1)
    for name in "abc":
        inputs[0].signalMessage(stamped(5, name=name))
    aligner.dispatchMessages()
    assert out == ["a", "b", "c"]


def test_disconnected_aligner_hears_nothing():
    aligner, inputs, out = aligned(2)
    aligner.connectInput(inputs[:1])
    aligner.registerCallback(0, lambda message: out.append(("new", message.name)))
    inputs[1].signalMessage(stamped(1))
    inputs[0].signalMessage(stamped(2))
    aligner.dispatchMessages()
    aligner.disconnectAll()
    inputs[0].signalMessage(stamped(3))
    aligner.dispatchMessages()
    assert out == [("new", 2)]


def test_aligner_dispatches_by_timer():
    graph = Graph()
    aligner, inputs, out = aligned(2, period_ms=2)
    aligner.setupDispatchTimer(graph.node("node"), Duration(nanoseconds=10_000_000))
    inputs[1].signalMessage(stamped(2))
    inputs[0].signalMessage(stamped(1))
    graph.spin_until(lambda: out == [1, 2])
    graph.close()
