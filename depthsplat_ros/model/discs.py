# SPDX-License-Identifier: Apache-2.0
"""One Gaussian per pixel of depth maps: a small disc on the surface, of the pixel's colour.

A network of ours says of each pixel how its Gaussian differs from this disc; saying nothing, which
is where it starts from, it leaves the disc. Nothing here has a unit of its own: lengths are those
of the depth, so everything scales with the poses.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.harmonics import CONSTANT_HARMONIC
from depthsplat_ros.model.pixels import pixel_centres
from depthsplat_ros.model.quaternions import multiply_quaternions, quaternion_from_rotation

DISC_PIXELS = 0.5
"""Standard deviation of a disc over the distance of neighbouring pixels on the surface."""
DISC_THICKNESS = 0.1
"""Over its standard deviation."""
MAXIMUM_TILT_DEG = 70.0
"""Surfaces seen at a more grazing angle get the disc of this one, or discs would become rods."""
OPACITIES = (0.7, 0.95)
"""At confidence 0 and from confidence 1 on."""

OPACITY, OFFSET, SCALE, ROTATION, COLOUR = (
    slice(0, 1),
    slice(1, 3),
    slice(3, 6),
    slice(6, 9),
    slice(9, 12),
)
"""Where each difference from a disc lies among a network's raw channels."""
CHANGE_CHANNELS = 12


def discs_on_surface(
    depth_m: Float[Tensor, "batch view height width"],
    confidence: Float[Tensor, "batch view height width"],
    images: Float[Tensor, "batch view 3 height width"],
    intrinsics: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
) -> GaussianScene:
    """Discs in the world frame, in the order view, row, column, of one colour from all sides.

    Args:
        depth_m: along the optical axis; finite and positive everywhere.
        confidence: 0 to 1; becomes opacity.
        images: RGB in [0, 1].
        intrinsics: over the image's size.
        world_from_camera: rigid.
    """
    slopes = _ray_slopes(intrinsics, *depth_m.shape[-2:])
    points = F.pad(slopes, (0, 1), value=1.0) * depth_m[..., None]
    rays = F.normalize(points, dim=-1)
    focal_px = _focal_px(intrinsics, *depth_m.shape[-2:])
    normals = _limit_tilt(_surface_normals(depth_m, slopes, focal_px), rays)
    spread = depth_m * (DISC_PIXELS / focal_px.prod(dim=-1).sqrt())[..., None, None]
    # On a surface that leans away the pixels' points lie farther apart.
    stretch = 1 / (rays * normals).sum(dim=-1)
    turns = quaternion_from_rotation(world_from_camera[:, :, None, :3, :3]).to(depth_m.dtype)
    low, high = OPACITIES
    colours = rearrange(images, "b v colour h w -> b v h w colour")
    columns = world_from_camera[:, :, None, None, :3].unbind(dim=-1)
    means = _combine(columns[:3], points) + columns[3].to(points)
    return GaussianScene(
        means_m=means.flatten(1, 3),
        scales_m=torch.stack([spread * stretch, spread, spread * DISC_THICKNESS], dim=-1).flatten(
            1, 3
        ),
        rotations_wxyz=multiply_quaternions(
            turns.expand(-1, -1, depth_m[0, 0].numel(), -1).flatten(1, 2),
            _disc_rotations(normals, rays).flatten(1, 3),
        ),
        opacities=(low + (high - low) * confidence.clamp(0, 1)).flatten(1),
        harmonics=((colours - 0.5) / CONSTANT_HARMONIC).flatten(1, 3)[..., None],
    )


def change_discs(
    discs: GaussianScene,
    raw: Float[Tensor, "batch view 12 height width"],
    depth_m: Float[Tensor, "batch view height width"],
    intrinsics: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
    scale_limit: float,
) -> GaussianScene:
    """What a network makes of `discs_on_surface`; raw numbers of zero change nothing.

    A centre moves by up to half a pixel at its depth, a standard deviation grows or shrinks by up
    to `scale_limit` times; a rotation is added, as are logits of opacity and colours.
    """
    height, width = depth_m.shape[-2:]
    shift = (raw[:, :, OFFSET].sigmoid() - 0.5) * depth_m[:, :, None]
    shift = rearrange(shift, "b v xy h w -> b v (h w) xy")
    shift = shift / _focal_px(intrinsics, height, width)[:, :, None]
    moved = _combine(world_from_camera[:, :, None, :3, :2].unbind(dim=-1), shift)
    bound = math.log(scale_limit)
    turns = F.pad(_by_gaussian(raw[:, :, ROTATION]), (1, 0), value=1.0)
    return GaussianScene(
        means_m=discs.means_m + moved.flatten(1, 2),
        scales_m=discs.scales_m * (bound * (_by_gaussian(raw[:, :, SCALE]) / bound).tanh()).exp(),
        rotations_wxyz=multiply_quaternions(discs.rotations_wxyz, F.normalize(turns, dim=-1)),
        opacities=(discs.opacities.logit() + _by_gaussian(raw[:, :, OPACITY])[..., 0]).sigmoid(),
        harmonics=discs.harmonics + _by_gaussian(raw[:, :, COLOUR])[..., None],
    )


