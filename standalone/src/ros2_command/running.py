# SPDX-License-Identifier: Apache-2.0
"""`ros2 run`: runs an executable of a package."""

import argparse
import shlex
import signal
import subprocess
import sys

from ros2_command.packages import find_executables


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `ros2 run` to the command line."""
    parser = commands.add_parser("run", help="Run a package specific executable")
    parser.add_argument(
        "--prefix",
        help="Prefix command, which should go before the executable. Command must be wrapped in "
        "quotes if it contains spaces (e.g. --prefix 'gdb -ex run --args').",
    )
    parser.add_argument("package_name", help="Name of the ROS package")
    parser.add_argument("executable_name", help="Name of the executable")
    parser.add_argument(
        "argv", nargs=argparse.REMAINDER, help="Pass arbitrary arguments to the executable"
    )
    parser.set_defaults(command=_run)


def _run(args: argparse.Namespace) -> int | str:
    paths = [
        path for path in find_executables(args.package_name) if path.name == args.executable_name
    ]
    if not paths:
        return "No executable found"
    if len(paths) > 1:
        raise RuntimeError("\n- ".join(["Multiple executables found:", *map(str, paths)]))
    process = subprocess.Popen([*shlex.split(args.prefix or ""), str(paths[0]), *args.argv])
    signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
    while process.returncode is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            # The terminal has sent it to the process as well, which ends in its own time.
            continue
    _report(process.returncode)
    return process.returncode


def _report(returncode: int) -> None:
    if -returncode in signal.valid_signals():
        sys.stdout.write(f"[ros2run]: {signal.strsignal(-returncode)}\n")
    elif returncode != 0:
        sys.stdout.write(f"[ros2run]: Process exited with failure {returncode}\n")
