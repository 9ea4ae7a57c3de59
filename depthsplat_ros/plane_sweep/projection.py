# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of one view appear in another, as a function of their inverse depth.

A pixel x of the reference at inverse depth d appears in the source at `infinity @ x + d * shift`
(homogeneous, in pixels, the centre of the top-left one being (0, 0)): `infinity` is the homography
of the plane at infinity, `shift` the direction towards the epipole. Everything the sweep knows of
cameras and poses is in these two, computed in double precision.
"""

from dataclasses import dataclass

import torch
from einops import einsum
from jaxtyping import Float, Float64
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """From one reference view's pixels into each of its source views."""

    infinity: Float64[Tensor, "source 3 3"]
    shift: Float64[Tensor, "source 3"]


def relate_views(
    intrinsics: Float64[Tensor, "view 3 3"],
    world_from_camera: Float64[Tensor, "view 4 4"],
    reference: int,
    sources: list[int],
) -> Projection:
    """The projections from the reference into the sources, for intrinsics in pixels.

    Only differences of camera positions enter, so large coordinates cost no precision.
    """
    rotation = world_from_camera[sources, :3, :3].mT @ world_from_camera[reference, :3, :3]
    offset = world_from_camera[reference, :3, 3] - world_from_camera[sources, :3, 3]
    translation = einsum(world_from_camera[sources, :3, :3], offset, "v w c, v w -> v c")
    source_intrinsics = intrinsics[sources]
    return Projection(
        infinity=source_intrinsics @ rotation @ torch.linalg.inv(intrinsics[reference]),
        shift=einsum(source_intrinsics, translation, "v i j, v j -> v i"),
    )


def pixel_intrinsics(
    normalised: Float[Tensor, "view 3 3"], width_px: int, height_px: int
) -> Float64[Tensor, "view 3 3"]:
    """K in pixels, from K over the image size with (0, 0) at the image's corner."""
    size = torch.tensor([width_px, height_px, 1.0], dtype=torch.float64, device=normalised.device)
    intrinsics = normalised.double() * size[:, None]
    intrinsics[:, 0, 2] -= 0.5
    intrinsics[:, 1, 2] -= 0.5
    return intrinsics


def project_to_infinity(
    infinity: Float64[Tensor, "source 3 3"], width_px: int, height_px: int
) -> Float[Tensor, "source 3 height width"]:
    """Homogeneous source pixels of every reference pixel, were it infinitely far away."""
    device = infinity.device
    x = torch.arange(width_px, dtype=torch.float64, device=device)
    y = torch.arange(height_px, dtype=torch.float64, device=device)[:, None]
    columns = infinity[..., None, None]
    return (columns[:, :, 0] * x + columns[:, :, 1] * y + columns[:, :, 2]).float()
