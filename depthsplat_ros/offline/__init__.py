# SPDX-License-Identifier: Apache-2.0
"""The main job on a recording, without ROS: frames in; depth images, a cloud and figures out."""
