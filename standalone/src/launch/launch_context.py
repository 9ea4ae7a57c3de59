# SPDX-License-Identifier: Apache-2.0
"""LaunchContext: what the entities of a launch share while it runs."""

import asyncio
import os
from collections import deque
from collections.abc import Coroutine, Iterable, MutableMapping
from typing import TYPE_CHECKING

from launch.substitution import Substitution

if TYPE_CHECKING:
    from launch.event_handlers import EventHandler
    from launch.events import Event, Shutdown


class Locals:
    """Read-only attributes for entities: the event in hand."""

    def __init__(self, values: dict[str, object]) -> None:
        """Hold the values."""
        self.__dict__.update(values)

    def __getattr__(self, key: str) -> object:
        """Refuse a name that is not among them."""
        raise AttributeError(
            f"context.locals does not contain attribute '{key}', "
            f"it contains: [{', '.join(self.__dict__)}]"
        )


class LaunchContext:
    """Configurations, environment, event queue and running tasks of one launch."""

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        """Start empty.

        Args:
            argv: the launch arguments as given on the command line.
            noninteractive: there is no terminal that sends Ctrl-C to the processes as well.
        """
        self.argv = list(argv or ())
        self.noninteractive = noninteractive
        self.launch_configurations: dict[str, str] = {}
        self.shutdown_event: Shutdown | None = None
        self.tasks: set[asyncio.Task] = set()
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._shutdown_begun = asyncio.Event()
        self._handlers: deque[EventHandler] = deque()
        self._locals: dict[str, object] = {}
        self._scopes: list[tuple[dict[str, str], dict[str, str]]] = []

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment of this process, which launched processes inherit."""
        return os.environ

    @property
    def is_shutdown(self) -> bool:
        """Whether the launch is being shut down."""
        return self.shutdown_event is not None

    @property
    def locals(self) -> Locals:
        """What is said to entities: `event`, the event that is being handled."""
        return Locals(self._locals)

    def extend_locals(self, extensions: dict[str, object]) -> None:
        """Tell the entities more."""
        self._locals.update(extensions)

    def perform_substitution(self, substitution: Substitution) -> str:
        """The text of a substitution."""
        return substitution.perform(self)

    def push_scope(self) -> None:
        """Remember configurations and environment, to come back to them with `pop_scope`."""
        self._scopes.append((self.launch_configurations.copy(), dict(os.environ)))

    def pop_scope(self) -> None:
        """Come back to the configurations and the environment remembered last."""
        self.launch_configurations, environment = self._scopes.pop()
        os.environ.clear()
        os.environ.update(environment)

    def register_event_handler(self, event_handler: "EventHandler") -> None:
        """Have events handled; the handler registered last comes first."""
        self._handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: "EventHandler") -> None:
        """Have a handler handle no more events."""
        self._handlers.remove(event_handler)

    def find_event_handlers(self, event: "Event") -> list["EventHandler"]:
        """Handlers that want to handle the event, in their order."""
        return [handler for handler in self._handlers if handler.matches(event)]

    def emit_event_sync(self, event: "Event") -> None:
        """Have the event handled after those that wait already."""
        self._events.append(event)
        self._news.set()

    def take_event(self) -> "Event | None":
        """The event that has waited longest, or None."""
        return self._events.popleft() if self._events else None

    @property
    def has_events(self) -> bool:
        """Whether events wait to be handled."""
        return bool(self._events)

    async def wait_for_news(self) -> None:
        """Return once an event was emitted or a task has ended, since the last return."""
        await self._news.wait()
        self._news.clear()

    def start_task(self, coroutine: Coroutine[object, object, None]) -> None:
        """Run a coroutine; the launch goes on until it has ended."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(lambda _: self._news.set())

    def begin_shutdown(self, event: "Shutdown") -> None:
        """Let the running processes know that they have to end."""
        self.shutdown_event = event
        self._shutdown_begun.set()

    async def wait_for_shutdown(self) -> None:
        """Return once the launch is being shut down."""
        await self._shutdown_begun.wait()
