# SPDX-License-Identifier: Apache-2.0
"""Event handlers: what to do when something happens."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from launch.action import SomeEntitiesType, normalize_to_list_of_entities
from launch.events import Event, Shutdown
from launch.events.process import ProcessExited, ProcessStarted, RunningProcessEvent
from launch.launch_context import LaunchContext

if TYPE_CHECKING:
    from launch.actions.process import ExecuteProcess

__all__ = ["EventHandler", "OnProcessExit", "OnProcessStart", "OnShutdown"]

_Reaction = SomeEntitiesType | Callable[[Event, LaunchContext], SomeEntitiesType | None]


class EventHandler:
    """Visits entities when an event matches."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: _Reaction | None = None,
        handle_once: bool = False,
    ) -> None:
        """Hold the entities, or a function of event and context that returns them."""
        self._matcher = matcher
        self._react = entities if callable(entities) else None
        self.entities = [] if callable(entities) else normalize_to_list_of_entities(entities)
        self.handle_once = handle_once

    def matches(self, event: Event) -> bool:
        """Whether to handle the event."""
        return self._matcher(event)

    def describe(self) -> str:
        """Text for people."""
        return f"{type(self).__name__}(handle_once={self.handle_once})"

    def handle(self, event: Event, context: LaunchContext) -> list:
        """Entities to visit because of the event."""
        context.extend_locals({"event": event})
        if self.handle_once:
            context.unregister_event_handler(self)
        if self._react is None:
            return self.entities
        return normalize_to_list_of_entities(self._react(event, context))


class _OnProcessEvent(EventHandler):
    """Reacts to events of one process, of those that a function picks, or of all."""

    def __init__(
        self,
        event_type: type[RunningProcessEvent],
        target_action: "ExecuteProcess | Callable[[ExecuteProcess], bool] | None",
        reaction: _Reaction,
        handle_once: bool,
    ) -> None:
        def matches(event: Event) -> bool:
            if not isinstance(event, event_type):
                return False
            if target_action is None or event.action is target_action:
                return True
            return callable(target_action) and target_action(event.action)

        super().__init__(matcher=matches, entities=reaction, handle_once=handle_once)


class OnProcessStart(_OnProcessEvent):
    """Reacts when a process has started."""

    def __init__(
        self,
        *,
        target_action: "ExecuteProcess | Callable[[ExecuteProcess], bool] | None" = None,
        on_start: _Reaction,
        handle_once: bool = False,
    ) -> None:
        """Hold whose start to react to, and how."""
        super().__init__(ProcessStarted, target_action, on_start, handle_once)


class OnProcessExit(_OnProcessEvent):
    """Reacts when a process has ended."""

    def __init__(
        self,
        *,
        target_action: "ExecuteProcess | Callable[[ExecuteProcess], bool] | None" = None,
        on_exit: _Reaction,
        handle_once: bool = False,
    ) -> None:
        """Hold whose end to react to, and how."""
        super().__init__(ProcessExited, target_action, on_exit, handle_once)


class OnShutdown(EventHandler):
    """Reacts when the launch begins to shut down."""

    def __init__(self, *, on_shutdown: _Reaction, handle_once: bool = False) -> None:
        """Hold how to react."""
        super().__init__(
            matcher=lambda event: isinstance(event, Shutdown),
            entities=on_shutdown,
            handle_once=handle_once,
        )
