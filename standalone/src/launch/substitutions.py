# SPDX-License-Identifier: Apache-2.0
"""The substitutions a launch file may use."""

import os
from collections.abc import Iterable

from launch.launch_context import LaunchContext
from launch.substitution import (
    SomeSubstitutionsType,
    Substitution,
    SubstitutionFailure,
    TextSubstitution,
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = [
    "EnvironmentVariable",
    "LaunchConfiguration",
    "PathJoinSubstitution",
    "SubstitutionFailure",
    "TextSubstitution",
]


class LaunchConfiguration(Substitution):
    """The value of a launch configuration, such as a declared argument."""

    def __init__(
        self, variable_name: SomeSubstitutionsType, *, default: SomeSubstitutionsType | None = None
    ) -> None:
        """Name it; `default` stands in where it is not set."""
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        self._default = None if default is None else _normalize_default(default)

    def describe(self) -> str:
        """Its name."""
        return f"LaunchConfig({describe_substitutions(self.variable_name)})"

    def perform(self, context: LaunchContext) -> str:
        """Its value.

        Raises:
            SubstitutionFailure: if it is not set and has no default.
        """
        name = perform_substitutions(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self._default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        return perform_substitutions(context, self._default)


class EnvironmentVariable(Substitution):
    """The value of an environment variable."""

    def __init__(
        self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None
    ) -> None:
        """Name it; `default_value` stands in where it is not set."""
        self.name = normalize_to_list_of_substitutions(name)
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )

    def describe(self) -> str:
        """Its name."""
        return f"EnvVar({describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        """Its value.

        Raises:
            SubstitutionFailure: if it is not set and has no default.
        """
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self.default_value)


class PathJoinSubstitution(Substitution):
    """A path from its parts."""

    def __init__(self, substitutions: Iterable[str | Substitution]) -> None:
        """Hold the parts."""
        self.substitutions = normalize_to_list_of_substitutions(substitutions)

    def describe(self) -> str:
        """The parts."""
        return f"PathJoin('{describe_substitutions(self.substitutions)}')"

    def perform(self, context: LaunchContext) -> str:
        """The path."""
        return os.path.join(*(part.perform(context) for part in self.substitutions))


def _normalize_default(default: object) -> list[Substitution]:
    """Defaults may be numbers and booleans too."""
    items = [default] if isinstance(default, str) or not isinstance(default, Iterable) else default
    return normalize_to_list_of_substitutions(
        item if isinstance(item, str | Substitution) else str(item) for item in items
    )
