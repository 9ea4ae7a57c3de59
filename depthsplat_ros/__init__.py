# SPDX-License-Identifier: Apache-2.0
"""Scale-consistent depth and Gaussians from posed camera images, for ROS 2."""

__version__ = "0.1.0"
