# SPDX-License-Identifier: Apache-2.0
"""Launches the depth node for one camera.

The camera's and the robot's drivers have to run: they provide the images, the CameraInfo and TF.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

CONFIG_FOLDER = [FindPackageShare("depthsplat_ros"), "config"]
FASTDDS_PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"
TRUTHS = {"true": True, "false": False}
# Topics of the node that config/depthsplat.rviz shows.
DISPLAYED_TOPICS = ("points", "image_rect", "depth/image_rect", "confidence", "novel_view/image")
# An argument left empty leaves the topic of its name to the node.
REMAPPED_TOPICS = ("image", "camera_info")
# An argument left empty leaves the parameter of its name to params_file.
TEXT_PARAMETERS = (
    *("world_frame", "image_transport", "model", "device", "precision"),
    *("novel_view_frame", "novel_view_motion", "save_directory"),
)
TRUTH_PARAMETERS = ("use_sim_time", "autostart")


def generate_launch_description() -> LaunchDescription:
    """The node, and rviz2 if asked for."""
    return LaunchDescription(
        [
            *declare_arguments(),
            # Fast DDS loses big best-effort images unless their publisher has a larger segment.
            SetEnvironmentVariable(
                FASTDDS_PROFILES,
                EnvironmentVariable(
                    FASTDDS_PROFILES,
                    default_value=[PathJoinSubstitution([*CONFIG_FOLDER, "fastdds.xml"])],
                ),
            ),
            OpaqueFunction(function=make_nodes),
        ]
    )


def declare_arguments() -> list[DeclareLaunchArgument]:
    """All arguments, each with a description: `--show-args` is the manual."""
    return [
        DeclareLaunchArgument(
            "image",
            default_value="",
            description="Topic of the images, e.g. /camera/image_raw; if empty, image in the "
            "node's namespace.",
        ),
        DeclareLaunchArgument(
            "camera_info",
            default_value="",
            description="Topic of the camera's CameraInfo; if empty, camera_info beside the "
            "images.",
        ),
        DeclareLaunchArgument(
            "image_transport",
            default_value="",
            description="How the images arrive; if empty, as params_file says.",
            choices=["", "auto", "raw", "compressed"],
        ),
        DeclareLaunchArgument(
            "world_frame",
            default_value="",
            description="TF frame that stands still, e.g. odom or map; "
            "if empty, as params_file says.",
        ),
        DeclareLaunchArgument(
            "model",
            default_value="",
            description="What estimates the depth: a network's name, e.g. tiny, the path of its "
            "file, or plane-sweep; if empty, as params_file says.",
        ),
        DeclareLaunchArgument(
            "device",
            default_value="",
            description="Where it computes: auto, cpu, cuda or cuda:N; "
            "if empty, as params_file says.",
        ),
        DeclareLaunchArgument(
            "precision",
            default_value="",
            description="How exactly a network computes; auto is fast on a GPU; "
            "if empty, as params_file says.",
            choices=["", "auto", "float32", "fast"],
        ),
        DeclareLaunchArgument(
            "novel_view_frame",
            default_value="",
            description="Optical TF frame of the virtual camera that renders novel views; if "
            "empty, as params_file says.",
        ),
        DeclareLaunchArgument(
            "novel_view_motion",
            default_value="",
            description="How the virtual camera moves if it has no frame; if empty, as "
            "params_file says.",
            choices=["", "orbit", "offset", "look_back", "follow"],
        ),
        DeclareLaunchArgument(
            "save_directory",
            default_value="",
            description="Folder that ~/save_gaussians writes into; if empty, as params_file says.",
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=PathJoinSubstitution([*CONFIG_FOLDER, "depthsplat.yaml"]),
            description="YAML file with the node's parameters.",
        ),
        DeclareLaunchArgument(
            "namespace", default_value="", description="Namespace of the node and its topics."
        ),
        DeclareLaunchArgument("name", default_value="depthsplat", description="Name of the node."),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="",
            description="Take the time from /clock; if empty, as params_file says.",
            choices=["", *TRUTHS],
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value="",
            description="Configure and activate the node at once, instead of leaving it to "
            "`ros2 lifecycle`; if empty, as params_file says.",
            choices=["", *TRUTHS],
        ),
        DeclareLaunchArgument(
            "rviz",
            default_value="false",
            description="Show the results in rviz2 as well.",
            choices=list(TRUTHS),
        ),
        DeclareLaunchArgument(
            "log_level",
            default_value="info",
            description="Least severe messages that the node logs.",
            choices=["debug", "info", "warn", "error", "fatal"],
        ),
        DeclareLaunchArgument(
            "respawn",
            default_value="false",
            description="Start the node again if it ends by itself.",
            choices=list(TRUTHS),
        ),
    ]


def make_nodes(context: LaunchContext) -> list[Node]:
    """The processes to start, once the arguments are known."""

    def value_of(argument: str) -> str:
        return LaunchConfiguration(argument).perform(context)

    parameters = {name: value_of(name) for name in TEXT_PARAMETERS if value_of(name)}
    parameters |= {name: TRUTHS[value_of(name)] for name in TRUTH_PARAMETERS if value_of(name)}
    node = Node(
        package="depthsplat_ros",
        executable="depthsplat_node",
        name=value_of("name"),
        namespace=value_of("namespace"),
        parameters=[value_of("params_file"), *([parameters] if parameters else [])],
        remappings=[(name, value_of(name)) for name in REMAPPED_TOPICS if value_of(name)],
        ros_arguments=["--log-level", value_of("log_level")],
        output="screen",
        respawn=TRUTHS[value_of("respawn")],
    )
    return [node, make_rviz(context)] if TRUTHS[value_of("rviz")] else [node]


def make_rviz(context: LaunchContext) -> Node:
    """rviz2 with the package's display of the results."""
    name = LaunchConfiguration("name").perform(context)
    world_frame = LaunchConfiguration("world_frame").perform(context)
    use_sim_time = LaunchConfiguration("use_sim_time").perform(context)
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=LaunchConfiguration("namespace"),
        arguments=[
            "-d",
            PathJoinSubstitution([*CONFIG_FOLDER, "depthsplat.rviz"]),
            *(["-f", world_frame] if world_frame else []),
        ],
        parameters=[{"use_sim_time": TRUTHS.get(use_sim_time, False)}],
        remappings=[(f"/depthsplat/{topic}", f"{name}/{topic}") for topic in DISPLAYED_TOPICS],
        output="screen",
    )
