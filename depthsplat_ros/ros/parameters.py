# SPDX-License-Identifier: Apache-2.0
"""Settings dataclasses as ROS parameters: declared from them, read back, validated whole."""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from depthsplat_ros.settings import Limits, SettingError, limits_of

Config = TypeVar("Config")


def declare_settings(node: Node, config_type: type[Config]) -> Config:
    """Declare every setting of a dataclass as a parameter and return the values given at start.

    Raises:
        SettingError: if a given value has the wrong type or is outside its limits.
    """
    values = {}
    for field in dataclasses.fields(config_type):
        descriptor = describe(field.name, field.default, limits_of(field))
        try:
            values[field.name] = node.declare_parameter(
                field.name, field.default, descriptor
            ).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise SettingError(f"parameter {field.name}: {error}") from error
    return config_type(**values)


def describe(name: str, default: Any, limits: Limits) -> ParameterDescriptor:
    """What `ros2 param describe` shows for a setting."""
    descriptor = ParameterDescriptor(
        name=name, description=limits.description, read_only=not limits.is_dynamic
    )
    if limits.choices is not None:
        descriptor.additional_constraints = "one of: " + ", ".join(limits.choices)
    if limits.minimum is not None and limits.maximum is not None:
        if isinstance(default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(
                    from_value=float(limits.minimum), to_value=float(limits.maximum)
                )
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(limits.minimum), to_value=int(limits.maximum), step=1)
            ]
    return descriptor


def updated(config: Config, parameters: Iterable[Parameter]) -> Config:
    """The settings with those of the parameters that belong to them.

    Raises:
        SettingError: if the result contradicts itself; nothing is half applied.
    """
    names = {field.name for field in dataclasses.fields(config)}
    changes = {
        parameter.name: parameter.value for parameter in parameters if parameter.name in names
    }
    return dataclasses.replace(config, **changes)
