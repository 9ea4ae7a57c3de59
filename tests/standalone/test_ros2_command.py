# SPDX-License-Identifier: Apache-2.0
"""The `ros2` command as a user types it: what it says, its exit status, Ctrl-C."""

import os
import re
import signal
import subprocess
import sys

import pytest

pytest.importorskip("ament_index_python", reason="no ROS")
pytest.importorskip("ros2_command", reason="the real ros2 is installed")

from commands import DEADLINE_S, NODE_PROGRAM, Command, make_prefix

pytestmark = pytest.mark.ros

# Counts the SIGINTs it gets in half a second after the first one, then ends.
COUNTING_PROGRAM = """
import os, signal
count = 0
def on_signal(number, frame):
    global count
    count += 1
    if number == signal.SIGALRM:
        os.write(1, b"interrupted %d times\\n" % (count - 1))  # print may be in use right now
        raise SystemExit
    signal.setitimer(signal.ITIMER_REAL, 0.5)
signal.signal(signal.SIGINT, on_signal)
signal.signal(signal.SIGALRM, on_signal)
print("ready", flush=True)
while True:
    signal.pause()
"""
# Ends only when somebody has written to the pipe that its environment names.
PATIENT_PROGRAM = """
import os, signal
def end(number, frame):
    os.write(1, b"got SIGINT\\n")
    open(os.environ["RELEASE"]).read()
    raise SystemExit
signal.signal(signal.SIGINT, end)
print("ready", flush=True)
while True:
    signal.pause()
"""
LAUNCH_FILE = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, LogInfo
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("robot", description="Whom to launch."),
        DeclareLaunchArgument("speed", default_value=["1", ".0"], description="How fast."),
        DeclareLaunchArgument("name", default_value="walker", choices=["walker", "runner"]),
        GroupAction(
            [DeclareLaunchArgument("extra", default_value="none")],
            condition=IfCondition("false"),
        ),
        LogInfo(msg=["speed ", LaunchConfiguration("speed")]),
        Node(
            package="my_robot",
            executable=LaunchConfiguration("robot"),
            name=LaunchConfiguration("name"),
            output="screen",
        ),
    ])
