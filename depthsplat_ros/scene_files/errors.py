# SPDX-License-Identifier: Apache-2.0
"""The error of all formats."""

from depthsplat_ros.errors import DepthSplatError


class SceneFileError(DepthSplatError):
    """A file of Gaussians cannot be read or written."""
