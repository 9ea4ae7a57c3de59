# SPDX-License-Identifier: Apache-2.0
"""Stand-in for ROS 2's launch_ros: just enough to launch nodes from Python launch files.

For machines without a ROS installation. Names, behaviour and texts follow launch_ros 0.26 to 0.28
(Jazzy, Kilted).
"""

from launch_ros import actions, substitutions

__all__ = ["actions", "substitutions"]
