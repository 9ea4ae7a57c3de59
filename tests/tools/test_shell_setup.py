# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

import pytest


def sourced(text, *variables, **environ):
    """What some variables are in a shell that has sourced a text twice."""
    script = f"{text}{text}" + "".join(f'echo "${name}"\n' for name in variables)
    answer = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, check=True)
    return answer.stdout.decode().splitlines()


@pytest.fixture
def text():
    from shell_setup import shell_setup

    return shell_setup(Path("/a/.venv"), Path("/a/fastdds.xml"), is_ros_prefix=True)


def test_prefix_comes_first_and_once(text):
    names = ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH")
    assert sourced(text, *names, CMAKE_PREFIX_PATH="/usr/local") == [
        "/a/.venv",
        "/a/.venv:/usr/local",
    ]


def test_own_fastdds_profile_is_kept(text):
    name = "FASTDDS_DEFAULT_PROFILES_FILE"
    assert sourced(text, name) == ["/a/fastdds.xml"]
    assert sourced(text, name, **{name: "/mine.xml"}) == ["/mine.xml"]


def test_beside_a_real_ros_its_prefix_and_name_are_left_alone():
    from shell_setup import shell_setup

    text = shell_setup(Path("/a/.venv"), Path("/a/fastdds.xml"), is_ros_prefix=False)
    real = {"AMENT_PREFIX_PATH": "/opt/ros/jazzy", "ROS_DISTRO": "jazzy"}
    assert sourced(text, *real, **real) == ["/opt/ros/jazzy", "jazzy"]
