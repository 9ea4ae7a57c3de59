# SPDX-License-Identifier: Apache-2.0
"""Depth hypotheses, and how well the views agree on each of them."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from depthsplat_ros.model.acceleration import fused_kernels
from depthsplat_ros.model.compiled_matching import add_scores
from depthsplat_ros.model.constants import constant_tensor
from depthsplat_ros.model.matrices import invert_3x3, invert_affine

_NEAREST_WARPED_DEPTH = 1e-3
ALL_VIEWS = slice(None)
_WARPED_VALUES_AT_ONCE = {"cpu": 1 << 22, "cuda": 1 << 25}
"""Bound for the size of the one large intermediate, by device; on a CPU it fits the cache."""


def select_neighbours(
    world_from_camera: Float[Tensor, "batch view 4 4"], count: int
) -> Int[Tensor, "batch view neighbour"]:
    """The views each view is matched with, as the published weights were trained.

    Up to three views, all others in ascending order; beyond, the `count` whose camera centres are
    nearest, nearest first. Each view is taken to be nearest to itself, so with coinciding centres
    a view may be matched with itself, which adds no evidence and no error.

    Source: official `encoder_depthsplat.py` (`local_mv_match`).
    """
    batch, views = world_from_camera.shape[:2]
    if views <= 3:
        index = torch.arange(views, device=world_from_camera.device)
        others = torch.arange(views - 1, device=index.device)[None]
        return (others + (others >= index[:, None])).expand(batch, -1, -1)
    centres = world_from_camera[..., :3, 3].float()
    return torch.cdist(centres, centres).argsort()[..., 1 : count + 1]


def space_inverse_depths(
    near_m: Float[Tensor, "batch view"], far_m: Float[Tensor, "batch view"], count: int
) -> Float[Tensor, "batch view candidate 1 1"]:
    """Depth hypotheses per view, in 1/m, evenly spaced in inverse depth from far to near.

    Equal steps in 1/depth are nearly equal steps in the image, so no hypothesis is wasted far
    away.

    Source: DepthSplat (CVPR 2025), cost volume; official `mv_unimatch.py`, first scale.
    """
    return _spread(_expand(1 / far_m), _expand(1 / near_m), count)


def refine_inverse_depths(
    inverse_depth: Float[Tensor, "batch view height width"],
    near_m: Float[Tensor, "batch view"],
    far_m: Float[Tensor, "batch view"],
    step: Float[Tensor, "batch view"],
    count: int,
) -> Float[Tensor, "batch view candidate height width"]:
    """Depth hypotheses per pixel around an estimate, in 1/m.

    They reach from `count / 2` steps below the estimate to one less above; at the ends of the
    range the interval is cut and the hypotheses lie denser.

    Source: official `mv_unimatch.py`, second scale.
    """
    inverse_depth, step = inverse_depth[:, :, None], _expand(step)
    lowest = (inverse_depth - step * (count // 2)).clamp(min=_expand(1 / far_m))
    highest = (inverse_depth + step * (count // 2 - 1)).clamp(max=_expand(1 / near_m))
    return _spread(lowest, highest, count)


def match_views(
    features: Float[Tensor, "batch view channel height width"],
    neighbours: Int[Tensor, "batch reference neighbour"],
    intrinsics_px: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
    inverse_depths: Float[Tensor, "batch reference candidate height_or_1 width_or_1"],
    references: slice = ALL_VIEWS,
) -> Float[Tensor, "batch reference candidate height width"]:
    """Agreement of views, by default of every one, with their neighbours at each depth hypothesis.

    The score is the scaled dot product of a pixel's features with the neighbour's features where
    the hypothesis would put it, averaged over the neighbours; outside their image it counts as 0.
    The warped features, views x channels x candidates x pixels, never exist as a whole: hypotheses
    are taken a few at a time, and on a CPU without gradients one by one, as machine code.

    Cameras are treated as in the official code, because the weights were trained so, also where
    that is not exact:

    - Features sit at whole-pixel coordinates of a plainly scaled camera matrix; there is no
      half-pixel term. A principal point off the centre counts in full.
    - A neighbour is projected with the reference view's intrinsics, not with its own. That is
      exact for one camera per window, and windows have one: in `streaming.continuity` a frame of
      another camera, or of the same one recalibrated, starts a new window.

    What differs from the official code lies before and after. Where an image is cropped, the
    official preparation leaves the principal point where it was, which is right for centred ones
    only; `streaming.working_size` moves it along, and for centred ones both agree. Where depth
    becomes a point, `gaussian_head.decode_means`, each view has its own intrinsics, in both.

    The camera matrices are in pixels of the feature maps; the hypotheses are in 1/m. Neighbours
    and hypotheses are those of the references, all else is of all views.

    Source: official `matching.py`, `mv_unimatch.py`.
    """
    batch, _, channels, height, width = features.shape
    views, candidates = inverse_depths.shape[1:3]
    kernels = fused_kernels(features)
    if kernels is not None and references == ALL_VIEWS:
        matrix, offset = reference_to_neighbour(intrinsics_px, world_from_camera, neighbours)
        return kernels.match_views(
            features, neighbours, matrix, offset, inverse_depths, _NEAREST_WARPED_DEPTH
        )
    batch_index = torch.arange(batch, device=features.device)[:, None]
    # The official order of operations in float32, one matrix after the other: where rounding
    # moves a sample, it then moves it as in the official code.
    camera_matrix = intrinsics_px[:, references].flatten(0, 1)
    camera_from_world = torch.linalg.inv_ex(world_from_camera).inverse
    rays = torch.linalg.inv_ex(camera_matrix).inverse @ pixel_grid(height, width, features.device)
    own_pose = world_from_camera[:, references]
    depth = rearrange(1 / inverse_depths.float(), "b v d h w -> (b v) d (h w)")
    is_compiled = features.device.type == "cpu" and not torch.is_grad_enabled()
    add = add_scores if is_compiled else _add_scores

    own = features[:, references].flatten(0, 1)
    scores = depth.new_zeros(batch * views, candidates, height * width)
    for k in range(neighbours.shape[-1]):
        source = features[batch_index, neighbours[:, :, k]].flatten(0, 1)
        pose = camera_from_world[batch_index, neighbours[:, :, k]] @ own_pose
        pose = pose.flatten(0, 1)
        turned, shift = pose[:, :3, :3] @ rays, pose[:, :3, 3]
        add(scores, own, source, turned, shift, camera_matrix, depth, _NEAREST_WARPED_DEPTH)
    scores /= channels**0.5 * neighbours.shape[-1]
    return rearrange(scores, "(b v) d (h w) -> b v d h w", b=batch, h=height)


def share_of_witnesses(
    neighbours: Int[Tensor, "batch reference neighbour"],
    intrinsics_px: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
    inverse_depths: Float[Tensor, "batch reference candidate height_or_1 width_or_1"],
    height: int,
    width: int,
    references: slice = ALL_VIEWS,
) -> Float[Tensor, "batch reference candidate height width"]:
    """The share of a view's neighbours inside whose image each depth hypothesis lies.

    Arguments as for `match_views`, whose scores divided by this are means over these neighbours.
    """
    matrix, offset = reference_to_neighbour(
        intrinsics_px, world_from_camera, neighbours, references
    )
    rays = rearrange(
        matrix @ pixel_grid(height, width, matrix.device), "b v k p (h w) -> b v k p h w", h=height
    )
    # Times inverse depth instead of depth: the sign and the ratios are the same.
    count = 0.0
    for k in range(neighbours.shape[-1]):
        x, y, z = (
            rays[:, :, k, axis, None] + offset[:, :, k, axis, None, None, None] * inverse_depths
            for axis in range(3)
        )
        is_inside = (
            (z > 0) & (x >= 0) & (y >= 0) & (x <= z * (width - 1)) & (y <= z * (height - 1))
        )
        count = count + is_inside.float()
    return count / neighbours.shape[-1]


def reference_to_neighbour(
    intrinsics_px: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
    neighbours: Int[Tensor, "batch reference neighbour"],
    references: slice = ALL_VIEWS,
) -> tuple[
    Float[Tensor, "batch reference neighbour 3 3"], Float[Tensor, "batch reference neighbour 3"]
]:
    """Matrix M and offset t with `M @ (x, y, 1) * depth + t` the neighbour's image of a pixel.

    Made in float64: the inverse of a camera matrix loses digits that the scores would show.
    """
    batch_index = torch.arange(len(neighbours), device=neighbours.device)[:, None, None]
    camera_matrix = intrinsics_px.double()[:, references, None]
    world_from_camera = world_from_camera.double()
    camera_from_world = invert_affine(world_from_camera)[batch_index, neighbours]
    neighbour_from_reference = camera_from_world @ world_from_camera[:, references, None]
    rotation, translation = (
        neighbour_from_reference[..., :3, :3],
        neighbour_from_reference[..., :3, 3:],
    )
    matrix = camera_matrix @ rotation @ invert_3x3(camera_matrix)
    offset = (camera_matrix @ translation)[..., 0]
    return matrix.float(), offset.float()


@constant_tensor
def pixel_grid(height: int, width: int, device: torch.device) -> Float[Tensor, "3 pixel"]:
    """Homogeneous whole-pixel coordinates (x, y, 1), row by row."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)]).flatten(1).to(device, torch.float32)


