# SPDX-License-Identifier: Apache-2.0
"""What the package says about itself is complete and consistent, and is what gets installed."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from catkin_pkg.package import parse_package

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "depthsplat_ros"
# Where the name of an import is not that of what brings it.
DISTRIBUTION_OF_IMPORT = {"cv2": "opencv-python-headless"}
# It comes with torch wherever that can use it, and is done without elsewhere.
NOT_REQUIRED = {"triton"}
# By `ros2`, by messages, and by the bag player, which finds message types by their names.
USED_WITHOUT_IMPORT = {
    *("launch", "launch_ros", "ros2launch", "ros2run", "rosidl_default_runtime"),
    *("nav_msgs", "tf2_msgs"),
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def bundled():
    """The weights that come along, and what is said about them."""
    return [PACKAGE / "weights" / name for name in ("tiny.safetensors", "MODEL_CARD.md")]


def imported_names(path):
    """Top-level names of everything a file imports that is neither Python's nor ours."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"depthsplat_ros", ""}


def core_requirements():
    """Names of the distributions that the package needs from pip, in lower case."""
    text = (ROOT / "requirements" / "core.txt").read_text()
    return {name.lower() for name in re.findall(r"(?m)^([\w-]+)[><=]=", text)}


def dependencies_of_the_package():
    """Names of what package.xml and requirements/core.txt say is imported."""
    package = parse_package(str(ROOT / "package.xml"))
    declared = {dependency.name for dependency in package.exec_depends}
    return {name for name in declared if not name.startswith("python3-")} | core_requirements()


def executables():
    """Name and module of each program that CMakeLists.txt installs."""
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.findall(r"^add_python_executable\((\w+) ([\w.]+)\)$", text, re.MULTILINE)


def test_package_xml_is_valid():
    warnings = []
    package = parse_package(str(ROOT / "package.xml"), warnings=warnings)
    package.validate(warnings=warnings)
    assert warnings == []
    assert package.package_format == 3


def test_colcon_sees_one_ament_cmake_package():
    command = ["colcon", "list", "--base-paths", str(ROOT)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert listed.split("\t")[0::2] == ["depthsplat_ros", "(ros.ament_cmake)\n"]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_import_is_a_declared_dependency(path):
    needed = {DISTRIBUTION_OF_IMPORT.get(name, name) for name in imported_names(path)}
    undeclared = needed - dependencies_of_the_package() - NOT_REQUIRED
    assert undeclared == set(), "add it to package.xml (ROS) or to requirements/core.txt (pip)"


def test_every_declared_dependency_is_imported():
    imported = {name for path in modules() for name in imported_names(path)}
    used = {DISTRIBUTION_OF_IMPORT.get(name, name) for name in imported}
    assert dependencies_of_the_package() - used == USED_WITHOUT_IMPORT


def test_versions_agree():
    from depthsplat_ros import __version__

    setup = [sys.executable, "setup.py", "--version"]
    of_setup = subprocess.run(setup, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    changelog = (ROOT / "CHANGELOG.rst").read_text()
    assert {
        parse_package(str(ROOT / "package.xml")).version,
        of_setup.split()[-1],
        re.search(r"(?m)^(\d+\.\d+\.\d+) \(", changelog).group(1),
    } == {__version__}


def test_every_folder_with_modules_is_a_package():
    folders = {path.parent for path in modules()}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(("name", "module"), executables())
def test_every_executable_has_a_main(name, module):
    path = ROOT / f"{module.replace('.', '/')}.py"
    defined = [getattr(node, "name", None) for node in ast.parse(path.read_text()).body]
    assert "main" in defined, f"{name} calls main() of {module}"


@pytest.mark.ros
def test_every_module_is_installed_and_so_are_weights_and_their_card():
    from depthsplat_ros import __file__ as installed

    folder = Path(installed).parent
    built = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    wanted = {path.relative_to(PACKAGE) for path in (*modules(), *bundled())}
    assert wanted - built == set(), "make env"


@pytest.mark.ros
@pytest.mark.parametrize("path", sorted((ROOT / "msg").glob("*.msg")), ids=lambda path: path.stem)
def test_messages_have_what_their_definitions_say(path):
    message = getattr(importlib.import_module("depthsplat_ros.msg"), path.stem)
    definition = path.read_text()
    fields = re.findall(r"^[\w/]+(?:\[\])? +([a-z]\w*)", definition, re.MULTILINE)
    states = re.findall(r"^uint8 (STATE_\w+) = (\d+)", definition, re.MULTILINE)
    assert list(message.get_fields_and_field_types()) == fields
    assert [getattr(message, name) for name, _ in states] == [int(value) for _, value in states]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """What pip needs of the repository, for it builds beside its sources."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("setup.py", "pyproject.toml", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, folder)
    for name in ("depthsplat_ros", "requirements"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(sources):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", "dist", "."], cwd=sources, check=True, capture_output=True)
    return next((sources / "dist").glob("*.whl"))


def test_pip_wheel_holds_every_module_and_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "depthsplat = depthsplat_ros.cli:main" in archive.read(entry_points).decode()
    assert {str(path.relative_to(ROOT)) for path in (*modules(), *bundled())} <= names


def test_pip_wheel_is_below_sixteen_megabytes(wheel):
    assert wheel.stat().st_size < 16_000_000


LOAD = """
import sys, depthsplat_ros
from depthsplat_ros.model.loading import load_network
network, entry = load_network("tiny")
print(depthsplat_ros.__file__, sum(values.numel() for values in network.parameters()))
"""


def test_the_network_of_an_unpacked_wheel_is_found_verified_and_loaded(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    found = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found[0] == str(tmp_path / "site" / "depthsplat_ros" / "__init__.py")
    assert int(found[1]) > 1_000_000


@pytest.mark.parametrize("name", ["README.md", "depthsplat_ros/weights/MODEL_CARD.md"])
def test_every_figure_is_filled_in(name):
    assert "TODO" not in (ROOT / name).read_text()


def test_source_distribution_holds_weights_and_their_card(sources):
    build = "from setuptools import build_meta; build_meta.build_sdist('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=sources, check=True, capture_output=True)
    with tarfile.open(next((sources / "dist").glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {str(path.relative_to(ROOT)) for path in bundled()} <= names
