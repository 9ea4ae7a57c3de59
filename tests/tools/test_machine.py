# SPDX-License-Identifier: Apache-2.0
"""What a machine lacks is named, with the command that installs it, before anything is made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    """A copy of what `make env` reads before its first step."""
    folder = tmp_path / "checkout"
    for name in ("tools", "requirements", "msg", "standalone/tf2_msgs"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("package.xml", "CMakeLists.txt", "standalone/pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def python_below():
    """The interpreter that this virtual environment was made with."""
    return str(Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}"))


def make_environment(checkout, **environ):
    """The command of `make env` with only these variables."""
    command = [python_below(), "tools/make_environment.py"]
    return subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True)


@pytest.fixture
def bare_path(tmp_path):
    """A PATH with one Python and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(python_below())
    return str(folder)


def fake_ros(tmp_path, *packages):
    prefix = tmp_path / "opt" / "ros"
    for name in ("rclpy", *packages):
        (prefix / "share" / name).mkdir(parents=True)
        (prefix / "share" / name / "package.xml").touch()
    return prefix


def test_missing_compiler_and_cmake_are_named_with_their_packages(checkout, bare_path):
    answer = make_environment(checkout, PATH=bare_path, PYTHON="python3")
    assert answer.returncode == 1
    assert "a C++ compiler" in answer.stderr
    assert "apt-get install -y gcc g++ make cmake" in answer.stderr
    assert not (checkout / ".venv").exists()


def test_python_that_does_not_run_is_named(checkout):
    answer = make_environment(checkout, PATH=os.environ["PATH"], PYTHON="/nowhere/python3.12")
    assert answer.returncode == 1
    assert "PYTHON=/nowhere/python3.12, which does not run" in answer.stderr
    assert not (checkout / ".venv").exists()


def test_ros_of_another_python_is_named_with_the_remedy(checkout, tmp_path):
    prefix = fake_ros(tmp_path)
    environ = {"AMENT_PREFIX_PATH": str(prefix), "ROS_DISTRO": "jazzy", "PATH": os.environ["PATH"]}
    answer = make_environment(checkout, **environ, PYTHON=python_below())
    assert answer.returncode == 1
    assert f"ROS 2 jazzy of {prefix} is sourced" in answer.stderr
    assert "No module named 'rclpy'" in answer.stderr
    assert "PYTHON=/usr/bin/python3 make env" in answer.stderr


def test_ros_packages_that_the_installation_lacks_are_named(tmp_path):
    from machine import find_sourced_ros, missing_ros_packages

    prefix = fake_ros(tmp_path, "sensor_msgs")
    ros = find_sourced_ros({"AMENT_PREFIX_PATH": str(prefix), "ROS_DISTRO": "jazzy"}, ROOT)
    missing = missing_ros_packages(ros, ROOT / "package.xml")
    assert {"cv_bridge", "tf2_ros", "rosidl_default_generators"} <= set(missing)
    assert not {"rclpy", "sensor_msgs", "python3-numpy"} & set(missing)


def test_overlay_counts_as_a_part_of_the_installation(tmp_path):
    from machine import find_sourced_ros, missing_ros_packages

    underlay, overlay = fake_ros(tmp_path), fake_ros(tmp_path / "overlay", "cv_bridge")
    shutil.rmtree(overlay / "share" / "rclpy")
    ros = find_sourced_ros({"AMENT_PREFIX_PATH": f"{overlay}{os.pathsep}{underlay}"}, ROOT)
    assert ros.prefix == underlay
    assert "cv_bridge" not in missing_ros_packages(ros, ROOT / "package.xml")


def test_what_make_env_itself_made_is_no_sourced_ros(tmp_path):
    from machine import find_sourced_ros

    own = fake_ros(tmp_path / "own")
    assert find_sourced_ros({"AMENT_PREFIX_PATH": str(own)}, tmp_path / "own") is None
    other_checkout = fake_ros(tmp_path / "other")
    (other_checkout / "pyvenv.cfg").touch()
    assert find_sourced_ros({"AMENT_PREFIX_PATH": str(other_checkout)}, ROOT) is None


def test_unsupported_python_is_refused_by_version():
    from interpreter import probe
    from machine import MachineError, check_machine

    interpreter = probe(python_below(), ros=False)
    old = type(interpreter)(**{**vars(interpreter), "version": (3, 9, 2)})
    with pytest.raises(
        MachineError, match=r"CPython 3\.10 to 3\.13 is needed; found: Python 3\.9\.2"
    ):
        check_machine(old, None, ROOT / "package.xml")


def test_python_newer_than_the_wheels_serves_beside_a_ros_only():
    from interpreter import probe

    here = probe(python_below(), ros=False)
    newer = type(here)(**{**vars(here), "version": (3, 14, 2)})
    assert newer.is_supported(ros=True)
    assert not newer.is_supported(ros=False)


def test_probe_of_a_virtual_environment_answers_for_the_python_below():
    from interpreter import probe

    inside, below = probe(sys.executable, ros=False), probe(python_below(), ros=False)
    assert inside == below
    assert inside.version == sys.version_info[:3]
