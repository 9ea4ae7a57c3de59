# SPDX-License-Identifier: Apache-2.0
"""The base of all filters: something that has output and calls those who want it."""

from collections.abc import Callable
from itertools import count
from typing import Any


class SimpleFilter:
    """Functions to call with each message, in the order they were registered."""

    def __init__(self) -> None:
        """Start with nobody connected."""
        self.callbacks: dict[int, tuple[Callable, tuple]] = {}
        self._connections = count()

    def registerCallback(self, cb: Callable, *args: Any) -> int:
        """Call `cb(*messages, *args)` for every output.

        Returns:
            Number of the connection, for `unregisterCallback`.
        """
        connection = next(self._connections)
        self.callbacks[connection] = (cb, args)
        return connection

    def unregisterCallback(self, conn: int) -> None:
        """Cut a connection; nothing happens if there is none of that number."""
        self.callbacks.pop(conn, None)

    def signalMessage(self, *msg: Any) -> None:
        """Hand an output to everybody connected."""
        for callback, args in list(self.callbacks.values()):
            callback(*msg, *args)
