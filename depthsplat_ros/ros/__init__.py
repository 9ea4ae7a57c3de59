# SPDX-License-Identifier: Apache-2.0
"""The ROS layer: it translates messages and owns no algorithm."""
