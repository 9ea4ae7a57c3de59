# SPDX-License-Identifier: Apache-2.0
"""What a shell needs besides PATH, as lines for sh, bash and zsh."""

from __future__ import annotations

from pathlib import Path


def shell_setup(venv: Path, fastdds_profiles: Path, is_ros_prefix: bool) -> str:
    """The text of .venv/local_setup.*, which `activate` and colcon's setup files source.

    Args:
        venv: the virtual environment.
        fastdds_profiles: the profile that is set unless the user has set one. Whoever publishes
            images needs it, be it a camera driver, a bag player or the simulation.
        is_ros_prefix: whether ROS 2 itself lies in the virtual environment.
    """
    lines = ["# Made by `make env`."]
    if is_ros_prefix:
        lines.append("export ROS_VERSION=2 ROS_PYTHON_VERSION=3 ROS_DISTRO=kilted")
        lines += [_prepend(name, venv) for name in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH")]
    variable = "FASTDDS_DEFAULT_PROFILES_FILE"
    lines.append(f'export {variable}="${{{variable}:-{fastdds_profiles}}}"')
    return "\n".join(lines) + "\n"


def _prepend(name: str, path: Path) -> str:
    """A line that puts a path before a list of paths, once."""
    extended = f"{path}${{{name}:+:${name}}}"
    return f'case ":${{{name}:-}}:" in *":{path}:"*) ;; *) export {name}="{extended}" ;; esac'
