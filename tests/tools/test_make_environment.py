# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

BUILDER = "/opt/python/cp311-cp311"


def test_build_paths_of_the_wheels_are_replaced():
    from make_environment import replace_build_paths

    numpy = f"{BUILDER}/lib/python3.11/site-packages/numpy/_core/include"
    line = f'INTERFACE_INCLUDE_DIRECTORIES "{BUILDER}/include/python3.11;{numpy};/usr/include"'
    replaced = replace_build_paths(line, "/usr/include/python3.11", "/a/numpy/include")
    assert replaced == (
        'INTERFACE_INCLUDE_DIRECTORIES "/usr/include/python3.11;/a/numpy/include;/usr/include"'
    )


def test_no_build_path_of_the_wheels_is_left():
    share = Path(sys.prefix) / "share"
    if not (share / "std_msgs").is_dir():
        pytest.skip("ROS 2 does not come from wheels here")
    left = [path for path in share.glob("*/cmake/*.cmake") if "/opt/python/" in path.read_text()]
    assert left == []


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """A virtual environment as far as its settings file goes."""
    import make_environment

    monkeypatch.setattr(make_environment, "VENV", tmp_path)
    monkeypatch.setattr(make_environment, "PYTHON", tmp_path / "python")
    (tmp_path / "python").touch()
    (tmp_path / "pyvenv.cfg").write_text(
        "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n"
    )
    return make_environment


def interpreter(**changes):
    from interpreter import Interpreter

    fields = dict(
        executable="/usr/bin/python3.11",
        version=(3, 11, 2),
        is_cpython=True,
        has_venv=True,
        has_headers=True,
        rclpy_failure="",
        has_cv2=False,
        numpy_version=None,
    )
    return Interpreter(**{**fields, **changes})


def test_environment_of_the_wanted_python_is_kept(venv):
    assert venv.is_made_with(interpreter(), ros=None)
    assert venv.is_made_with(interpreter(version=(3, 11, 9)), ros=None)


@pytest.mark.parametrize(
    "changes",
    [{"version": (3, 12, 1)}, {"executable": "/opt/python/bin/python3.11"}],
    ids=["version", "place"],
)
def test_environment_of_another_python_is_made_anew(venv, changes):
    assert not venv.is_made_with(interpreter(**changes), ros=None)


def test_environment_of_wheels_does_not_serve_beside_a_ros(venv):
    from machine import SourcedRos

    ros = SourcedRos(Path("/opt/ros/jazzy"), "jazzy", (Path("/opt/ros/jazzy"),))
    assert not venv.is_made_with(interpreter(), ros)


@pytest.mark.parametrize(("numpy_version", "has_limit"), [("1.26.4", True), ("2.3.4", False)])
def test_beside_a_ros_numpy_stays_of_its_generation_and_opencv_stays_the_systems(
    venv, monkeypatch, numpy_version, has_limit
):
    installed = []
    monkeypatch.setattr(venv, "pip", lambda *arguments: installed.append(arguments))
    venv.install_beside_ros(interpreter(numpy_version=numpy_version, has_cv2=True))
    chosen = (venv.VENV / "requirements.txt").read_text().splitlines()
    assert ("numpy<2" in chosen) == has_limit
    assert not any(line.startswith("opencv") for line in chosen)
    assert any(line.startswith("torch") for line in chosen)
    assert not any("ros-wheels" in word for arguments in installed for word in arguments)
