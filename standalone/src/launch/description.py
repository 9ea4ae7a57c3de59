# SPDX-License-Identifier: Apache-2.0
"""LaunchDescription: a list of entities, and the arguments that are declared in it."""

from collections.abc import Iterable, Iterator, Sequence

from launch.action import Action, LaunchDescriptionEntity
from launch.actions.arguments import DeclareLaunchArgument
from launch.launch_context import LaunchContext


class LaunchDescription(LaunchDescriptionEntity):
    """What to launch."""

    def __init__(self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None) -> None:
        """Start with these entities."""
        self.entities = list(initial_entities or ())

    def add_action(self, action: Action) -> None:
        """Append an action."""
        self.entities.append(action)

    def describe_sub_entities(self) -> Sequence[LaunchDescriptionEntity]:
        """All entities."""
        return self.entities

    def visit(self, context: LaunchContext) -> Sequence[LaunchDescriptionEntity]:
        """Yield all entities."""
        return self.entities

    def get_launch_arguments(
        self, conditional_inclusion: bool = False
    ) -> list[DeclareLaunchArgument]:
        """Declared arguments, also those of included files that can be found before running.

        Each name comes once, as declared first. `_conditionally_included` of an argument says
        whether it is declared only under some condition.
        """
        return [argument for argument, _ in self.find_launch_arguments(conditional_inclusion)]

    def find_launch_arguments(
        self, conditional_inclusion: bool = False
    ) -> list[tuple[DeclareLaunchArgument, frozenset[str]]]:
        """As `get_launch_arguments`, each with the names that the includes on its way provide."""
        found = {}
        for argument, provided_names, is_conditional in _walk(
            self.entities, frozenset(), conditional_inclusion
        ):
            if argument.name not in found:
                argument._conditionally_included = is_conditional
                found[argument.name] = (argument, provided_names)
        return list(found.values())


def _walk(
    entities: Iterable[LaunchDescriptionEntity],
    provided_names: frozenset[str],
    is_conditional: bool,
) -> Iterator[tuple[DeclareLaunchArgument, frozenset[str], bool]]:
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            yield entity, provided_names, is_conditional or entity.condition is not None
        names = provided_names | getattr(entity, "provided_argument_names", frozenset())
        yield from _walk(entity.describe_sub_entities(), names, is_conditional)
        yield from _walk(entity.describe_conditional_sub_entities(), names, True)
