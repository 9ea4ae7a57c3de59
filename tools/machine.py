# SPDX-License-Identifier: Apache-2.0
"""What a machine must have before anything is downloaded, and how to install what it lacks."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from interpreter import NEWEST, OLDEST, Interpreter

OLDEST_CMAKE = (3, 20)
OLDEST_GLIBC = (2, 28)  # the ROS 2 wheels are manylinux_2_28


class MachineError(Exception):
    """The machine cannot hold the environment; the text says why and what to do."""


@dataclass(frozen=True)
class SourcedRos:
    """A ROS 2 installation whose setup file this shell has sourced."""

    prefix: Path  # where rclpy is
    distribution: str
    prefixes: tuple[Path, ...]  # the installation and its overlays


def find_sourced_ros(environ: Mapping[str, str], root: Path) -> SourcedRos | None:
    """The sourced installation; virtual environments, this checkout's or others, do not count."""
    prefixes = tuple(
        Path(entry)
        for entry in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
        if entry and root not in Path(entry).parents and not (Path(entry) / "pyvenv.cfg").is_file()
    )
    for prefix in prefixes:
        if (prefix / "share" / "rclpy" / "package.xml").is_file():
            return SourcedRos(prefix, environ.get("ROS_DISTRO", "DISTRO"), prefixes)
    return None


def missing_ros_packages(ros: SourcedRos, package_xml: Path) -> list[str]:
    """ROS packages that package.xml names and the sourced installation lacks."""
    tags = ("buildtool_depend", "depend", "exec_depend", "test_depend")
    names = {element.text for tag in tags for element in ElementTree.parse(package_xml).iter(tag)}
    return sorted(
        name
        for name in names
        if not name.startswith("python3-")
        and not any((prefix / "share" / name / "package.xml").is_file() for prefix in ros.prefixes)
    )


def check_machine(
    interpreter: Interpreter | None, ros: SourcedRos | None, package_xml: Path
) -> None:
    """Return when the environment can be made with this interpreter.

    Raises:
        MachineError: naming everything that is missing, with one command that installs it.
    """
    if interpreter is None or not interpreter.is_supported(ros=ros is not None):
        _refuse_python(interpreter)
    if ros is None:
        _check_wheels_fit()
    elif interpreter.rclpy_failure:
        raise MachineError(
            f"the ROS 2 {ros.distribution} of {ros.prefix} is sourced, but {interpreter.name} "
            f"cannot import its rclpy ({interpreter.rclpy_failure}). Name the Python that it was "
            "built for, usually\n"
            "  PYTHON=/usr/bin/python3 make env"
        )
    missing: dict[str, str] = {}  # Debian package -> what it is for
    version = ".".join(map(str, interpreter.version[:2]))
    if not interpreter.has_venv:
        missing[f"python{version}-venv"] = f"the venv module of {interpreter.name}"
    if not interpreter.has_headers:
        missing[f"python{version}-dev"] = f"the C headers of {interpreter.name}"
    if not (shutil.which("cc") or shutil.which("gcc")):
        missing["gcc"] = "a C compiler"
    if not (shutil.which("c++") or shutil.which("g++")):
        missing["g++"] = "a C++ compiler"
    if not shutil.which("make"):
        missing["make"] = "make"
    cmake = _cmake_version()
    if cmake is None:
        missing["cmake"] = "CMake"
    elif cmake < OLDEST_CMAKE:
        missing["cmake"] = f"CMake {_dotted(OLDEST_CMAKE)} or later (found {_dotted(cmake)})"
    if ros is not None:
        if not shutil.which("colcon"):
            missing["python3-colcon-common-extensions"] = "colcon"
        for name in missing_ros_packages(ros, package_xml):
            missing[f"ros-{ros.distribution}-{name.replace('_', '-')}"] = f"the ROS package {name}"
    if missing:
        listing = "".join(f"\n  - {purpose}" for purpose in missing.values())
        raise MachineError(
            f"this machine lacks{listing}\n"
            f"On Debian and Ubuntu they come with\n  {_install_command(list(missing))}"
        )


def _refuse_python(interpreter: Interpreter | None) -> None:
    wanted = os.environ.get("PYTHON")
    not_found = f"PYTHON={wanted}, which does not run" if wanted else "none"
    found = interpreter.name if interpreter else not_found
    command = _install_command(["python3", "python3-venv", "python3-dev"])
    raise MachineError(
        f"CPython {_dotted(OLDEST)} to {_dotted(NEWEST)} is needed; found: {found}.\n"
        f"Debian 12 or later and Ubuntu 22.04 or 24.04 have one:\n  {command}\n"
        "Another one can be named:\n  PYTHON=/path/to/python3.12 make env"
    )


def _check_wheels_fit() -> None:
    """Refuse a machine for which there are no ROS 2 wheels."""
    machine, (library, version) = platform.machine(), platform.libc_ver()
    glibc = _numbers(version) if library == "glibc" else (0, 0)
    if platform.system() != "Linux" or machine != "x86_64" or glibc < OLDEST_GLIBC:
        raise MachineError(
            "no ROS 2 is sourced, and ROS 2 wheels exist only for x86-64 Linux with glibc "
            f"{_dotted(OLDEST_GLIBC)} or later; this is {platform.system()} on {machine} with "
            f"{library or 'another C library'} {version}. Install ROS 2, source its setup file "
            "and run the command again."
        )


def _cmake_version() -> tuple[int, ...] | None:
    if not shutil.which("cmake"):
        return None
    return _numbers(subprocess.run(["cmake", "--version"], capture_output=True, text=True).stdout)


def _numbers(text: str) -> tuple[int, ...]:
    """The first dotted number of a text, to its second place."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _install_command(packages: list[str]) -> str:
    prefix = "" if os.geteuid() == 0 else "sudo "
    return f"{prefix}apt-get install -y {shlex.join(packages)}"
