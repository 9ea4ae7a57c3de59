# SPDX-License-Identifier: Apache-2.0
"""`ros2 pkg`, and where the executables of packages are."""

import argparse
import os
import sys
from pathlib import Path

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
    get_packages_with_prefixes,
)


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `ros2 pkg` to the command line."""
    parser = commands.add_parser("pkg", help="Various package related sub-commands")
    parser.set_defaults(command=lambda args: parser.print_help())
    verbs = parser.add_subparsers(
        title="Commands", metavar="Call `ros2 pkg <command> -h` for more detailed usage."
    )
    executables = verbs.add_parser(
        "executables", help="Output a list of package specific executables"
    )
    executables.add_argument("package_name", nargs="?", help="The package name")
    executables.add_argument(
        "--full-path", action="store_true", help="Show full path of each executable"
    )
    executables.set_defaults(command=_list_executables)
    packages = verbs.add_parser("list", help="Output a list of available packages")
    packages.set_defaults(command=_list_packages)
    prefix = verbs.add_parser("prefix", help="Output the prefix path of a package")
    prefix.add_argument("package_name", help="The package name")
    prefix.add_argument(
        "--share", action="store_true", help="Show share directory for the package"
    )
    prefix.set_defaults(command=_show_prefix)


def find_executables(package_name: str) -> list[Path]:
    """Paths of a package's executables.

    Raises:
        RuntimeError: if there is no such package.
    """
    try:
        folder = Path(get_package_prefix(package_name), "lib", package_name)
    except (PackageNotFoundError, ValueError) as error:
        raise RuntimeError(f"Package '{package_name}' not found") from error
    paths = []
    for parent, folder_names, file_names in os.walk(folder):
        folder_names[:] = sorted(name for name in folder_names if not name.startswith("."))
        candidates = (Path(parent, name) for name in sorted(file_names))
        paths += [path for path in candidates if os.access(path, os.X_OK)]
    return paths


def _list_executables(args: argparse.Namespace) -> None:
    names = [args.package_name] if args.package_name else get_packages_with_prefixes()
    for name in sorted(names):
        for path in sorted(find_executables(name)):
            sys.stdout.write(f"{path}\n" if args.full_path else f"{name} {path.name}\n")


def _list_packages(args: argparse.Namespace) -> None:
    for name in sorted(get_packages_with_prefixes()):
        sys.stdout.write(f"{name}\n")


def _show_prefix(args: argparse.Namespace) -> str | None:
    find = get_package_share_directory if args.share else get_package_prefix
    try:
        sys.stdout.write(f"{find(args.package_name)}\n")
    except (PackageNotFoundError, ValueError):
        return "Package not found"
    return None
