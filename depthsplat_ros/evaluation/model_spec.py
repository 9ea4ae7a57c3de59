# SPDX-License-Identifier: Apache-2.0
"""What `--model` may say: a model, and settings in which it differs from the others."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.config import StreamingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One column of a report: `plane-sweep`, or `tiny:window_views=6,reference=middle`."""

    text: str
    """As it was written; the name of the column."""
    model: str
    settings: Mapping[str, Any]
    """Settings of the reconstruction that differ for this column."""

    def applied_to(self, config: StreamingConfig) -> StreamingConfig:
        """The settings all columns share, with this one's own.

        Raises:
            SettingError: if a value is outside its limits.
        """
        return dataclasses.replace(config, **self.settings)


def parse_specs(texts: Sequence[str]) -> list[ModelSpec]:
    """The columns in the order they were asked for.

    Raises:
        SettingError: if a setting does not exist or a value is of the wrong kind, or if one
            column is asked for twice.
    """
    specs = [parse_spec(text) for text in texts]
    for index, spec in enumerate(specs):
        if spec.text in [other.text for other in specs[:index]]:
            raise SettingError(f"model {spec.text!r} is given twice; name each column once")
    return specs


def parse_spec(text: str) -> ModelSpec:
    """A model with its own settings after a colon, `name=value`, separated by commas.

    Raises:
        SettingError: if a setting does not exist or a value is of the wrong kind.
    """
    model, colon, changes = text.rpartition(":")
    if not colon or "=" not in changes:
        return ModelSpec(text=text, model=text, settings={})
    if not model:
        raise SettingError(f"model {text!r} names no model before its settings")
    return ModelSpec(
        text=text,
        model=model,
        settings=dict(_parse_change(change, text) for change in changes.split(",")),
    )


def _parse_change(change: str, text: str) -> tuple[str, Any]:
    name, equals, value = (part.strip() for part in change.partition("="))
    defaults = {field.name: field.default for field in dataclasses.fields(StreamingConfig)}
    if not equals or name not in defaults:
        raise SettingError(
            f"{change!r} in model {text!r} is no setting: write name=value with one of "
            f"{', '.join(defaults)}"
        )
    kind = type(defaults[name])
    try:
        return name, kind(value)
    except ValueError:
        raise SettingError(
            f"{name} is {value!r} in model {text!r}; it must be a number ({kind.__name__})"
        ) from None
