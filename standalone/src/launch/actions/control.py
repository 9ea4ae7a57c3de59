# SPDX-License-Identifier: Apache-2.0
"""Actions that do one small thing: call a function, say something, emit an event, ..."""

from collections.abc import Callable, Iterable, Sequence

from launch.action import Action, LaunchDescriptionEntity
from launch.conditions import Condition
from launch.event_handlers import EventHandler
from launch.events import Event
from launch.events import Shutdown as ShutdownEvent
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.logging import get_logger
from launch.substitution import (
    SomeSubstitutionsType,
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)


class OpaqueFunction(Action):
    """Calls a function of the context, which may return entities to visit."""

    def __init__(
        self,
        *,
        function: Callable[..., Sequence[LaunchDescriptionEntity] | None],
        args: Iterable[object] | None = None,
        kwargs: dict[str, object] | None = None,
        condition: Condition | None = None,
    ) -> None:
        """Hold the function and its further arguments."""
        super().__init__(condition=condition)
        if not callable(function):
            raise TypeError(
                f"OpaqueFunction expected a callable for 'function', got '{type(function)}'"
            )
        self._function = function
        self._args = tuple(args or ())
        self._kwargs = dict(kwargs or {})

    def execute(self, context: LaunchContext) -> Sequence[LaunchDescriptionEntity] | None:
        """Call it."""
        return self._function(context, *self._args, **self._kwargs)


class LogInfo(Action):
    """Says something."""

    def __init__(self, *, msg: SomeSubstitutionsType, condition: Condition | None = None) -> None:
        """Hold the message."""
        super().__init__(condition=condition)
        self.msg = normalize_to_list_of_substitutions(msg)

    def describe(self) -> str:
        """The message."""
        return f"LogInfo({describe_substitutions(self.msg)})"

    def execute(self, context: LaunchContext) -> None:
        """Say it."""
        get_logger("launch.user").info("%s", perform_substitutions(context, self.msg))


class SetEnvironmentVariable(Action):
    """Sets an environment variable for the processes that are launched afterwards."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        *,
        condition: Condition | None = None,
    ) -> None:
        """Hold its name and value."""
        super().__init__(condition=condition)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name = perform_substitutions(context, self.name)
        context.environment[name] = perform_substitutions(context, self.value)


class EmitEvent(Action):
    """Emits an event."""

    def __init__(self, *, event: Event, condition: Condition | None = None) -> None:
        """Hold the event."""
        super().__init__(condition=condition)
        if not isinstance(event, Event):
            raise RuntimeError(f"EmitEvent() expected an event instance, got '{event}'.")
        self.event = event

    def describe(self) -> str:
        """The event's name."""
        return f"EmitEvent(event='{self.event.name}')"

    def execute(self, context: LaunchContext) -> None:
        """Emit it."""
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Shuts the launch down."""

    def __init__(
        self, *, reason: str = "reason not given", condition: Condition | None = None
    ) -> None:
        """Hold the reason."""
        super().__init__(event=ShutdownEvent(reason=reason), condition=condition)

    def execute(self, context: LaunchContext) -> None:
        """Ask for the shutdown."""
        event = getattr(context.locals, "event", None)
        if isinstance(event, ProcessExited):
            get_logger("launch").info(
                "process[%s] was required: shutting down launched system", event.process_name
            )
        super().execute(context)


class RegisterEventHandler(Action):
    """Has events handled from now on."""

    def __init__(self, event_handler: EventHandler, *, condition: Condition | None = None) -> None:
        """Hold the handler."""
        super().__init__(condition=condition)
        self.event_handler = event_handler

    def describe(self) -> str:
        """The handler."""
        return f"RegisterEventHandler('{self.event_handler.describe()}'):"

    def describe_conditional_sub_entities(self) -> Sequence[LaunchDescriptionEntity]:
        """Entities that the handler visits."""
        return self.event_handler.entities

    def execute(self, context: LaunchContext) -> None:
        """Register it."""
        context.register_event_handler(self.event_handler)
