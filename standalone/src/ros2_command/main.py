# SPDX-License-Identifier: Apache-2.0
"""Entry of the `ros2` command: parses the command line and calls the command."""

import argparse
import signal
import sys

from ros2_command import launching, packages, running


def main(argv: list[str] | None = None) -> int | str | None:
    """Run the command; returns what to hand to `sys.exit`: a code, or the text of an error."""
    parser = argparse.ArgumentParser(
        prog="ros2",
        description="ros2 is an extensible command-line tool for ROS 2. "
        "This is a stand-in that knows only the commands below.",
    )
    commands = parser.add_subparsers(
        title="Commands", metavar="Call `ros2 <command> -h` for more detailed usage."
    )
    for module in (launching, packages, running):
        module.add_command(commands)
    args = parser.parse_args(argv)
    # A launch is often read through a pipe; its lines are wanted as they come.
    sys.stdout.reconfigure(line_buffering=True)
    if not hasattr(args, "command"):
        parser.print_help()
        return 0
    try:
        return args.command(args)
    except KeyboardInterrupt:
        return int(signal.SIGINT)
    except RuntimeError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
