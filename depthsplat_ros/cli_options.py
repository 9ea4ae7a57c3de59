# SPDX-License-Identifier: Apache-2.0
"""Command line options made from settings dataclasses, so that a default is written once."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import typer

from depthsplat_ros.settings import Limits, limits_of

Config = TypeVar("Config")


def takes_settings(
    **groups: tuple[type, str],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take whole settings objects: each of their fields becomes an option.

    Args:
        groups: name of the command's argument to the dataclass it wants and the title under
            which `--help` lists the options.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [
            parameter
            for parameter in signature.parameters.values()
            if parameter.name not in groups
        ]
        generated = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[_option_type(field), _option(field, title)],
            )
            for config_type, title in groups.values()
            for field in dataclasses.fields(config_type)
        ]

        def run(**values: Any) -> None:
            configs = {
                name: config_type(
                    **{
                        field.name: values.pop(field.name)
                        for field in dataclasses.fields(config_type)
                    }
                )
                for name, (config_type, _) in groups.items()
            }
            command(**values, **configs)

        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        run.__name__ = command.__name__
        run.__doc__ = command.__doc__
        # typer reads the options from here.
        run.__signature__ = inspect.Signature([*parameters, *generated])  # type: ignore[attr-defined]
        return run

    return decorate


def _option_type(field: "dataclasses.Field[Any]") -> Any:
    limits = limits_of(field)
    return Literal[limits.choices] if limits.choices else type(field.default)


def _option(field: "dataclasses.Field[Any]", title: str) -> Any:
    limits = limits_of(field)
    takes_value = limits.choices is None and not isinstance(field.default, bool)
    # The dataclass checks the limits; typer would spend more columns on them than on the names.
    return typer.Option(
        help=f"{limits.description} {_describe_range(limits)}".strip(),
        metavar="N" if takes_value else None,
        rich_help_panel=title,
    )


def _describe_range(limits: Limits) -> str:
    if limits.minimum is None or limits.maximum is None:
        return ""
    return f"({limits.minimum:g} to {limits.maximum:g})"
