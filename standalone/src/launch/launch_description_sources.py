# SPDX-License-Identifier: Apache-2.0
"""Where a launch description comes from: made in place, or from a Python launch file."""

import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from launch.description import LaunchDescription
from launch.launch_context import LaunchContext
from launch.logging import get_logger
from launch.substitution import (
    SomeSubstitutionsType,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = [
    "InvalidPythonLaunchFileError",
    "LaunchDescriptionSource",
    "PythonLaunchDescriptionSource",
    "get_launch_description_from_python_launch_file",
]


class InvalidPythonLaunchFileError(Exception):
    """A Python launch file lacks `generate_launch_description()`."""


class LaunchDescriptionSource:
    """A launch description, or the place to load it from."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "<string>",
    ) -> None:
        """Hold the description, or None and its location."""
        self._launch_description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._expanded_location: str | None = None

    @property
    def location(self) -> str:
        """The location; a description of it before it is known."""
        if self._expanded_location is None:
            return " + ".join(str(substitution) for substitution in self._location)
        return self._expanded_location

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """The description, loaded if need be."""
        if self._expanded_location is None:
            self._expanded_location = perform_substitutions(context, self._location)
        if self._launch_description is None:
            self._launch_description = self._load(self._expanded_location)
        return self._launch_description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """The description, or None if it cannot be loaded before the launch runs."""
        try:
            return self.get_launch_description(LaunchContext())
        except Exception as error:  # noqa: BLE001 - launch files may raise anything
            get_logger("launch").debug("cannot look into %s yet: %s", self.location, error)
            self._expanded_location = None
            return None

    def _load(self, location: str) -> LaunchDescription:
        raise RuntimeError(f"a launch description without content: {location}")


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python launch file."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        """Hold the file's path."""
        super().__init__(None, launch_file_path)

    def _load(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


def get_launch_description_from_python_launch_file(
    python_launch_file_path: str,
) -> LaunchDescription:
    """What the file's `generate_launch_description()` returns.

    Raises:
        InvalidPythonLaunchFileError: if the file has no such function.
        FileNotFoundError: if there is no such file.
    """
    loader = SourceFileLoader("python_launch_file", os.fspath(python_launch_file_path))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    if not hasattr(module, "generate_launch_description"):
        raise InvalidPythonLaunchFileError(
            f"launch file at '{python_launch_file_path}' does not contain the required function "
            "'generate_launch_description()'"
        )
    return module.generate_launch_description()
