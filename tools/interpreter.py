# SPDX-License-Identifier: Apache-2.0
"""What a Python interpreter on this machine has to offer, asked of the interpreter itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST, NEWEST = (3, 10), (3, 13)  # there are ROS 2 wheels for these
VERSIONED = tuple(f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1))

# Run by the candidate. In a virtual environment the interpreter below it answers for itself.
_PROBE = """
import importlib.util, json, os, subprocess, sys, sysconfig
base = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
base = base if os.path.exists(base) else os.path.realpath(sys.executable)
if sys.prefix != sys.base_prefix:
    if base == sys.executable:
        sys.exit("the interpreter below this virtual environment is gone")
    sys.exit(subprocess.call([base, "-c", sys.orig_argv[2], *sys.argv[1:]]))
ros = "--ros" in sys.argv
def version_of(name):
    try:
        return __import__(name).__version__
    except Exception:
        return None
def failure_of(name):
    try:
        __import__(name)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""
print(json.dumps({
    "executable": base,
    "version": list(sys.version_info[:3]),
    "is_cpython": sys.implementation.name == "cpython",
    "has_venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
    "has_headers": os.path.isfile(os.path.join(sysconfig.get_paths()["include"], "Python.h")),
    "rclpy_failure": failure_of("rclpy") if ros else "",
    "has_cv2": ros and not failure_of("cv2"),
    "numpy_version": version_of("numpy") if ros else None,
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """One Python, below any virtual environment.

    The last three fields are found out only where a ROS 2 is sourced.
    """

    executable: str
    version: tuple[int, int, int]
    is_cpython: bool
    has_venv: bool
    has_headers: bool
    rclpy_failure: str  # why rclpy cannot be imported; empty where it can
    has_cv2: bool
    numpy_version: str | None

    @property
    def name(self) -> str:
        """For messages: version and place."""
        return f"Python {'.'.join(map(str, self.version))} ({self.executable})"

    def is_supported(self, ros: bool) -> bool:
        """Whether the package runs on it; a sourced ROS 2 sets the upper end itself."""
        newest = self.version[:2] if ros else NEWEST
        return self.is_cpython and OLDEST <= self.version[:2] <= newest


def probe(command: str, ros: bool) -> Interpreter | None:
    """The interpreter that a command starts; None where the command does not run."""
    path = shutil.which(command)
    if path is None:
        return None
    arguments = [path, "-c", _PROBE] + (["--ros"] if ros else [])
    answer = subprocess.run(arguments, capture_output=True, text=True)
    if answer.returncode != 0:
        return None  # a shim of a version manager without that version, or a broken installation
    fields = json.loads(answer.stdout)
    return Interpreter(**{**fields, "version": tuple(fields["version"])})


def choose(commands: list[str], ros: bool) -> Interpreter | None:
    """The first candidate that can do everything, else the first that comes close.

    The checks of `machine.py` then say what that one lacks.
    """
    found = [interpreter for command in commands if (interpreter := probe(command, ros))]
    supported = [interpreter for interpreter in found if interpreter.is_supported(ros)]
    if ros:
        supported = [one for one in supported if not one.rclpy_failure] or supported
    complete = [one for one in supported if one.has_venv and one.has_headers]
    return next(iter(complete + supported + found), None)


def candidates(environment: Path) -> list[str]:
    """Commands to try: only $PYTHON where set; else the one in use, then the newest first."""
    if wanted := os.environ.get("PYTHON"):
        return [wanted]
    return [str(environment / "bin" / "python"), *VERSIONED, "python3", "/usr/bin/python3"]
