# SPDX-License-Identifier: Apache-2.0
"""Actions that hold other entities: groups, and included launch files."""

from collections.abc import Iterable, Mapping, Sequence

from launch.action import Action, LaunchDescriptionEntity
from launch.actions.arguments import SetLaunchConfiguration
from launch.actions.control import OpaqueFunction
from launch.conditions import Condition
from launch.launch_context import LaunchContext
from launch.launch_description_sources import (
    LaunchDescriptionSource,
    PythonLaunchDescriptionSource,
)
from launch.substitution import (
    SomeSubstitutionsType,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)


class GroupAction(Action):
    """Some actions with, unless `scoped` is False, configurations and environment of their own."""

    def __init__(
        self,
        actions: Iterable[Action],
        *,
        scoped: bool = True,
        launch_configurations: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        condition: Condition | None = None,
    ) -> None:
        """Hold the actions and the configurations to set first."""
        super().__init__(condition=condition)
        entities = [
            *(SetLaunchConfiguration(*item) for item in (launch_configurations or {}).items()),
            *actions,
        ]
        if scoped:
            entities = [
                OpaqueFunction(function=LaunchContext.push_scope),
                *entities,
                OpaqueFunction(function=LaunchContext.pop_scope),
            ]
        self._entities = entities

    def get_sub_entities(self) -> Sequence[LaunchDescriptionEntity]:
        """The actions."""
        return self._entities

    def execute(self, context: LaunchContext) -> Sequence[LaunchDescriptionEntity]:
        """Yield the actions."""
        return self._entities


class IncludeLaunchDescription(Action):
    """Includes another launch description, giving it arguments."""

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] = (),
        condition: Condition | None = None,
    ) -> None:
        """Hold the source (or the path of a Python launch file) and the arguments."""
        super().__init__(condition=condition)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = PythonLaunchDescriptionSource(launch_description_source)
        self.launch_description_source = launch_description_source
        self.launch_arguments = tuple(launch_arguments)

    @property
    def provided_argument_names(self) -> frozenset[str]:
        """Names of the arguments given, as far as known before running."""
        return frozenset(name for name, _ in self.launch_arguments if isinstance(name, str))

    def get_sub_entities(self) -> Sequence[LaunchDescriptionEntity]:
        """The description, if it can be loaded before running."""
        description = self.launch_description_source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> Sequence[LaunchDescriptionEntity]:
        """Yield the arguments and the description.

        Raises:
            RuntimeError: if an argument is missing that the description requires.
        """
        description = self.launch_description_source.get_launch_description(context)
        given_names = [
            perform_substitutions(context, normalize_to_list_of_substitutions(name))
            for name, _ in self.launch_arguments
        ]
        for argument, provided_names in description.find_launch_arguments():
            is_required = argument.default_value is None and not argument._conditionally_included
            if is_required and argument.name not in provided_names.union(given_names):
                raise RuntimeError(
                    f"Included launch description missing required argument '{argument.name}' "
                    f"(description: '{argument.description}'), given: [{', '.join(given_names)}]"
                )
        return [
            *(SetLaunchConfiguration(name, value) for name, value in self.launch_arguments),
            description,
        ]
