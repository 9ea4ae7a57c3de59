# SPDX-License-Identifier: Apache-2.0
"""Actions that set launch configurations: declared arguments, and others."""

from launch.action import Action
from launch.conditions import Condition
from launch.launch_context import LaunchContext
from launch.logging import get_logger
from launch.substitution import (
    SomeSubstitutionsType,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)


class DeclareLaunchArgument(Action):
    """Declares a launch argument; one without a default value is required."""

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: list[str] | None = None,
        condition: Condition | None = None,
    ) -> None:
        """Hold the declaration.

        Raises:
            RuntimeError: if there are no choices, or a plain default value is not among them.
        """
        super().__init__(condition=condition)
        self.name = name
        self.choices = choices
        self.description = _describe(description, choices)
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        self._conditionally_included = False
        if choices is not None and not choices:
            raise _log_error("Provided choices arg is empty. Use None to ignore the choice list.")
        if choices is not None and isinstance(default_value, str) and default_value not in choices:
            raise _log_error(
                f'Provided default_value "{default_value}" is not in provided choices "{choices}".'
            )

    def execute(self, context: LaunchContext) -> None:
        """Set the default value if no value was given, and check the value.

        Raises:
            RuntimeError: if there is no value, or it is not one of the choices.
        """
        if self.name not in context.launch_configurations:
            if self.default_value is None:
                get_logger("launch.actions.declare_launch_argument").error(
                    'Required launch argument "%s" (description: "%s") was not provided',
                    self.name,
                    self.description,
                )
                raise RuntimeError(f'Required launch argument "{self.name}" was not provided.')
            context.launch_configurations[self.name] = perform_substitutions(
                context, self.default_value
            )
        value = context.launch_configurations[self.name]
        if self.choices is not None and value not in self.choices:
            raise _log_error(
                f'Argument "{self.name}" provided value "{value}" is not valid. '
                f"Valid options are: {self.choices}"
            )


class SetLaunchConfiguration(Action):
    """Sets a launch configuration."""

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
        context.launch_configurations[name] = perform_substitutions(context, self.value)


def _describe(description: str | None, choices: list[str] | None) -> str:
    if description is None:
        return "no description given" if choices is None else f"One of: {choices}"
    if choices is None:
        return description
    full_stop = "" if description.endswith(".") else "."
    return f"{description}{full_stop} Valid choices are: {choices}"


def _log_error(text: str) -> RuntimeError:
    get_logger("launch.actions.declare_launch_argument").error(text)
    return RuntimeError(text)