def _surface_normals(
    depth_m: Float[Tensor, "batch view height width"],
    slopes: Float[Tensor, "batch view height width 2"],
    focal_px: Float[Tensor, "batch view 2"],
) -> Float[Tensor, "batch view height width 3"]:
    """Unit normals in the camera's frame, pointing away from the camera.

    The inverse depth of a plane is linear in the pixel's place: its slopes are the normal.
    """
    inverse = depth_m.reciprocal()
    padded = F.pad(inverse.flatten(0, 1)[:, None], (2, 2, 2, 2), mode="replicate")
    # Slopes of the least squares plane over 5 x 5 pixels: noise must not tilt single discs.
    across = _slope(F.avg_pool2d(padded, (5, 1), stride=1), axis=-1)
    down = _slope(F.avg_pool2d(padded, (1, 5), stride=1), axis=-2)
    normals = torch.cat([across, down], dim=1).permute(0, 2, 3, 1)
    normals = normals.unflatten(0, depth_m.shape[:2]) * focal_px[:, :, None, None]
    forward = inverse - (normals * slopes).sum(dim=-1)
    return F.normalize(torch.cat([normals, forward[..., None]], dim=-1), dim=-1)


def _slope(values: Float[Tensor, "image 1 _ _"], *, axis: int) -> Float[Tensor, "image 1 _ _"]:
    """Of the least squares line through five neighbours along an axis, which loses four cells.

    Differences, not a convolution: a GPU may round a convolution's inputs to 10 bits.
    """
    count = values.shape[axis] - 4
    a, b, _, d, e = (values.narrow(axis, start, count) for start in range(5))
    return 0.2 * (e - a) + 0.1 * (d - b)


def _limit_tilt(normals: Float[Tensor, "... 3"], rays: Float[Tensor, "... 3"]) -> Tensor:
    """The normals, turned towards their rays where they lean away too far."""
    cosine = (rays * normals).sum(dim=-1, keepdim=True)
    limit = math.radians(MAXIMUM_TILT_DEG)
    sideways = F.normalize(normals - cosine * rays, dim=-1)
    limited = math.cos(limit) * rays + math.sin(limit) * sideways
    return torch.where(cosine < math.cos(limit), limited, normals)


def _disc_rotations(normals: Float[Tensor, "... 3"], rays: Float[Tensor, "... 3"]) -> Tensor:
    """Quaternions (w, x, y, z): z becomes the normal, x the steepest direction on the disc.

    A turn about z, then the shortest way from z to the normal.
    """
    x, y, z = normals.unbind(dim=-1)
    ray_x, ray_y, ray_z = rays.unbind(dim=-1)
    common = (ray_x * x + ray_y * y) / (1 + z) + ray_z
    half = torch.atan2(ray_y - y * common, ray_x - x * common) / 2
    zero = torch.zeros_like(half)
    about_z = torch.stack([half.cos(), zero, zero, half.sin()], dim=-1)
    shortest = F.normalize(torch.stack([1 + z, -y, x, zero], dim=-1), dim=-1)
    return multiply_quaternions(shortest, about_z)


def _ray_slopes(
    intrinsics: Float[Tensor, "batch view 3 3"], height: int, width: int
) -> Float[Tensor, "batch view height width 2"]:
    """(x, y) at depth 1 on the ray of every pixel's centre."""
    centres = pixel_centres(height, width, intrinsics.device).permute(1, 2, 0)
    principal, focal = intrinsics[:, :, None, None, :2, 2], _diagonal(intrinsics)
    return (centres - principal) / focal[:, :, None, None]


def _focal_px(
    intrinsics: Float[Tensor, "batch view 3 3"], height: int, width: int
) -> Float[Tensor, "batch view 2"]:
    x, y = _diagonal(intrinsics).unbind(dim=-1)
    return torch.stack([x * width, y * height], dim=-1)


def _diagonal(intrinsics: Float[Tensor, "batch view 3 3"]) -> Float[Tensor, "batch view 2"]:
    return intrinsics.diagonal(dim1=-2, dim2=-1)[..., :2]


def _combine(columns: Sequence[Tensor], values: Float[Tensor, "... n"]) -> Float[Tensor, "... 3"]:
    """The product of a matrix, given by its columns, and vectors, in all digits of float32.

    A GPU may round the inputs of its own products to 10 bits.
    """
    return sum(
        column.to(values) * part[..., None]
        for column, part in zip(columns, values.unbind(dim=-1), strict=True)
    )


def _by_gaussian(
    values: Float[Tensor, "batch view c height width"],
) -> Float[Tensor, "batch gaussian c"]:
    return rearrange(values, "b v c h w -> b (v h w) c")
