# SPDX-License-Identifier: Apache-2.0
"""The launch files as users run them, with programs in place of the executables.

They hold for whichever `ros2` is on the PATH, the real one or the stand-in.
"""

import dataclasses
import os
import re
import runpy
import shutil
import signal
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="no ROS")
if shutil.which("ros2") is None:
    pytest.skip("no ros2 on the PATH", allow_module_level=True)

import yaml
from ament_index_python.packages import get_package_prefix
from commands import NODE_PROGRAM, Command, make_prefix

from depthsplat_ros.ros import novel_view, outputs
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.gaussian_output import GaussianOutputConfig
from depthsplat_ros.ros.virtual_camera import NovelViewConfig
from depthsplat_ros.settings import limits_of

pytestmark = pytest.mark.ros

ROOT = Path(__file__).resolve().parent.parent
LAUNCH_FILES = sorted(path.name for path in (ROOT / "launch").glob("*.py"))
CONFIGS = (NodeConfig, GaussianOutputConfig, NovelViewConfig)
PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"


@pytest.fixture
def prefix(tmp_path):
    prefix = make_prefix(
        tmp_path / "prefix",
        "depthsplat_ros",
        depthsplat_node=NODE_PROGRAM,
        bag_player=NODE_PROGRAM,
        live_evaluation=NODE_PROGRAM,
        simulated_robot=NODE_PROGRAM,
    )
    for name in ("launch", "config"):
        shutil.copytree(ROOT / name, prefix / "share" / "depthsplat_ros" / name)
    return prefix


