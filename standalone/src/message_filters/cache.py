# SPDX-License-Identifier: Apache-2.0
"""A filter that remembers the last messages."""

from typing import Any

import rclpy.logging
from rclpy.clock import ROSClock
from rclpy.time import Time

from message_filters.message_traits import TimeGetter, get_time_from_message_header
from message_filters.simple_filter import SimpleFilter


class Cache(SimpleFilter):
    """The last messages with their times, in the order of arrival; passes every message on.

    Queries compare times of one clock only: those read from message headers are ROS time.
    """

    def __init__(
        self,
        f: SimpleFilter,
        cache_size: int = 1,
        allow_headerless: bool = False,
        time_getter: TimeGetter = get_time_from_message_header,
    ) -> None:
        """Start empty, connected to `f`.

        Args:
            f: filter whose output to remember.
            cache_size: how many messages.
            allow_headerless: take the time of arrival for messages without a stamp; else they are
                dropped.
            time_getter: finds the time of a message.
        """
        super().__init__()
        self.cache_size = cache_size
        self.cache_msgs: list[Any] = []
        self.cache_times: list[Time] = []
        self.allow_headerless = allow_headerless
        self.time_getter = time_getter
        self.connectInput(f)

    def connectInput(self, f: SimpleFilter) -> None:
        """Remember the output of `f` too."""
        self.incoming_connection = f.registerCallback(self.add)

    def add(self, msg: Any) -> None:
        """Remember a message, forget the oldest if full, and pass it on."""
        stamp = self.time_getter(msg)
        if stamp is None:
            if not self.allow_headerless:
                warn_of_headerless("message_filters_cache")
                return
            stamp = ROSClock().now()
        self.cache_times.append(stamp)
        self.cache_msgs.append(msg)
        if len(self.cache_msgs) > self.cache_size:
            del self.cache_msgs[0]
            del self.cache_times[0]
        self.signalMessage(msg)

    def getInterval(self, from_stamp: Time, to_stamp: Time) -> list[Any]:
        """Messages of a closed interval of time."""
        assert from_stamp <= to_stamp
        return [msg for msg, stamp in self._entries() if from_stamp <= stamp <= to_stamp]

    def getElemAfterTime(self, stamp: Time) -> Any | None:
        """First message that arrived of those at or after a time."""
        return next((msg for msg, time in self._entries() if time >= stamp), None)

    def getElemBeforeTime(self, stamp: Time) -> Any | None:
        """Last message that arrived of those at or before a time."""
        return next((msg for msg, time in reversed(self._entries()) if time <= stamp), None)

    def getLatestTime(self) -> Time | None:
        """Time of the message that arrived last."""
        return self.cache_times[-1] if self.cache_times else None

    getLastestTime = getLatestTime  # its name up to version 6

    def getOldestTime(self) -> Time | None:
        """Time of the message that arrived first."""
        return self.cache_times[0] if self.cache_times else None

    def getLast(self) -> Any | None:
        """First message that is as new as the one that arrived last."""
        latest = self.getLatestTime()
        return None if latest is None else self.getElemAfterTime(latest)

    def _entries(self) -> list[tuple[Any, Time]]:
        return list(zip(self.cache_msgs, self.cache_times, strict=True))


def warn_of_headerless(logger_name: str) -> None:
    """Say, at most every five seconds, that messages without a stamp are dropped."""
    rclpy.logging.get_logger(logger_name).warning(
        "can not use messages without timestamp information when 'allow_headerless' is disabled; "
        "enable the constructor's option to take their time of arrival",
        throttle_duration_sec=5.0,
    )
