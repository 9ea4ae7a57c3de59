# SPDX-License-Identifier: Apache-2.0
"""A newest-wins slot between the executor's thread and the one inference thread."""

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds at most one item; a newer one takes its place."""

    def __init__(self) -> None:
        """Start empty and open."""
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._is_closed = False

    def put(self, item: Item) -> Item | None:
        """Leave an item; returns the one it displaced, if nobody had taken it yet."""
        with self._condition:
            displaced, self._item = self._item, item
            self._condition.notify()
            return displaced

    def take(self) -> Item | None:
        """Wait for an item and take it; None once the mailbox is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._is_closed)
            if self._is_closed:
                return None
            item, self._item = self._item, None
            return item

    def clear(self) -> Item | None:
        """Empty the slot; returns what was in it."""
        with self._condition:
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake the taker for good; what is inside is dropped."""
        with self._condition:
            self._is_closed = True
            self._item = None
            self._condition.notify_all()
