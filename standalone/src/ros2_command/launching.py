# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch`: runs a launch file, or shows what it would do."""

import argparse
import difflib
import os
import sys
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchDescription, LaunchIntrospector, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import get_launch_description_from_python_launch_file
from launch.logging import get_logger
from launch.substitution import describe_substitutions

# Configurations that the launch system itself reads; no launch file declares them.
_BUILT_IN_ARGUMENTS = ("emulate_tty", "launch-prefix", "sigkill_timeout", "sigterm_timeout")


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `ros2 launch` to the command line."""
    parser = commands.add_parser("launch", help="Run a launch file")
    parser.add_argument(
        "-n",
        "--noninteractive",
        default=not sys.stdin.isatty(),
        action="store_true",
        help="Run the launch system non-interactively, with no terminal associated",
    )
    parser.add_argument(
        "-d",
        "--debug",
        action="store_true",
        help="Put the launch system in debug mode, provides more verbose output.",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "-p",
        "--print",
        "--print-description",
        action="store_true",
        help="Print the launch description to the console without launching it.",
    )
    group.add_argument(
        "-s",
        "--show-args",
        "--show-arguments",
        action="store_true",
        help="Show arguments that may be given to the launch file.",
    )
    parser.add_argument(
        "-a",
        "--show-all-subprocesses-output",
        action="store_true",
        help="Show all launched subprocesses' output by overriding their output configuration "
        "using the OVERRIDE_LAUNCH_PROCESS_OUTPUT envvar.",
    )
    parser.add_argument(
        "--launch-prefix",
        help="Prefix command, which should go before all executables. Command must be wrapped in "
        "quotes if it contains spaces (e.g. --launch-prefix 'xterm -e gdb -ex run --args').",
    )
    parser.add_argument(
        "package_name", help="Name of the ROS package which contains the launch file"
    )
    parser.add_argument("launch_file_name", nargs="?", help="Name of the launch file")
    parser.add_argument(
        "launch_arguments",
        nargs="*",
        help="Arguments to the launch file; '<name>:=<value>' (for duplicates, last one wins)",
    )
    parser.set_defaults(command=_launch)


def _launch(args: argparse.Namespace) -> int | None:
    words = [word for word in (args.launch_file_name, *args.launch_arguments) if word is not None]
    if os.path.isfile(args.package_name):
        path = Path(args.package_name)
    else:
        path = _find_launch_file(args.package_name, args.launch_file_name)
        words = args.launch_arguments
    if args.print:
        description = get_launch_description_from_python_launch_file(path)
        sys.stdout.write(f"{LaunchIntrospector().format_launch_description(description)}\n")
        return None
    if args.show_args:
        _show_arguments(get_launch_description_from_python_launch_file(path))
        return None
    if args.launch_prefix is not None:
        words.append(f"launch-prefix:={args.launch_prefix}")
    if args.show_all_subprocesses_output:
        os.environ["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
    launch_arguments = _parse_launch_arguments(words)
    inclusion = IncludeLaunchDescription(str(path), launch_arguments=launch_arguments.items())
    service = LaunchService(argv=words, noninteractive=args.noninteractive, debug=args.debug)
    service.include_launch_description(LaunchDescription([inclusion]))
    _warn_of_unknown_arguments(LaunchDescription([inclusion]), launch_arguments, path)
    return service.run()


def _find_launch_file(package_name: str, file_name: str | None) -> Path:
    """Path of a launch file in the share folder of a package.

    Raises:
        RuntimeError: if there is none, or more than one of that name.
    """
    try:
        share = get_package_share_directory(package_name)
    except (PackageNotFoundError, ValueError) as error:
        # A KeyError's text is in quotes; its argument is not.
        raise RuntimeError(f"Package '{package_name}' not found: {error}") from error
    paths = [
        Path(parent, file_name)
        for parent, _, file_names in os.walk(share)
        if file_name in file_names
    ]
    if not paths:
        raise RuntimeError(
            f"file '{file_name}' was not found in the share directory of package "
            f"'{package_name}' which is at '{share}'"
        )
    if len(paths) > 1:
        listing = ", ".join(f"'{path}'" for path in paths)
        raise RuntimeError(
            f"file '{file_name}' was found more than once in the share directory of package "
            f"'{package_name}': [{listing}]"
        )
    return paths[0]


def _parse_launch_arguments(words: list[str]) -> dict[str, str]:
    """Values by name, from words like `name:=value`.

    Raises:
        RuntimeError: if a word is not of that form.
    """
    values = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not (name and separator and value):
            raise RuntimeError(
                f"malformed launch argument '{word}', expected format '<name>:=<value>'"
            )
        values[name] = value
    return values


def _show_arguments(description: LaunchDescription) -> None:
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    arguments = description.get_launch_arguments()
    for argument in arguments:
        star = "*" if argument._conditionally_included else ""
        lines += ["", f"    '{argument.name}':{star}", f"        {argument.description}"]
        if argument.default_value is not None:
            lines.append(f"        (default: {describe_substitutions(argument.default_value)})")
    if not arguments:
        lines += ["", "  No arguments."]
    elif any(argument._conditionally_included for argument in arguments):
        lines += ["", "* argument(s) which are only used if specific conditions occur"]
    sys.stdout.write("\n".join(lines) + "\n")


def _warn_of_unknown_arguments(
    description: LaunchDescription, launch_arguments: dict[str, str], path: Path
) -> None:
    known = [argument.name for argument in description.get_launch_arguments()]
    for name in launch_arguments:
        if name not in known and name not in _BUILT_IN_ARGUMENTS:
            alike = difflib.get_close_matches(name, known, n=1)
            get_logger("launch").warning(
                "launch argument '%s' is not declared by %s: %s",
                name,
                path.name,
                f"did you mean '{alike[0]}'?" if alike else "--show-args lists those that are",
            )
