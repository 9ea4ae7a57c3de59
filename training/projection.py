# SPDX-License-Identifier: Apache-2.0
"""Pixels to points in the world, and back into other views."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from depthsplat_ros.model.matrices import invert_3x3
from depthsplat_ros.model.pixels import pixel_centres


def unproject(
    depth_m: Float[Tensor, "batch view height width"],
    intrinsics: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
) -> Float[Tensor, "batch view height width 3"]:
    """Points in the world; the intrinsics are over the image's size."""
    centres = pixel_centres(*depth_m.shape[-2:], depth_m.device)
    places = torch.cat([centres, torch.ones_like(centres[:1])])
    matrix = world_from_camera[..., :3, :3] @ invert_3x3(intrinsics)
    points = torch.einsum("bvij,jhw->bvhwi", matrix, places) * depth_m[..., None]
    return points + world_from_camera[:, :, None, None, :3, 3]


def project(
    points_m: Float[Tensor, "batch point 3"],
    intrinsics: Float[Tensor, "batch 3 3"],
    world_from_camera: Float[Tensor, "batch 4 4"],
) -> tuple[Float[Tensor, "batch point 2"], Float[Tensor, "batch point"]]:
    """Places over the size of an image, and depths along its optical axis."""
    local = (points_m - world_from_camera[:, None, :3, 3]) @ world_from_camera[:, :3, :3]
    depth_m = local[..., 2]
    imaged = local @ intrinsics.mT
    return imaged[..., :2] / depth_m.clamp(min=1e-6)[..., None], depth_m


def pixels_at(
    place: Float[Tensor, "batch point 2"], height: int, width: int
) -> tuple[Int64[Tensor, "batch point"], Bool[Tensor, "batch point"]]:
    """The pixel that each place falls into, counted row by row, and whether it is in the image.

    Outside it is the nearest one.
    """
    is_inside = ((place >= 0) & (place < 1)).all(dim=-1)
    x, y = place.clamp(0, 1).unbind(dim=-1)
    column, row = (
        (x * width).long().clamp(max=width - 1),
        (y * height).long().clamp(max=height - 1),
    )
    return row * width + column, is_inside
