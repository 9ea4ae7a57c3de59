# SPDX-License-Identifier: Apache-2.0
"""Substitutions that look packages up in the ament index."""

import os
import shutil

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch.launch_context import LaunchContext
from launch.substitution import (
    SomeSubstitutionsType,
    Substitution,
    SubstitutionFailure,
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = ["ExecutableInPackage", "FindPackagePrefix", "FindPackageShare"]


class _FindPackage(Substitution):
    """A folder of a package."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        """Hold the package's name."""
        self.package = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        """The package's name."""
        return f"{type(self).__name__}(pkg={describe_substitutions(self.package)})"

    def perform(self, context: LaunchContext) -> str:
        """The folder.

        Raises:
            PackageNotFoundError: if the ament index does not know the package.
        """
        return self.find(perform_substitutions(context, self.package))

    def find(self, package_name: str) -> str:
        """The folder."""
        raise NotImplementedError


class FindPackagePrefix(_FindPackage):
    """The prefix that a package is installed in."""

    def find(self, package_name: str) -> str:
        """The prefix."""
        return get_package_prefix(package_name)


class FindPackageShare(_FindPackage):
    """The share folder of a package."""

    def find(self, package_name: str) -> str:
        """The share folder."""
        return get_package_share_directory(package_name)


class ExecutableInPackage(FindPackagePrefix):
    """The path of a package's executable."""

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        """Hold the names of both."""
        super().__init__(package)
        self.executable = normalize_to_list_of_substitutions(executable)

    def describe(self) -> str:
        """The names of both."""
        package, executable = (
            describe_substitutions(subs) for subs in (self.package, self.executable)
        )
        return f"ExecInPkg(pkg={package}, exec={executable})"

    def perform(self, context: LaunchContext) -> str:
        """The path.

        Raises:
            SubstitutionFailure: if the package has no such executable.
        """
        prefix = super().perform(context)
        package = perform_substitutions(context, self.package)
        executable = perform_substitutions(context, self.executable)
        folder = os.path.join(prefix, "lib", package)
        if not os.path.exists(folder):
            raise SubstitutionFailure(
                f"package '{package}' found at '{prefix}', "
                f"but libexec directory '{folder}' does not exist"
            )
        path = shutil.which(executable, path=folder)
        if path is None:
            raise SubstitutionFailure(
                f"executable '{executable}' not found on the libexec directory '{folder}' "
            )
        return path
