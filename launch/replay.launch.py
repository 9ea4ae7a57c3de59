# SPDX-License-Identifier: Apache-2.0
"""Plays a recorded bag and launches the depth node on it.

The bag has to hold images, their CameraInfo and TF. Arguments of depth.launch.py hold here too.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

AWAIT_EVALUATION = {"image_listeners": 2, "subscriber_timeout_s": 300.0}
"""The node and who scores it both listen; an evaluation without them is worth nothing."""


def generate_launch_description() -> LaunchDescription:
    """The player, and what depth.launch.py launches, on the bag's time."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "bag", description="The rosbag2 to play: its folder, or its .mcap or .db3 file."
            ),
            DeclareLaunchArgument(
                "rate", default_value="1.0", description="How fast to play; 2.0 is twice as fast."
            ),
            DeclareLaunchArgument(
                "loop",
                default_value="false",
                description="Begin again at the end of the bag.",
                choices=["true", "false"],
            ),
            DeclareLaunchArgument(
                "image",
                default_value="",
                description="Topic of the images in the bag; if empty, found by type and name.",
            ),
            DeclareLaunchArgument(
                "camera_info",
                default_value="",
                description="Topic of the camera's CameraInfo in the bag; if empty, the one that "
                "belongs to the images.",
            ),
            DeclareLaunchArgument(
                "image_listeners",
                default_value="1",
                description="Begin once so many listen to the images.",
            ),
            DeclareLaunchArgument(
                "evaluate",
                default_value="false",
                description="Score the published depth against the bag, and end with it.",
                choices=["true", "false"],
            ),
            DeclareLaunchArgument(
                "evaluation_output",
                default_value="evaluation",
                description="Folder for evaluation.json and report.html, if evaluate is true.",
            ),
            # First, because it sets the environment of everything that publishes images.
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(
                    PathJoinSubstitution(
                        [FindPackageShare("depthsplat_ros"), "launch", "depth.launch.py"]
                    )
                ),
                launch_arguments=[("use_sim_time", "true")],
            ),
            OpaqueFunction(function=make_player),
            OpaqueFunction(function=make_evaluation),
        ]
    )


def make_player(context: LaunchContext) -> list[Node]:
    """The process that plays the bag, once the arguments are known.

    It publishes on `image` or `image/compressed`, and on `camera_info`; these are remapped to
    where the node listens.
    """
    image = LaunchConfiguration("image").perform(context)
    camera_info = LaunchConfiguration("camera_info").perform(context)
    base = image.removesuffix("/compressed")
    remappings = []
    if image:
        remappings += [("image", base), ("image/compressed", f"{base}/compressed")]
    if image or camera_info:
        beside_images = "/".join([*base.split("/")[:-1], "camera_info"])
        remappings.append(("camera_info", camera_info or beside_images))
    return [
        Node(
            package="depthsplat_ros",
            executable="bag_player",
            name="bag_player",
            namespace=LaunchConfiguration("namespace"),
            parameters=[
                {
                    "bag": ParameterValue(LaunchConfiguration("bag"), value_type=str),
                    "rate": ParameterValue(LaunchConfiguration("rate"), value_type=float),
                    "loop": ParameterValue(LaunchConfiguration("loop"), value_type=bool),
                    "image_listeners": ParameterValue(
                        LaunchConfiguration("image_listeners"), value_type=int
                    ),
                    "image_topic": image,
                    "camera_info_topic": camera_info,
                    **(AWAIT_EVALUATION if is_evaluated(context) else {}),
                }
            ],
            remappings=remappings,
            output="screen",
            on_exit=shut_down_after_failure,
        )
    ]


def make_evaluation(context: LaunchContext) -> list[Node]:
    """The process that scores the published depth, if that is wanted; everything ends with it."""
    if not is_evaluated(context):
        return []
    image = LaunchConfiguration("image").perform(context)
    base = image.removesuffix("/compressed")
    remappings = [("image", base), ("image/compressed", f"{base}/compressed")] if image else []
    return [
        Node(
            package="depthsplat_ros",
            executable="live_evaluation",
            name="live_evaluation",
            namespace=LaunchConfiguration("namespace"),
            parameters=[
                {
                    "bag": ParameterValue(LaunchConfiguration("bag"), value_type=str),
                    "output": ParameterValue(
                        LaunchConfiguration("evaluation_output"), value_type=str
                    ),
                    "depth_node": LaunchConfiguration("name"),
                    "rate": ParameterValue(LaunchConfiguration("rate"), value_type=float),
                    "image_topic": image,
                    "world_frame": LaunchConfiguration("world_frame"),
                }
            ],
            remappings=remappings,
            output="screen",
            on_exit=Shutdown(reason="the depth has been scored"),
        )
    ]


def is_evaluated(context: LaunchContext) -> bool:
    """Whether the published depth is scored."""
    return LaunchConfiguration("evaluate").perform(context) == "true"


def shut_down_after_failure(event: ProcessExited, context: LaunchContext) -> list[Shutdown]:
    """End everything if the player failed; after the last message the results stay."""
    return [Shutdown(reason="the bag could not be played")] if event.returncode else []
