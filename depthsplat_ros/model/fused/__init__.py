# SPDX-License-Identifier: Apache-2.0
"""Triton kernels for what PyTorch does in many passes over memory; for float16 on GPUs.

Importing this needs Triton, so others ask `depthsplat_ros.model.acceleration` for it. Every
kernel has a twin in plain PyTorch where it is called from, which says what it computes.
"""

from depthsplat_ros.model.fused.gaussians import write_gaussians
from depthsplat_ros.model.fused.maps import activate, place_channels, resize
from depthsplat_ros.model.fused.matching import match_views
from depthsplat_ros.model.fused.normalisation import normalise

__all__ = [
    "activate",
    "match_views",
    "normalise",
    "place_channels",
    "resize",
    "write_gaussians",
]
