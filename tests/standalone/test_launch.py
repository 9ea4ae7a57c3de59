# SPDX-License-Identifier: Apache-2.0
"""Launch descriptions that are run in this process, with real processes."""

import os
import re
import sys
import time

import pytest

pytest.importorskip("ament_index_python", reason="no ROS")
pytest.importorskip("launch.launch_service", reason="no launch")
pytest.importorskip("launch.introspection", reason="the real launch is installed")

from commands import make_prefix
from launch import LaunchContext, LaunchDescription, LaunchIntrospector, LaunchService
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit, OnProcessStart, OnShutdown
from launch.events import Shutdown as ShutdownEvent
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import (
    EnvironmentVariable,
    LaunchConfiguration,
    PathJoinSubstitution,
    SubstitutionFailure,
    TextSubstitution,
)
from launch_ros.actions import LifecycleNode, Node, PushRosNamespace, SetParameter
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackagePrefix, FindPackageShare

pytestmark = pytest.mark.ros

PRINT_ARGUMENTS = """
import sys
print("arguments", sys.argv[1:])
for flag, path in zip(sys.argv, sys.argv[1:]):
    if flag == "--params-file":
        print("parameters", open(path).read())
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path):
    """Logs go to a folder of the test, and the environment is as before after it."""
    before = dict(os.environ)
    os.environ["ROS_LOG_DIR"] = str(tmp_path / "log")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def launch(capsys):
    """Runs entities to their end; returns the exit status and the lines on the screen."""

    def run(*entities, **arguments):
        service = LaunchService(noninteractive=True)
        sets = [SetLaunchConfiguration(name, value) for name, value in arguments.items()]
        service.include_launch_description(LaunchDescription([*sets, *entities]))
        status = service.run()
        return status, capsys.readouterr().out.splitlines()

    return run


def python(code, **kwargs):
    return ExecuteProcess(
        cmd=[sys.executable, "-u", "-c", code], name="python", **{"output": "screen", **kwargs}
    )


def shell(line, **kwargs):
    return ExecuteProcess(cmd=["sh", "-c", line], **{"output": "screen", **kwargs})


def performed(substitution, **configurations):
    context = LaunchContext()
    context.launch_configurations.update(configurations)
    return substitution.perform(context)


def write_launch_file(path, body):
    path.write_text(
        "from launch import LaunchDescription\n"
        "from launch.actions import *\n"
        "from launch.substitutions import *\n"
        f"def generate_launch_description():\n    return LaunchDescription([{body}])\n"
    )
    return PythonLaunchDescriptionSource(str(path))


def without_numbers(lines):
    """Lines with pids left out."""
    return [re.sub(r"pid \[?\d+\]?", "pid N", line) for line in lines]


def test_lines_of_a_process_carry_its_name_and_its_end_is_told(launch):
    status, lines = launch(shell("echo out; echo error >&2; printf unfinished"))
    name = re.search(r"\[(sh-\d+)\]: process started with pid \[\d+\]", lines[2])[1]
    assert status == 0
    assert {f"[{name}] out", f"[{name}] error", f"[{name}] unfinished"} <= set(lines)
    assert without_numbers(lines)[-1] == f"[INFO] [{name}]: process has finished cleanly [pid N"


def test_failing_process_is_told_and_leaves_the_launch_successful(launch):
    status, lines = launch(shell("exit 3"))
    assert status == 0  # as with the real one
    expected = (
        r"\[ERROR\] \[sh-\d+\]: process has died \[pid \d+, exit code 3, cmd 'sh -c exit 3'\]\."
    )
    assert re.fullmatch(expected, lines[-1])


def test_program_that_does_not_exist_is_told(launch):
    status, lines = launch(ExecuteProcess(cmd=["no_such_program"]))
    assert status == 0
    assert "FileNotFoundError: [Errno 2] No such file or directory: 'no_such_program'" in lines


@pytest.mark.parametrize(
    "output, on_screen", [("screen", {"o", "e"}), ("both", {"o", "e"}), ("log", {"e"})]
)
def test_output_goes_where_it_is_wanted(launch, tmp_path, output, on_screen):
    _, lines = launch(shell("echo o; echo e >&2", output=output))
    (log,) = (tmp_path / "log").glob("*/launch.log")
    in_log = {"o", "e"} if output != "screen" else set()
    assert {line[-1] for line in lines if re.fullmatch(r"\[sh-\d+\] .", line)} == on_screen
    assert set(re.findall(r"\] ([oe])$", log.read_text(), re.M)) == in_log
    assert f"All log files can be found below {log.parent}" in lines[0]


def test_unknown_output_is_an_error(launch):
    status, lines = launch(shell("true", output="nowhere"))
    assert status == 1
    assert (
        'nowhere is not a valid standard output config i.e. "screen", "log" or "both"'
        in (lines[-1])
    )


def test_launch_goes_on_without_a_log_where_none_can_be_written(launch, tmp_path):
    (tmp_path / "log").write_text("a file where the folder should be")
    status, lines = launch(shell("echo hello"))
    assert status == 0
    assert "set ROS_LOG_DIR to a folder that can be written" in lines[0]
    assert any(line.endswith("hello") for line in lines)


@pytest.mark.parametrize("emulate_tty", [True, False])
def test_terminal_is_emulated_on_demand(launch, emulate_tty):
    _, lines = launch(shell("test -t 1 && echo yes || echo no", emulate_tty=emulate_tty))
    assert any(line.endswith("] yes" if emulate_tty else "] no") for line in lines)


def test_long_output_arrives_completely(launch):
    _, lines = launch(python("for i in range(20000): print(f'{i:06} ' + 'x' * 40)"))
    numbers = [int(line.split()[1]) for line in lines if line.endswith("x")]
    assert numbers == list(range(20000))


def test_grandchild_that_keeps_the_output_open_does_not_keep_the_launch(launch):
    begin_s = time.monotonic()
    _, lines = launch(shell("sleep 60 & echo $!"))
    pid = next(int(line.split()[1]) for line in lines if re.fullmatch(r"\[sh-\d+\] \d+", line))
    os.kill(pid, 9)  # it was still there
    assert time.monotonic() - begin_s < 30


def test_environment_and_folder_of_a_process(launch, tmp_path):
    os.environ["KEPT"] = "kept"
    _, lines = launch(
        SetEnvironmentVariable("SET", ["a", LaunchConfiguration("x")]),
        shell('echo "$KEPT $SET $ADDED $(pwd)"', additional_env={"ADDED": "b"}, cwd=str(tmp_path)),
        shell('echo "only $KEPT $MINE"', env={"MINE": "m", "PATH": os.environ["PATH"]}),
        x="1",
    )
    said = {line.split("] ", 1)[1] for line in lines if line.startswith("[sh-")}
    assert said == {f"kept a1 b {tmp_path}", "only  m"}


def test_group_keeps_its_configurations_and_environment_to_itself(launch):
    say = LogInfo(msg=[LaunchConfiguration("x"), " ", EnvironmentVariable("Y", default_value="-")])
    _, lines = launch(
        GroupAction([SetLaunchConfiguration("x", "in"), SetEnvironmentVariable("Y", "in"), say]),
        say,
        GroupAction([say], scoped=False, launch_configurations={"x": "left"}),
        say,
        x="out",
    )
    said = [line.split(": ")[1] for line in lines if "launch.user" in line]
    assert said == ["in in", "out -", "left -", "left -"]


def test_conditions_decide_what_is_executed(launch):
    _, lines = launch(
        LogInfo(msg="yes", condition=IfCondition(LaunchConfiguration("x"))),
        LogInfo(msg="no", condition=UnlessCondition(LaunchConfiguration("x"))),
        LogInfo(msg="zero", condition=UnlessCondition("0")),
        x=" True ",
    )
    assert [line.split(": ")[1] for line in lines if "launch.user" in line] == ["yes", "zero"]


def test_condition_that_is_neither_true_nor_false_is_an_error(launch):
    status, lines = launch(LogInfo(msg="", condition=IfCondition("maybe")))
    assert status == 1
    assert (
        "invalid condition expression, expected one of [true, 1, false, 0] but got 'maybe'"
    ) in lines[-1]


def test_function_may_return_entities(launch):
    def repeat(context, times, *, text):
        return [LogInfo(msg=text + LaunchConfiguration("x").perform(context))] * times

    _, lines = launch(OpaqueFunction(function=repeat, args=[2], kwargs={"text": "t"}), x="!")
    assert lines[-2:] == ["[INFO] [launch.user]: t!"] * 2


def test_actions_may_be_added_later(launch):
    description = LaunchDescription()
    description.add_action(LogInfo(msg="later"))
    _, lines = launch(description)
    assert lines[-1] == "[INFO] [launch.user]: later"


def test_error_in_a_launch_file_ends_the_launch_and_its_processes(launch):
    def fail(context):
        raise RuntimeError("no battery")

    status, lines = launch(shell("exec sleep 60"), OpaqueFunction(function=fail))
    assert status == 1
    assert "Caught exception in launch (see debug for traceback): no battery" in lines[2]
    assert "exit code -2" in lines[-1]


def test_handlers_react_to_the_start_and_the_end_of_their_process(launch):
    first, second = shell("exit 5", name="first"), shell("true", name="second")
    _, lines = launch(
        RegisterEventHandler(OnProcessStart(target_action=first, on_start=LogInfo(msg="started"))),
        RegisterEventHandler(
            OnProcessExit(
                target_action=first,
                on_exit=lambda event, context: [LogInfo(msg=f"ended with {event.returncode}")],
            )
        ),
        RegisterEventHandler(
            OnProcessExit(on_exit=LogInfo(msg="something ended"), handle_once=True)
        ),
        RegisterEventHandler(OnShutdown(on_shutdown=[LogInfo(msg="over")])),
        first,
        second,
    )
    said = [line.split(": ")[1] for line in lines if "launch.user" in line]
    assert sorted(said[:-1]) == ["ended with 5", "something ended", "started"]
    assert said[-1] == "over"


def test_end_of_a_required_process_ends_the_others(launch, tmp_path):
    # Interrupted while it still starts, Python ends otherwise.
    flag = tmp_path / "up"
    status, lines = launch(
        python(f"import pathlib, signal; pathlib.Path({str(flag)!r}).touch(); signal.pause()"),
        shell(f"until [ -e '{flag}' ]; do sleep 0.05; done", on_exit=Shutdown()),
    )
    assert status == 0
    assert any("was required: shutting down launched system" in line for line in lines)
    assert any("sending signal 'SIGINT' to process[python-" in line for line in lines)
    assert "exit code -2" in lines[-1]


def test_shutdown_event_keeps_later_processes_from_starting(launch):
    _, lines = launch(
        EmitEvent(event=ShutdownEvent(reason="enough")),
        RegisterEventHandler(OnShutdown(on_shutdown=[shell("echo too late")])),
    )
    assert not any("too late" in line for line in lines)


def test_stubborn_process_is_terminated_and_then_killed(launch, tmp_path):
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    stubborn = python(
        "import signal, time\n"
        "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
        f"open({str(ready)!r}, 'w').close()\n"
        "while True: time.sleep(60)",
        sigterm_timeout="0.1",
        sigkill_timeout="0.2",
    )
    when_ready = shell(f"cat {ready}", on_exit=Shutdown())
    status, lines = launch(stubborn, when_ready)
    told = [line.split(": ", 1)[1] for line in lines if "[python-" in line][1:]
    name = re.search(r"python-\d+", told[0])[0]
    failed = f"process[{name}] failed to terminate"
    assert status == 0
    assert told[:5] == [
        f"sending signal 'SIGINT' to process[{name}]",
        f"{failed} '0.1' seconds after receiving 'SIGINT', escalating to 'SIGTERM'",
        f"sending signal 'SIGTERM' to process[{name}]",
        f"{failed} '{0.1 + 0.2}' seconds after receiving 'SIGTERM', escalating to 'SIGKILL'",
        f"sending signal 'SIGKILL' to process[{name}]",
    ]
    assert "exit code -9" in told[5]


def test_process_is_respawned_until_the_launch_ends(launch, tmp_path):
    count = tmp_path / "count"

    def end_after_three(event, context):
        return [Shutdown()] if len(count.read_text()) == 3 else None

    _, lines = launch(
        shell(f"printf x >> {count}", respawn=True, respawn_delay=0.01, on_exit=end_after_three)
    )
    assert count.read_text() == "xxx"
    assert sum("process started" in line for line in lines) == 3


def test_default_of_an_argument_yields_to_a_given_value(launch):
    declare = [
        DeclareLaunchArgument("a", default_value=["x", LaunchConfiguration("b")]),
        DeclareLaunchArgument("b", default_value="default"),
    ]
    _, lines = launch(*declare, LogInfo(msg=[LaunchConfiguration(n) for n in "ab"]), b="given")
    assert lines[-1].endswith(": xgivengiven")


def test_argument_without_value_is_an_error(launch):
    status, lines = launch(DeclareLaunchArgument("a", description="the first"))
    assert status == 1
    assert lines[-2].endswith(
        'Required launch argument "a" (description: "the first") was not provided'
    )


def test_value_has_to_be_one_of_the_choices(launch):
    status, lines = launch(DeclareLaunchArgument("a", choices=["x", "y"]), a="z")
    assert status == 1
    assert lines[-1].endswith(
        "Argument \"a\" provided value \"z\" is not valid. Valid options are: ['x', 'y']"
    )


@pytest.mark.parametrize("choices, default", [([], None), (["x"], "y")])
def test_declaration_that_cannot_be_met_is_refused(choices, default):
    with pytest.raises(RuntimeError, match="choices"):
        DeclareLaunchArgument("a", choices=choices, default_value=default)


def test_included_file_gets_its_arguments(launch, tmp_path):
    source = write_launch_file(
        tmp_path / "inner.launch.py",
        "DeclareLaunchArgument('a'), LogInfo(msg=['a is ', LaunchConfiguration('a')])",
    )
    _, lines = launch(
        IncludeLaunchDescription(source, launch_arguments={"a": LaunchConfiguration("x")}.items()),
        x="7",
    )
    assert lines[-1].endswith("a is 7")


def test_included_file_names_the_argument_it_lacks(launch, tmp_path):
    source = write_launch_file(
        tmp_path / "inner.launch.py", "DeclareLaunchArgument('a', description='the first')"
    )
    status, lines = launch(IncludeLaunchDescription(source, launch_arguments=[("b", "1")]))
    assert status == 1
    assert lines[-1].endswith(
        "Included launch description missing required argument 'a' (description: 'the first'), "
        "given: [b]"
    )


def test_arguments_of_included_files_are_found_before_running(tmp_path):
    source = write_launch_file(
        tmp_path / "inner.launch.py",
        "DeclareLaunchArgument('a', default_value='inner'), DeclareLaunchArgument('b')",
    )
    unknown = PythonLaunchDescriptionSource([LaunchConfiguration("not_known_yet")])
    description = LaunchDescription(
        [
            DeclareLaunchArgument("a", default_value="outer"),
            IncludeLaunchDescription(source, launch_arguments=[("b", "1")]),
            IncludeLaunchDescription(unknown),
            GroupAction([DeclareLaunchArgument("c")], condition=IfCondition("true")),
        ]
    )
    found = description.get_launch_arguments()
    assert [argument.name for argument in found] == ["a", "b", "c"]
    assert found[0].default_value[0].text == "outer"
    assert [argument._conditionally_included for argument in found] == [False, False, True]


def test_launch_file_without_its_function_is_named(launch, tmp_path):
    path = tmp_path / "empty.launch.py"
    path.touch()
    status, lines = launch(IncludeLaunchDescription(str(path)))
    assert status == 1
    assert lines[-1].endswith(
        f"launch file at '{path}' does not contain the required function "
        "'generate_launch_description()'"
    )


def test_substitutions_give_text():
    assert performed(TextSubstitution(text="t")) == "t"
    assert performed(LaunchConfiguration("x"), x="1") == "1"
    assert performed(LaunchConfiguration(["x", "y"], default=["d", "e"])) == "de"
    assert performed(LaunchConfiguration("x", default=False)) == "False"
    assert performed(PathJoinSubstitution(["/a", LaunchConfiguration("x"), "c"]), x="b") == (
        "/a/b/c"
    )


def test_missing_configuration_or_variable_is_named():
    with pytest.raises(SubstitutionFailure, match="^launch configuration 'x' does not exist$"):
        performed(LaunchConfiguration("x"))
    with pytest.raises(
        SubstitutionFailure, match="^environment variable 'NOT_SET' does not exist$"
    ):
        performed(EnvironmentVariable("NOT_SET"))


def test_what_is_neither_text_nor_substitution_is_refused():
    with pytest.raises(TypeError, match="Failed to normalize given item of type '<class 'int'>'"):
        LogInfo(msg=["a", 1])


def test_description_is_shown_as_a_tree():
    shown = LaunchIntrospector().format_launch_description(
        LaunchDescription(
            [
                LogInfo(msg=["a", LaunchConfiguration("b")]),
                RegisterEventHandler(OnShutdown(on_shutdown=[LogInfo(msg="c")])),
                ExecuteProcess(cmd=["echo", "hi"], env={"A": "b"}),
            ]
        )
    )
    assert shown.splitlines()[1:] == [
        "├── LogInfo('a' + LaunchConfig('b'))",
        "├── RegisterEventHandler('OnShutdown(handle_once=False)'):",
        "│   └── LogInfo('c')",
        "└── ExecuteProcess(cmd=['echo', 'hi'], cwd=None, env={'A': 'b'}, shell=False)",
    ]


@pytest.fixture
def my_robot(tmp_path):
    """The prefix of a package whose one program prints its arguments and parameter files."""
    prefix = make_prefix(tmp_path / "prefix", "my_robot", talker=PRINT_ARGUMENTS)
    os.environ["AMENT_PREFIX_PATH"] = str(prefix)
    return prefix


def arguments_in(lines):
    return eval(next(line.split("arguments ")[1] for line in lines if "arguments " in line))


def parameters_in(lines):
    """The lines of the parameter files, without the name of the process."""
    lines = [line.split("] ", 1)[1] for line in lines if line.startswith("[talker-")]
    return [line.removeprefix("parameters ") for line in lines[1:] if line]


def talker(**kwargs):
    return Node(package="my_robot", executable="talker", output="screen", **kwargs)


def test_node_gets_its_ros_arguments_in_the_real_order(launch, my_robot):
    _, lines = launch(
        SetParameter("rate", 2.5),
        talker(
            name="a",
            namespace=["b/", LaunchConfiguration("x")],
            remappings=[("in", LaunchConfiguration("x")), ("out", "/out")],
            arguments=["first"],
            ros_arguments=["--log-level", "debug"],
        ),
        x="c",
    )
    assert arguments_in(lines) == [
        *("first", "--ros-args", "--log-level", "debug", "--ros-args"),
        *("-r", "__node:=a", "-r", "__ns:=/b/c", "-p", "rate:=2.5"),
        *("-r", "in:=c", "-r", "out:=/out"),
    ]


def test_node_without_name_gets_none(launch, my_robot):
    _, lines = launch(talker())
    assert arguments_in(lines) == ["--ros-args"]


@pytest.mark.parametrize(
    "pushed, given, resolved",
    [
        ([], None, None),
        ([], "", "/"),
        ([], "a", "/a"),
        (["a"], None, "/a"),
        (["a"], "", "/a"),
        (["a"], "b", "/a/b"),
        (["a", "b/"], "c/d", "/a/b/c/d"),
        (["a", "/b"], "c", "/b/c"),
        (["a"], "/b", "/b"),
    ],
)
def test_namespaces_add_up(launch, my_robot, pushed, given, resolved):
    _, lines = launch(*(PushRosNamespace(part) for part in pushed), talker(namespace=given))
    expected = [] if resolved is None else ["-r", f"__ns:={resolved}"]
    assert arguments_in(lines) == ["--ros-args", *expected]


@pytest.mark.parametrize("kwargs", [{"name": "2nd"}, {"name": "a/b"}, {"namespace": "a//b-c"}])
def test_name_that_ros_does_not_allow_is_refused(launch, my_robot, kwargs):
    status, lines = launch(talker(**kwargs))
    assert status == 1
    assert any(re.search(r"in launch \(see .*Invalid n", line) for line in lines)


def test_parameters_go_to_the_node_in_files(launch, my_robot, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("own: file")
    _, lines = launch(
        talker(
            name="a",
            namespace="n",
            parameters=[
                str(file),
                {
                    "b": True,
                    "deep": {"i": 1, "f": 1.0},
                    "text": "12",
                    "guessed": LaunchConfiguration("x"),
                    "kept": ParameterValue(LaunchConfiguration("x"), value_type=str),
                    "number": ParameterValue(LaunchConfiguration("x"), value_type=float),
                    "list": [1, 2.5],
                    "words": ["u", "v"],
                },
            ],
        ),
        x="3",
    )
    assert arguments_in(lines)[5:7] == ["--params-file", str(file)]
    assert parameters_in(lines) == [
        *("own: file", "/n/a:", "  ros__parameters:"),
        *("    b: true", "    deep.f: 1.0", "    deep.i: 1", "    guessed: 3", "    kept: '3'"),
        *("    list:", "    - 1.0", "    - 2.5", "    number: 3.0", "    text: '12'"),
        *("    words:", "    - u", "    - v"),
    ]


def test_parameters_of_a_node_without_full_name_are_for_any_node(launch, my_robot):
    _, lines = launch(talker(name="a", parameters=[{"p": 1}]))
    assert parameters_in(lines) == ["/**:", "  ros__parameters:", "    p: 1"]


def test_parameter_file_that_is_not_there_is_left_out_and_named(launch, my_robot, tmp_path):
    missing = tmp_path / "missing.yaml"
    _, lines = launch(talker(parameters=[ParameterFile(missing)]))
    assert any(f"Parameter file path is not a file: {missing}" in line for line in lines)
    assert arguments_in(lines) == ["--ros-args"]


@pytest.mark.parametrize(
    "value, complaint",
    [
        (LaunchConfiguration("x"), "Got <class 'dict'> for \"p\".*ParameterValue"),
        (
            TextSubstitution(text="["),
            "Unable to parse .* parameter p as yaml.*ParameterValue",
        ),
        ([1, "a"], 'items of uniform type.*inconsistent input for "p"'),
        ([], 'non-empty sequence.*inconsistent input for "p"'),
        (
            ParameterValue(LaunchConfiguration("y"), value_type=bool),
            "Cannot convert value 'maybe'",
        ),
    ],
)
def test_value_that_no_parameter_can_have_is_refused(launch, my_robot, value, complaint):
    status, lines = launch(talker(parameters=[{"p": value}]), x="{a: 1}", y="maybe")
    assert status == 1
    assert re.search(complaint, lines[-1])


def test_group_keeps_its_namespace_and_parameters_to_itself(launch, my_robot):
    _, lines = launch(
        GroupAction([PushRosNamespace("a"), SetParameter("p", LaunchConfiguration("x"))]),
        talker(),
        x="true",
    )
    assert arguments_in(lines) == ["--ros-args"]


def test_lifecycle_node_needs_its_full_name(my_robot):
    with pytest.raises(TypeError, match="namespace"):
        LifecycleNode(package="my_robot", executable="talker", name="a")


def test_packages_are_found_in_the_index(my_robot):
    assert performed(FindPackagePrefix("my_robot")) == str(my_robot)
    assert performed(FindPackageShare(["my_", "robot"])) == f"{my_robot}/share/my_robot"


@pytest.mark.parametrize(
    "package, executable, complaint",
    [
        ("no_robot", "talker", "package 'no_robot' not found, searching: "),
        ("my_robot", "walker", "executable 'walker' not found on the libexec directory '"),
    ],
)
def test_executable_that_is_not_there_is_named(launch, my_robot, package, executable, complaint):
    status, lines = launch(Node(package=package, executable=executable))
    assert status == 1
    assert complaint in lines[-1]
