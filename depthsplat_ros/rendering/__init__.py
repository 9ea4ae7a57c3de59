# SPDX-License-Identifier: Apache-2.0
"""Pictures of Gaussians: gsplat on a CUDA device, our own compiled rasteriser on a CPU."""

from depthsplat_ros.rendering.config import RenderingConfig
from depthsplat_ros.rendering.renderer import render, unavailable_reason, warm_up
from depthsplat_ros.rendering.types import (
    Rendering,
    RenderingError,
    RenderingUnavailableError,
)

__all__ = [
    "Rendering",
    "RenderingConfig",
    "RenderingError",
    "RenderingUnavailableError",
    "render",
    "unavailable_reason",
    "warm_up",
]
