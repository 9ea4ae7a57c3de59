# SPDX-License-Identifier: Apache-2.0
"""Stand-in for ROS 2's command line: `ros2 launch`, `ros2 run` and `ros2 pkg`.

For machines without a ROS installation. Arguments, texts and exit codes follow ros2cli 0.32 to
0.36 (Jazzy, Kilted). On purpose different: `ros2 launch` warns of launch arguments that no
launch file declares; `ros2 run` hands SIGTERM on instead of leaving the executable behind.
"""
