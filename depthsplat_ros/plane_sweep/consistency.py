# SPDX-License-Identifier: Apache-2.0
"""Does the depth of one view agree with what the other views measured themselves?"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from depthsplat_ros.plane_sweep.projection import Projection, project_to_infinity
from depthsplat_ros.plane_sweep.refinement import measure_parallax, project, sample

TOLERANCE = 0.1
"""Relative difference of two depths at which their agreement has fallen to 1/e."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the source views have to say about a depth map, pixel by pixel."""

    seen_by: Int64[Tensor, "height width"]
    """How many sources have the point within their image."""
    agreement: Float[Tensor, "height width"]
    """Sum over the sources of 1 (same depth there) to 0 (hidden, elsewhere, out of view)."""
    parallax_px: Float[Tensor, "height width"]
    """How far the point moved against infinity, in the view (that sees it) where it moved most."""


def gather_evidence(
    inverse_depth: Float[Tensor, "height width"],
    source_inverse_depth: Float[Tensor, "source source_height source_width"],
    projection: Projection,
) -> Evidence:
    """Hold a depth map against the depth maps of its source views, which may be coarser."""
    height, width = inverse_depth.shape
    at_infinity = project_to_infinity(projection.infinity, width, height)
    seen_by = torch.zeros_like(inverse_depth, dtype=torch.int64)
    agreement = torch.zeros_like(inverse_depth)
    parallax_px = torch.zeros_like(inverse_depth)
    infinitely_far = torch.zeros_like(inverse_depth)
    for infinity, shift, measured in zip(
        at_infinity, projection.shift.float(), source_inverse_depth, strict=True
    ):
        pixels, is_seen = project(infinity, shift, inverse_depth)
        expected = inverse_depth / (infinity[2] + inverse_depth * shift[2])
        difference = (sample(measured, pixels) / expected - 1.0).abs_()
        seen_by += is_seen
        agreement += torch.exp(difference / -TOLERANCE) * is_seen
        moved_px = measure_parallax(infinity, shift, inverse_depth, infinitely_far)
        parallax_px = torch.maximum(parallax_px, moved_px * is_seen)
    return Evidence(seen_by=seen_by, agreement=agreement, parallax_px=parallax_px)