@pytest.fixture
def launch(prefix, tmp_path):
    """Starts `ros2 launch depthsplat_ros ...`; it does not outlive the test."""
    commands = []

    def start(*words, **environment):
        path = os.pathsep.join(
            [str(prefix), *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
        )
        environment = {
            "AMENT_PREFIX_PATH": path,
            "ROS_LOG_DIR": str(tmp_path / "log"),
            PROFILES: None,
            **environment,
        }
        command = Command("ros2", "launch", "depthsplat_ros", *words, env=environment)
        commands.append(command)
        return command.__enter__()

    yield start
    for command in commands:
        command.__exit__()


def said_by(command, executable, *, processes=1):
    """What the program in place of an executable was started with, once all of them run."""
    while sum(line.rstrip().endswith("] ready") for line in command.lines) < processes:
        command.wait_for(r"\] ready\s*$")
    said = re.findall(rf"^\[{executable}-\d+\] (\w+) (.*?)\s*$", command.output, re.M)
    arguments = next(eval(text) for word, text in said if word == "arguments")
    return Said(
        arguments=arguments,
        remappings=pairs_after("-r", arguments),
        files=[eval(text) for word, text in said if word == "parameters"],
        profiles=next(text for word, text in said if word == "profiles"),
    )


@dataclasses.dataclass
class Said:
    arguments: list
    remappings: dict
    files: list
    profiles: str


def pairs_after(flag, arguments):
    pairs = zip(arguments, arguments[1:], strict=False)
    return dict(word.split(":=") for before, word in pairs if before == flag)


def interrupt(command):
    command.send(signal.SIGINT)
    return command.finish()


@pytest.mark.parametrize("name", LAUNCH_FILES)
def test_every_argument_is_explained(launch, name):
    command = launch(name, "--show-args")
    assert command.finish() == 0
    assert len(re.findall(r"^    '\w+':$", command.output, re.M)) >= 14
    assert "no description given" not in command.output


def test_by_default_the_node_is_left_to_its_parameter_file(launch, prefix):
    command = launch("depth.launch.py")
    said = said_by(command, "depthsplat_node")
    config = prefix / "share" / "depthsplat_ros" / "config"
    assert said.remappings == {"__node": "depthsplat", "__ns": "/"}
    assert [word for word in said.arguments if "params" in word or "yaml" in word] == [
        "--params-file",
        f"{config}/depthsplat.yaml",
    ]
    assert interrupt(command) == 0
    assert "process has finished cleanly" in command.output


def test_arguments_reach_the_node(launch, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("/**: {ros__parameters: {far_m: 7.0}}")
    command = launch(
        "depth.launch.py",
        "image:=/front/image_raw",
        "camera_info:=/front/info",
        "image_transport:=compressed",
        "world_frame:=map",
        "model:=12",
        "device:=cuda:0",
        "precision:=float32",
        "use_sim_time:=true",
        "autostart:=false",
        "namespace:=robot",
        "name:=eye",
        "log_level:=debug",
        f"params_file:={own}",
    )
    said = said_by(command, "depthsplat_node")
    assert said.remappings == {
        "__node": "eye",
        "__ns": "/robot",
        "image": "/front/image_raw",
        "camera_info": "/front/info",
    }
    assert said.files == [
        ["/**:", "{ros__parameters:", "{far_m:", "7.0}}"],
        ["/robot/eye:", "ros__parameters:"]
        + ["autostart:", "false", "device:", "cuda:0", "image_transport:", "compressed"]
        + ["model:", "'12'", "precision:", "float32"]
        + ["use_sim_time:", "true", "world_frame:", "map"],
    ]
    assert said.arguments[:3] == ["--ros-args", "--log-level", "debug"]


def test_large_images_get_their_fast_dds_profile_unless_the_user_has_one(launch, prefix):
    command = launch("demo.launch.py", **{PROFILES: "/mine.xml"})
    for executable in ("depthsplat_node", "simulated_robot"):
        assert said_by(command, executable, processes=2).profiles == "/mine.xml"


@pytest.mark.parametrize("name, other", [("demo", "simulated_robot"), ("replay", "bag_player")])
def test_every_publisher_of_images_gets_the_fast_dds_profile(launch, prefix, name, other):
    profile = f"{prefix}/share/depthsplat_ros/config/fastdds.xml"
    command = launch(f"{name}.launch.py", "bag:=/some/bag")
    for executable in ("depthsplat_node", other):
        assert said_by(command, executable, processes=2).profiles == profile
    assert Path(profile).is_file()


@pytest.mark.parametrize(
    "name, value",
    [("image_transport", "theora"), ("precision", "int4"), ("novel_view_motion", "leap")],
)
def test_value_that_the_node_would_refuse_is_named_before_it_starts(launch, name, value):
    (field,) = (
        field for config in CONFIGS for field in dataclasses.fields(config) if field.name == name
    )
    command = launch("depth.launch.py", f"{name}:={value}")
    assert command.finish() == 1
    assert (
        f'Argument "{name}" provided value "{value}" is not valid. '
        f"Valid options are: {['', *limits_of(field).choices]}"
    ) in command.output


def test_rviz_shows_the_node_under_its_own_name(launch, prefix):
    make_prefix(prefix / "more", "rviz2", rviz2=NODE_PROGRAM)
    shutil.copytree(prefix / "more", prefix, dirs_exist_ok=True)
    command = launch("depth.launch.py", "rviz:=true", "namespace:=robot", "name:=eye")
    said = said_by(command, "rviz2", processes=2)
    display = prefix / "share" / "depthsplat_ros" / "config" / "depthsplat.rviz"
    assert said.arguments[:3] == ["-d", str(display), "--ros-args"]
    shown = {topic for topic in shown_topics() if topic in said.remappings}
    assert shown == shown_topics()
    assert said.remappings["/depthsplat/points"] == "eye/points"
    assert said.remappings["__ns"] == "/robot"


def shown_topics():
    displays = yaml.safe_load((ROOT / "config" / "depthsplat.rviz").read_text())
    displays = displays["Visualization Manager"]["Displays"]
    return {display["Topic"]["Value"] for display in displays if "Topic" in display}


def test_display_shows_topics_that_the_node_publishes():
    published = {*outputs.TOPICS, *novel_view.TOPICS}
    assert shown_topics() <= {f"/depthsplat/{topic}" for topic in published}


def test_launched_parameters_are_parameters_of_the_node():
    names = runpy.run_path(str(ROOT / "launch" / "depth.launch.py"))
    fields = {field.name for config in CONFIGS for field in dataclasses.fields(config)}
    launched = {*names["TEXT_PARAMETERS"], *names["TRUTH_PARAMETERS"]}
    assert launched <= fields | {"use_sim_time"}


def test_replay_runs_on_the_bags_time(launch):
    command = launch("replay.launch.py", "bag:=/some/bag", "rate:=2", "namespace:=robot")
    node = said_by(command, "depthsplat_node", processes=2)
    player = said_by(command, "bag_player", processes=2)
    assert node.files[-1][-2:] == ["use_sim_time:", "true"]
    assert player.files == [
        ["/robot/bag_player:", "ros__parameters:", "bag:", "/some/bag"]
        + [
            "camera_info_topic:",
            "''",
            "image_listeners:",
            "1",
            "image_topic:",
            "''",
            "loop:",
            "false",
            "rate:",
            "2.0",
        ]
    ]
    assert player.remappings == {"__node": "bag_player", "__ns": "/robot"}
    assert interrupt(command) == 0


@pytest.mark.parametrize("given, expected", [("", "/cam/camera_info"), ("/info", "/info")])
@pytest.mark.parametrize("suffix", ["", "/compressed"])
def test_replayed_topics_arrive_where_the_node_listens(launch, suffix, given, expected):
    image = f"/cam/image_raw{suffix}"
    words = [f"image:={image}", *([f"camera_info:={given}"] if given else [])]
    command = launch("replay.launch.py", "bag:=1", *words)
    node = said_by(command, "depthsplat_node", processes=2)
    player = said_by(command, "bag_player", processes=2)
    assert node.remappings["image"] == image  # the node knows what /compressed means
    assert player.remappings["image"] == "/cam/image_raw"
    assert player.remappings["image/compressed"] == "/cam/image_raw/compressed"
    assert player.remappings["camera_info"] == expected
    assert node.remappings.get("camera_info", "/cam/camera_info") == expected
    topics = ["camera_info_topic:", given or "''", "image_listeners:", "1", "image_topic:", image]
    assert player.files[0][2:10] == ["bag:", "'1'", *topics]


def test_replay_scores_what_is_published_if_asked(launch):
    command = launch("replay.launch.py", "bag:=/some/bag", "evaluate:=true", "name:=eyes")
    scorer = said_by(command, "live_evaluation", processes=3)
    player = said_by(command, "bag_player", processes=3)
    assert "image_listeners: 2" in " ".join(player.files[0])
    assert "bag: /some/bag" in " ".join(scorer.files[0])
    assert "depth_node: eyes" in " ".join(scorer.files[0])
    assert interrupt(command) == 0


def test_replay_needs_a_bag(launch):
    command = launch("replay.launch.py")
    assert command.finish() == 1
    assert "missing required argument 'bag' (description: 'The rosbag2 to play" in command.output


def replace_program(prefix, name, text):
    path = prefix / "lib" / "depthsplat_ros" / name
    shebang = path.read_text().splitlines()[0]
    path.write_text(f"{shebang}\n{text}")


def test_bag_that_cannot_be_played_ends_the_replay(launch, prefix):
    replace_program(prefix, "bag_player", "raise SystemExit('no such bag')")
    command = launch("replay.launch.py", "bag:=/some/bag")
    assert command.finish() == 0
    assert re.search(r"\[bag_player-2\] no such bag", command.output)
    assert "process[bag_player-2] was required: shutting down launched system" in command.output


def test_end_of_the_bag_leaves_the_results_there(launch, prefix):
    replace_program(prefix, "bag_player", "print('ready'); print('played')")
    command = launch("replay.launch.py", "bag:=/some/bag")
    said_by(command, "depthsplat_node", processes=2)
    if "bag_player-2]: process has finished cleanly" not in command.output:
        command.wait_for(r"bag_player-2\]: process has finished cleanly")
    node_pid = re.search(r"depthsplat_node-1\]: process started with pid \[(\d+)", command.output)[
        1
    ]
    os.kill(int(node_pid), signal.SIGINT)
    command.wait_for(r"\[depthsplat_node-1\] got SIGINT")
    assert command.finish() == 0
    assert "sending signal" not in command.output


def test_demo_ends_with_the_robot(launch, prefix):
    replace_program(prefix, "simulated_robot", "print('ready')")
    command = launch("demo.launch.py", "world_frame:=map")
    assert command.finish() == 0
    assert "process[simulated_robot-2] was required" in command.output


def test_real_node_starts_and_ends_cleanly(tmp_path):
    try:
        get_package_prefix("depthsplat_ros")
    except LookupError:
        pytest.skip("the package is not built")
    words = ("ros2", "launch", "depthsplat_ros", "depth.launch.py", "autostart:=false")
    with Command(*words, env={"ROS_LOG_DIR": str(tmp_path)}) as command:
        command.wait_for(r"^\[depthsplat_node-1\].*\[depthsplat\]: inactive")
        assert interrupt(command) == 0
        assert "[depthsplat_node-1]: process has finished cleanly" in command.output
        assert "Traceback" not in command.output
