# SPDX-License-Identifier: Apache-2.0
"""Launches a simulated robot, which drives through a room, and the depth node on its camera.

Arguments of depth.launch.py hold here too; `rviz:=true` shows what comes out.
"""

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """The robot, and what depth.launch.py launches."""
    return LaunchDescription(
        [
            # First, because it sets the environment of everything that publishes images.
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(
                    PathJoinSubstitution(
                        [FindPackageShare("depthsplat_ros"), "launch", "depth.launch.py"]
                    )
                )
            ),
            Node(
                package="depthsplat_ros",
                executable="simulated_robot",
                name="simulated_robot",
                namespace=LaunchConfiguration("namespace"),
                output="screen",
                on_exit=Shutdown(reason="the simulated robot has ended"),
            ),
        ]
    )
