# SPDX-License-Identifier: Apache-2.0
"""Filters one after the other, as one filter."""

from typing import Any

from message_filters.simple_filter import SimpleFilter


class Chain(SimpleFilter):
    """Feeds the first of its filters; the output of the last is its own."""

    def __init__(self, message_filter: SimpleFilter | None = None) -> None:
        """Start as an empty chain, which passes everything on.

        Args:
            message_filter: filter to connect to.
        """
        super().__init__()
        self.incoming_connection: int | None = None
        # Each filter with its connection to the next, or to the output of the chain.
        self._links: list[tuple[SimpleFilter, int]] = []
        if message_filter is not None:
            self.connectInput(message_filter)

    def connectInput(self, message_filter: SimpleFilter) -> None:
        """Feed the chain from a filter.

        Raises:
            RuntimeError: if it is connected already.
        """
        if self.incoming_connection is not None:
            raise RuntimeError("Already connected")
        self.incoming_connection = message_filter.registerCallback(self.add)

    def add(self, message: Any) -> None:
        """Put a message in at the front."""
        if self._links:
            self._links[0][0].add(message)
        else:
            self.signalMessage(message)

    def addFilter(self, message_filter: SimpleFilter) -> None:
        """Append a filter."""
        if self._links:
            last, connection = self._links[-1]
            last.unregisterCallback(connection)
            self._links[-1] = (last, last.registerCallback(message_filter.add))
        connection = message_filter.registerCallback(self.signalMessage)
        self._links.append((message_filter, connection))

    def getFilter(self, index: int) -> SimpleFilter:
        """A filter of the chain.

        Raises:
            KeyError: if there is none of that index.
        """
        if not 0 <= index < len(self._links):
            raise KeyError(index)
        return self._links[index][0]
