# SPDX-License-Identifier: Apache-2.0
"""Settings: dataclass fields that carry their meaning and limits, checked wherever they enter."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from depthsplat_ros.errors import DepthSplatError


class SettingError(DepthSplatError):
    """A setting is outside its limits, or two settings contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a setting means and which values it may take; None means no limit."""

    description: str
    minimum: int | float | None = None
    maximum: int | float | None = None
    choices: tuple[str, ...] | None = None
    is_dynamic: bool = False
    """True if a running node may change it between two frames."""


def setting(
    default: Any,
    description: str,
    *,
    minimum: int | float | None = None,
    maximum: int | float | None = None,
    choices: tuple[str, ...] | None = None,
    is_dynamic: bool = False,
) -> Any:
    """A dataclass field with a default, a meaning and limits."""
    limits = Limits(
        description=description,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        is_dynamic=is_dynamic,
    )
    return dataclasses.field(default=default, metadata={"limits": limits})


def limits_of(field: "dataclasses.Field[Any]") -> Limits:
    """The limits a field was declared with."""
    return field.metadata["limits"]


def check_settings(config: Any) -> None:
    """Check every field of a settings dataclass against its limits.

    Raises:
        SettingError: naming the setting, the value and what is allowed.
    """
    for field in dataclasses.fields(config):
        check_setting(field.name, getattr(config, field.name), limits_of(field))


def check_setting(name: str, value: Any, limits: Limits) -> None:
    """Check one value against its limits.

    Raises:
        SettingError: naming the setting, the value and what is allowed.
    """
    if limits.choices is not None and value not in limits.choices:
        raise SettingError(f"{name} is {value!r}; it must be one of {', '.join(limits.choices)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingError(f"{name} is {value}; it must be a finite number")
    if limits.minimum is not None and value < limits.minimum:
        raise SettingError(f"{name} is {value}; it must be at least {limits.minimum:g}")
    if limits.maximum is not None and value > limits.maximum:
        raise SettingError(f"{name} is {value}; it must be at most {limits.maximum:g}")