"""


@pytest.fixture
def prefix(tmp_path):
    prefix = make_prefix(
        tmp_path / "prefix",
        "my_robot",
        node=NODE_PROGRAM,
        counter=COUNTING_PROGRAM,
        patient=PATIENT_PROGRAM,
        failing="raise SystemExit(7)",
        killed="import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        saying="import sys; print(sys.argv[1:])",
    )
    launch_folder = prefix / "share" / "my_robot" / "launch"
    launch_folder.mkdir()
    (launch_folder / "robot.launch.py").write_text(LAUNCH_FILE)
    return prefix


@pytest.fixture
def environment(prefix, tmp_path):
    return {"AMENT_PREFIX_PATH": str(prefix), "ROS_LOG_DIR": str(tmp_path / "log")}


@pytest.fixture
def ros2(environment):
    """Starts the command; it does not outlive the test."""
    commands = []

    def start(*words, **kwargs):
        command = Command(
            sys.executable, "-m", "ros2_command.main", *words, env=environment, **kwargs
        )
        commands.append(command)
        return command.__enter__()

    yield start
    for command in commands:
        command.__exit__()


def result(command):
    return command.finish(), command.output


def test_package_and_its_executables_are_found(ros2, prefix):
    assert result(ros2("pkg", "prefix", "my_robot")) == (0, f"{prefix}\n")
    assert result(ros2("pkg", "prefix", "--share", "my_robot")) == (
        0,
        f"{prefix}/share/my_robot\n",
    )
    assert result(ros2("pkg", "list")) == (0, "my_robot\n")
    names = ("counter", "failing", "killed", "node", "patient", "saying")
    listing = "".join(f"my_robot {name}\n" for name in names)
    assert result(ros2("pkg", "executables")) == (0, listing)
    paths = "".join(f"{prefix}/lib/my_robot/{name}\n" for name in names)
    assert result(ros2("pkg", "executables", "my_robot", "--full-path")) == (0, paths)


def test_package_that_is_not_there_is_named(ros2):
    assert result(ros2("pkg", "prefix", "no_robot")) == (1, "Package not found\n")
    assert result(ros2("pkg", "executables", "no_robot")) == (1, "Package 'no_robot' not found\n")
    assert result(ros2("run", "no_robot", "node")) == (1, "Package 'no_robot' not found\n")
    status, output = result(ros2("launch", "no_robot", "robot.launch.py"))
    assert status == 1
    assert "Package 'no_robot' not found: \"package 'no_robot' not found, searching: [" in output


def test_without_a_command_the_help_is_shown(ros2):
    status, output = result(ros2())
    assert status == 0
    assert re.search(r"launch .*pkg .*run ", output, re.DOTALL)


def test_run_passes_arguments_on(ros2):
    words = ("--ros-args", "-p", "a:=1", "--help", "-r", "__node:=n")
    assert result(ros2("run", "my_robot", "saying", *words)) == (0, f"{list(words)}\n")


def test_run_puts_the_prefix_before(ros2, prefix):
    status, output = result(ros2("run", "--prefix", "echo 'a b' c", "my_robot", "saying", "d"))
    assert (status, output) == (0, f"a b c {prefix}/lib/my_robot/saying d\n")


def test_run_ends_as_the_executable_does(ros2):
    status, output = result(ros2("run", "my_robot", "failing"))
    assert (status, output) == (7, "[ros2run]: Process exited with failure 7\n")
    status, output = result(ros2("run", "my_robot", "killed"))
    assert status == 256 - signal.SIGKILL
    assert output == "[ros2run]: Killed\n"


def test_run_names_an_executable_that_is_not_there_or_twice(ros2, prefix):
    assert result(ros2("run", "my_robot", "flying")) == (1, "No executable found\n")
    again = prefix / "lib" / "my_robot" / "more"
    again.mkdir()
    (again / "node").symlink_to(prefix / "lib" / "my_robot" / "node")
    status, output = result(ros2("run", "my_robot", "node"))
    assert status == 1
    assert output.splitlines()[0] == "Multiple executables found:"
    assert f"- {again}/node" in output


def test_ctrl_c_during_run_is_left_to_the_executable(ros2):
    command = ros2("run", "my_robot", "counter", has_terminal=True)
    command.wait_for("^ready")
    command.type_ctrl_c()
    command.wait_for("^interrupted 1 times")
    assert command.finish() == 0


def test_run_hands_sigterm_on(ros2):
    command = ros2("run", "my_robot", "node")
    command.wait_for("^ready")
    command.send(signal.SIGTERM)
    assert command.finish() == 256 - signal.SIGTERM
    assert command.lines[-1] == "[ros2run]: Terminated\n"


def test_arguments_of_a_launch_file_are_shown(ros2):
    status, output = result(ros2("launch", "my_robot", "robot.launch.py", "--show-args"))
    assert status == 0
    assert output.splitlines() == [
        "Arguments (pass arguments as '<name>:=<value>'):",
        *("", "    'robot':", "        Whom to launch."),
        *("", "    'speed':", "        How fast.", "        (default: '1' + '.0')"),
        *(
            "",
            "    'name':",
            "        One of: ['walker', 'runner']",
            "        (default: 'walker')",
        ),
        *("", "    'extra':*", "        no description given", "        (default: 'none')"),
        "",
        "* argument(s) which are only used if specific conditions occur",
    ]


def test_launch_file_without_arguments_says_so(ros2, tmp_path):
    path = tmp_path / "none.launch.py"
    path.write_text(
        "from launch import LaunchDescription\n"
        "def generate_launch_description(): return LaunchDescription()\n"
    )
    expected = "Arguments (pass arguments as '<name>:=<value>'):\n\n  No arguments.\n"
    assert result(ros2("launch", path, "-s")) == (0, expected)


def test_description_is_printed_and_not_launched(ros2):
    status, output = result(ros2("launch", "my_robot", "robot.launch.py", "--print"))
    assert status == 0
    assert "├── LogInfo('speed ' + LaunchConfig('speed'))\n" in output
    assert "started" not in output


def test_launch_file_by_path_gets_its_arguments(ros2, prefix):
    path = prefix / "share" / "my_robot" / "launch" / "robot.launch.py"
    command = ros2("launch", path, "robot:=node", "speed:=2", "speed:=3", "name:=runner")
    command.wait_for("speed 3$")
    command.wait_for("ready")
    command.send(signal.SIGINT)
    assert command.finish() == 0
    assert "'__node:=runner'" in command.output


@pytest.mark.parametrize("word", ["robot", "robot:=", ":=node", "robot=node"])
def test_malformed_argument_is_named(ros2, word):
    status, output = result(ros2("launch", "my_robot", "robot.launch.py", word))
    assert status == 1
    assert output == f"malformed launch argument '{word}', expected format '<name>:=<value>'\n"


def test_missing_argument_is_named(ros2):
    status, output = result(ros2("launch", "my_robot", "robot.launch.py", "speed:=2"))
    assert status == 1
    assert (
        "[ERROR] [launch]: Caught exception in launch (see debug for traceback): Included launch "
        "description missing required argument 'robot' (description: 'Whom to launch.'), "
        "given: [speed]\n"
    ) in output


def test_unknown_argument_is_named_with_the_one_that_was_meant(ros2):
    words = ("robot:=saying", "sped:=2", "colour:=red", "emulate_tty:=true")
    status, output = result(ros2("launch", "my_robot", "robot.launch.py", *words))
    assert status == 0  # the real one accepts it without a word
    assert re.findall(r"\[WARNING\] \[launch\]: (.*)", output) == [
        "launch argument 'sped' is not declared by robot.launch.py: did you mean 'speed'?",
        "launch argument 'colour' is not declared by robot.launch.py: "
        "--show-args lists those that are",
    ]


@pytest.mark.parametrize("words", [("my_robot", "no.launch.py"), ("my_robot",)])
def test_launch_file_that_is_not_there_is_named(ros2, words):
    status, output = result(ros2("launch", *words))
    assert status == 1
    assert re.match("file '.*' was not found in the share directory of package 'my_rob", output)


def test_launch_file_that_is_there_twice_is_refused(ros2, prefix):
    again = prefix / "share" / "my_robot" / "old"
    again.mkdir()
    (again / "robot.launch.py").touch()
    status, output = result(ros2("launch", "my_robot", "robot.launch.py"))
    assert status == 1
    assert "was found more than once in the share directory of package 'my_robot': ['" in output


def test_launch_prefix_goes_before_the_command(ros2, prefix):
    words = ("launch", "--launch-prefix", "echo before", "my_robot", "robot.launch.py")
    status, output = result(ros2(*words, "robot:=saying"))
    assert status == 0
    assert f"] before {prefix}/lib/my_robot/saying --ros-args" in output


def test_failing_process_leaves_the_launch_successful(ros2):
    status, output = result(ros2("launch", "my_robot", "robot.launch.py", "robot:=failing"))
    assert status == 0  # as with the real one
    assert re.search(r"\[ERROR\] \[failing-1\]: process has died \[pid \d+, exit code 7", output)


@pytest.mark.parametrize(
    "number, said, status",
    [
        (signal.SIGINT, r"\[WARNING\] \[launch\]: user interrupted with ctrl-c \(SIGINT\)", 0),
        (signal.SIGTERM, r"\[ERROR\] \[launch\]: user interrupted with ctrl-\\ \(SIGTERM\)", 1),
        (signal.SIGQUIT, r"\[ERROR\] \[launch\]: user interrupted with ctrl-\\ \(SIGQUIT\)", 1),
    ],
)
def test_signal_ends_the_launch_and_its_processes(ros2, number, said, status):
    command = ros2("launch", "my_robot", "robot.launch.py", "robot:=node")
    command.wait_for(r"\[node-1\] ready")
    command.send(number)
    command.wait_for(said)
    command.wait_for(r"\[INFO\] \[node-1\]: sending signal 'SIGINT' to process\[node-1\]")
    command.wait_for(r"\[node-1\] got SIGINT")
    command.wait_for(r"\[INFO\] \[node-1\]: process has finished cleanly \[pid \d+\]")
    assert command.finish() == status


def test_ctrl_c_in_a_terminal_reaches_the_node_once(ros2):
    command = ros2("launch", "my_robot", "robot.launch.py", "robot:=counter", has_terminal=True)
    command.wait_for(r"\[counter-1\] ready")
    command.type_ctrl_c()
    command.wait_for(r"\[counter-1\] interrupted 1 times")
    assert command.finish() == 0
    assert "sending signal" not in command.output


def test_second_ctrl_c_is_ignored(ros2, environment, tmp_path):
    release = tmp_path / "release"
    os.mkfifo(release)
    environment["RELEASE"] = str(release)
    command = ros2("launch", "my_robot", "robot.launch.py", "robot:=patient")
    command.wait_for(r"\[patient-1\] ready")
    command.send(signal.SIGINT)
    command.wait_for(r"\[patient-1\] got SIGINT")
    command.send(signal.SIGINT)
    command.wait_for("again, ignoring")
    release.write_text("")
    assert command.finish() == 0
    assert command.output.count("got SIGINT") == 1


def test_lines_come_through_a_pipe_as_they_are_said(environment):
    words = ("launch", "my_robot", "robot.launch.py", "robot:=node")
    launched = subprocess.Popen(
        [sys.executable, "-m", "ros2_command.main", *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert any("ready" in line for line in launched.stdout)
    finally:
        launched.send_signal(signal.SIGINT)
        launched.communicate(timeout=DEADLINE_S)
