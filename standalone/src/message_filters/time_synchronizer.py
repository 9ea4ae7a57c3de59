# SPDX-License-Identifier: Apache-2.0
"""Filters that gather one message of each input into a set, by time.

Messages leave their queues before the callback runs, and the lock is released whatever it does:
an exception in the callback costs one set, not the synchroniser.
"""

import itertools
import threading
from collections.abc import Sequence
from typing import Any

from rclpy.clock import ROSClock
from rclpy.duration import Duration

from message_filters.cache import warn_of_headerless
from message_filters.message_traits import TimeGetter, get_time_from_message_header
from message_filters.simple_filter import SimpleFilter

Queue = dict[int, Any]  # messages by stamp in nanoseconds


class TimeSynchronizer(SimpleFilter):
    """Calls back with sets of messages of exactly equal stamps, one of each input.

    Callbacks run one at a time. Sets may come out of order, if messages come in out of order.
    """

    def __init__(
        self,
        fs: Sequence[SimpleFilter],
        queue_size: int,
        time_getter: TimeGetter = get_time_from_message_header,
    ) -> None:
        """Connect to the inputs.

        Args:
            fs: filters to gather from.
            queue_size: how many messages of each input may wait for their set; of more the ones
                with the oldest stamps go.
            time_getter: finds the time of a message.
        """
        super().__init__()
        self.queue_size = queue_size
        self.time_getter = time_getter
        # Reentrant: a callback may feed the same synchroniser.
        self.lock = threading.RLock()
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        """Gather from these filters, with empty queues."""
        self.queues: list[Queue] = [{} for _ in fs]
        self.input_connections = [
            f.registerCallback(self.add, queue, index)
            for index, (f, queue) in enumerate(zip(fs, self.queues, strict=True))
        ]

    def add(self, msg: Any, my_queue: Queue, my_queue_index: int | None = None) -> None:
        """Take a message of one input, and call back if it completes a set.

        Raises:
            ValueError: if the message has no time.
        """
        stamp = self.time_getter(msg)
        if stamp is None:
            raise ValueError(
                "time_getter could not extract a timestamp from the message; use "
                'ApproximateTimeSynchronizer with "allow_headerless=True" or provide a custom '
                '"time_getter"'
            )
        stamp_ns = stamp.nanoseconds
        with self.lock:
            self._enqueue(msg, my_queue, stamp_ns)
            if all(stamp_ns in queue for queue in self.queues):
                self.signalMessage(*[queue.pop(stamp_ns) for queue in self.queues])

    def _enqueue(self, msg: Any, queue: Queue, stamp_ns: int) -> None:
        queue[stamp_ns] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Calls back with sets of messages whose stamps differ by less than `slop`.

    Of the sets that a message can complete it takes the one whose messages are nearest to it.
    """

    def __init__(
        self,
        fs: Sequence[SimpleFilter],
        queue_size: int,
        slop: float,
        allow_headerless: bool = False,
        sync_arrival_time: bool = False,
        time_getter: TimeGetter = get_time_from_message_header,
    ) -> None:
        """Connect to the inputs.

        Args:
            fs: filters to gather from.
            queue_size: how many messages of each input may wait for their set.
            slop: seconds; the spread of a set is below it.
            allow_headerless: take the time of arrival for messages without a stamp; else they are
                dropped.
            sync_arrival_time: take the time of arrival for all messages.
            time_getter: finds the time of a message.
        """
        super().__init__(fs, queue_size, time_getter)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless
        self.sync_arrival_time = sync_arrival_time

    def add(self, msg: Any, my_queue: Queue, my_queue_index: int | None = None) -> None:
        """Take a message of one input, and call back if it completes a set."""
        stamp = None if self.sync_arrival_time else self.time_getter(msg)
        if stamp is None:
            if not (self.allow_headerless or self.sync_arrival_time):
                warn_of_headerless("message_filters_approx")
                return
            stamp = ROSClock().now()
        stamp_ns = stamp.nanoseconds
        with self.lock:
            self._enqueue(msg, my_queue, stamp_ns)
            stamps_ns = self._nearest_set(stamp_ns, my_queue_index)
            if stamps_ns is not None:
                self.signalMessage(
                    *[
                        queue.pop(set_stamp_ns)
                        for queue, set_stamp_ns in zip(self.queues, stamps_ns, strict=True)
                    ]
                )

    def _nearest_set(self, stamp_ns: int, index: int | None) -> tuple[int, ...] | None:
        """Stamps of the set, one of each queue, or None if there is none."""
        slop_ns = self.slop.nanoseconds

        def distance_ns(other_ns: int) -> int:
            return abs(other_ns - stamp_ns)

        candidates_ns = [
            sorted(
                # Of its own input only the new message, which a full queue may have dropped.
                (
                    other_ns
                    for other_ns in ({stamp_ns} & queue.keys() if own == index else queue)
                    if distance_ns(other_ns) <= slop_ns
                ),
                key=distance_ns,
            )
            for own, queue in enumerate(self.queues)
        ]
        for stamps_ns in itertools.product(*candidates_ns):
            if max(stamps_ns) - min(stamps_ns) < slop_ns:
                return stamps_ns
        return None
