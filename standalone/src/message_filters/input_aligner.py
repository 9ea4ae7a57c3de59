# SPDX-License-Identifier: Apache-2.0
"""Puts the messages of several inputs into the order of their stamps."""

import heapq
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from message_filters.simple_filter import SimpleFilter

NEVER_NS = 2**63 - 1


@dataclass(frozen=True)
class QueueStatus:
    """What happened to one input."""

    active: bool  # whether messages of it are waited for
    queue_size: int
    msgs_processed: int
    msgs_dropped: int  # came after newer ones of other inputs had gone out


class InputAligner:
    """Calls back, input by input, with all messages in the order of their stamps.

    A message waits until every active input has a newer one, or its next is not due yet, or it
    has been silent for longer than the timeout.
    """

    def __init__(self, timeout: Duration, filters: Sequence[SimpleFilter] | None = None) -> None:
        """Connect to the inputs.

        Args:
            timeout: how far other inputs may get ahead of a silent one.
            filters: inputs to align.
        """
        self.timeout = timeout
        self.name = ""
        self.lock = threading.RLock()
        self.event_queues: list[_EventQueue] = []
        self.signals: list[SimpleFilter] = []
        self.input_connections: list[tuple[SimpleFilter, int]] = []
        self.dispatch_timer: Any = None
        self._newest_in_ns = 0
        self._last_out_ns = 0
        if filters is not None:
            self.connectInput(filters)

    def connectInput(self, filters: Sequence[SimpleFilter]) -> None:
        """Align these inputs instead; callbacks and waiting messages are dropped."""
        with self.lock:
            self.disconnectAll()
            self.event_queues = [_EventQueue() for _ in filters]
            self.signals = [SimpleFilter() for _ in filters]
            self.input_connections = [
                (input_filter, input_filter.registerCallback(self.add, index))
                for index, input_filter in enumerate(filters)
            ]

    def disconnectAll(self) -> None:
        """Take no more input."""
        with self.lock:
            for input_filter, connection in self.input_connections:
                input_filter.unregisterCallback(connection)
            self.input_connections = []

    def registerCallback(self, index: int, callback: Callable, *args: Any) -> int:
        """Call `callback(message, *args)` for the messages of one input."""
        return self.signals[index].registerCallback(callback, *args)

    def setName(self, name: str) -> None:
        """Name the aligner."""
        self.name = name

    def getName(self) -> str:
        """Its name."""
        return self.name

    def setInputPeriod(self, index: int, period: Duration) -> None:
        """Say how long after a message the next one of this input is due."""
        self.event_queues[index].period_ns = period.nanoseconds

    def getQueueStatus(self, index: int) -> QueueStatus:
        """What happened to one input so far."""
        with self.lock:
            return self.event_queues[index].status()

    def setupDispatchTimer(self, node: Node, update_rate: Duration) -> None:
        """Dispatch by a timer of the node; `update_rate` is its period."""
        self.dispatch_timer = node.create_timer(
            update_rate.nanoseconds / 1e9, self.dispatchMessages
        )

    def add(self, msg: Any, queue_index: int) -> None:
        """Take a message of one input; it is dropped if newer ones have gone out."""
        stamp_ns = Time.from_msg(msg.header.stamp).nanoseconds
        with self.lock:
            queue = self.event_queues[queue_index]
            if stamp_ns < self._last_out_ns:
                queue.dropped += 1
                return
            self._newest_in_ns = max(self._newest_in_ns, stamp_ns)
            queue.push(stamp_ns, msg)

    def dispatchMessages(self) -> None:
        """Call back with everything that need not wait."""
        with self.lock:
            if any(queue.events for queue in self.event_queues):
                while self._dispatch_first():
                    pass

    def _dispatch_first(self) -> bool:
        due_ns = [queue.due_ns() for queue in self.event_queues]
        first_ns = min(due_ns)
        index = due_ns.index(first_ns)
        queue = self.event_queues[index]
        if queue.events:
            self._last_out_ns = first_ns
            self.signals[index].signalMessage(queue.pop())
            return True
        if self._newest_in_ns - first_ns >= self.timeout.nanoseconds:
            queue.active = False
            return True
        return False


class _EventQueue:
    """Waiting messages of one input, oldest first; equal stamps in the order of arrival."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int, Any]] = []
        self.period_ns = 0
        self.active = False
        self.dropped = 0
        self._processed = 0
        self._next_ns = NEVER_NS
        self._arrivals = count()

    def push(self, stamp_ns: int, msg: Any) -> None:
        heapq.heappush(self.events, (stamp_ns, next(self._arrivals), msg))

    def pop(self) -> Any:
        self._processed += 1
        return heapq.heappop(self.events)[2]

    def due_ns(self) -> int:
        """Stamp of the first message, or the one the next message should have."""
        if self.events:
            first_ns = self.events[0][0]
            self._next_ns = first_ns + self.period_ns
            self.active = True
            return first_ns
        return self._next_ns if self.active else NEVER_NS

    def status(self) -> QueueStatus:
        return QueueStatus(self.active, len(self.events), self._processed, self.dropped)