def _add_scores(
    scores: Float[Tensor, "image candidate pixel"],
    own: Float[Tensor, "image channel height width"],
    other: Float[Tensor, "image channel height width"],
    turned: Float[Tensor, "image 3 pixel"],
    shift: Float[Tensor, "image 3"],
    camera_matrix: Float[Tensor, "image 3 3"],
    depth: Float[Tensor, "image candidate pixel_or_1"],
    nearest_depth: float,
) -> None:
    """`compiled_matching.add_scores` on any device, with gradients."""
    candidates = depth.shape[1]
    limit = _WARPED_VALUES_AT_ONCE["cuda" if own.is_cuda else "cpu"]
    chunk = max(1, limit // own.numel())
    own = own.flatten(2)[:, :, None]
    for start in range(0, candidates, chunk):
        points = turned[:, :, None] * depth[:, None, start : start + chunk]
        points = points + shift[:, :, None, None]
        points = (camera_matrix @ points.flatten(2)).view_as(points)
        warped = _sample(other, points, nearest_depth)
        scores[:, start : start + chunk] += (warped * own).sum(dim=1)


def _sample(
    source: Float[Tensor, "image channel height width"],
    points: Float[Tensor, "image 3 candidate pixel"],
    nearest_depth: float,
) -> Float[Tensor, "image channel candidate pixel"]:
    height, width = source.shape[-2:]
    x, y, z = points.unbind(dim=1)
    z = z.clamp(min=nearest_depth)
    grid = torch.stack([2 * (x / z) / (width - 1) - 1, 2 * (y / z) / (height - 1) - 1], dim=-1)
    # Places need all digits of float32, even where features do not.
    return F.grid_sample(source.float(), grid, align_corners=True)


def _spread(lowest: Tensor, highest: Tensor, count: int) -> Tensor:
    steps = _unit_steps(count, lowest.device)
    return lowest + steps * (highest - lowest)


@constant_tensor
def _unit_steps(count: int, device: torch.device) -> Float[Tensor, "candidate 1 1"]:
    return torch.linspace(0, 1, count).to(device)[:, None, None]


def _expand(per_view: Float[Tensor, "batch view"]) -> Float[Tensor, "batch view 1 1 1"]:
    return per_view[:, :, None, None, None]
