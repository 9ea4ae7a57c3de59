# SPDX-License-Identifier: Apache-2.0
"""Node parameters whose values are known only when the launch runs."""

import os
from pathlib import Path

import yaml
from launch.launch_context import LaunchContext
from launch.substitution import (
    SomeSubstitutionsType,
    Substitution,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = ["ParameterFile", "ParameterValue"]

ScalarValue = bool | int | float | str
EvaluatedValue = ScalarValue | list[bool] | list[int] | list[float] | list[str]


class ParameterValue:
    """A parameter's value with its type."""

    def __init__(
        self, value: ScalarValue | SomeSubstitutionsType, *, value_type: type | None = None
    ) -> None:
        """Hold both.

        Args:
            value: the value, or substitutions for it.
            value_type: bool, int, float or str; None lets the rules of YAML decide.
        """
        self.value = value
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> EvaluatedValue:
        """The value.

        Raises:
            ValueError: if it is not of the type.
        """
        value = self.value
        if not isinstance(value, bool | int | float | str):
            value = perform_substitutions(context, normalize_to_list_of_substitutions(value))
        if self.value_type is str:
            return str(value)
        parsed = parse_yaml_value("value", value) if isinstance(value, str) else value
        if self.value_type is float and type(parsed) is int:
            return float(parsed)
        if self.value_type is not None and type(parsed) is not self.value_type:
            raise ValueError(f"Cannot convert value '{value}' to '{self.value_type}'")
        return parsed


class ParameterFile:
    """A YAML file with parameters."""

    def __init__(self, param_file: str | os.PathLike | SomeSubstitutionsType) -> None:
        """Hold its path."""
        self._param_file = param_file

    def evaluate(self, context: LaunchContext) -> Path:
        """Its path."""
        if isinstance(self._param_file, os.PathLike):
            return Path(self._param_file)
        return Path(
            perform_substitutions(context, normalize_to_list_of_substitutions(self._param_file))
        )


def evaluate_parameter(context: LaunchContext, name: str, value: object) -> EvaluatedValue:
    """The value of a parameter as launch files may write it.

    Raises:
        TypeError: if it cannot be a parameter's value.
    """
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and not any(isinstance(v, Substitution) for v in value):
        values = [evaluate_parameter(context, name, item) for item in value]
        if {type(item) for item in values} == {int, float}:
            values = [float(item) for item in values]
        return _check_is_uniform(name, values)
    text = perform_substitutions(context, normalize_to_list_of_substitutions(value))
    return parse_yaml_value(name, text)


def parse_yaml_value(name: str, text: str) -> EvaluatedValue:
    """What the text of the parameter `name` means in YAML.

    Raises:
        TypeError: if it is not YAML, or means something that no parameter can be.
    """
    remedy = (
        "If the parameter is meant to be a string, try wrapping it in "
        "launch_ros.parameter_descriptions.ParameterValue(value, value_type=str)"
    )
    try:
        value = yaml.safe_load(text) if text else ""
    except yaml.YAMLError as error:
        raise TypeError(
            f"Unable to parse the value of parameter {name} as yaml. {remedy}"
        ) from error
    if isinstance(value, list):
        return _check_is_uniform(name, value)
    if not isinstance(value, bool | int | float | str):
        raise TypeError(
            "Allowed value types are bytes, bool, int, float, str, Sequence[bool], Sequence[int], "
            f'Sequence[float], Sequence[str]. Got {type(value)} for "{name}". {remedy}'
        )
    return value


def _check_is_uniform(name: str, values: list) -> list:
    types = {type(value) for value in values}
    if len(types) != 1 or not types <= {bool, int, float, str}:
        raise TypeError(
            "Expected a non-empty sequence, with items of uniform type. "
            "Allowed sequence item types are bool, int, float, str. "
            f'Got inconsistent input for "{name}"'
        )
    return values
