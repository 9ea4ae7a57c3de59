# SPDX-License-Identifier: Apache-2.0
"""Trains the checkpoint that comes with depthsplat_ros; not installed with it."""
