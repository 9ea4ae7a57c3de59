# SPDX-License-Identifier: Apache-2.0
"""Depth between the planes: small moves of a depth map, judged by correlation of warped images.

Every pixel of a patch is warped by its own depth, so patches lie on the surface found so far,
slanted or curved, where the planes of the sweep could only stand parallel to the image.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from depthsplat_ros.plane_sweep.filters import BoxMean, GuidedFilter
from depthsplat_ros.plane_sweep.projection import Projection, project_to_infinity

MOVES = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Candidate moves in steps: plane spacings, unless these are finer than pixels."""
REACH_PX = 1.0
LARGEST_STRETCH = 4.0
"""Steps are at most this many plane spacings, where hardly any parallax is."""
PATCH_RADIUS_PX = 2
NOISE_VARIANCE = 3e-4
"""Added to the variance of a patch (grey in [0, 1]), so that noise does not correlate."""
UNCORRELATED = 0.5
"""The cost of images that have nothing to do with each other."""
UNSEEN = 2.0
"""More than the cost of the worst correlation."""
NEAREST_DEPTH = 1e-6


def refine(
    inverse_depth: Float[Tensor, "height width"],
    reference_grey: Float[Tensor, "height width"],
    source_grey: Float[Tensor, "source height width"],
    projection: Projection,
    guided_filter: GuidedFilter,
    *,
    spacing: float,
    prior: float,
) -> Float[Tensor, "height width"]:
    """The inverse depth, moved a little where the images ask for it.

    A pixel moves by at most one plane spacing, or by what moves it by `REACH_PX` in another view
    if that is more: where planes are closer than pixels, the best plane may be several off.

    Args:
        inverse_depth: of the reference view, in 1/m.
        reference_grey: its image in [0, 1].
        source_grey: the images matched with it.
        projection: from the reference into the sources.
        guided_filter: averages costs along the edges of the reference image.
        spacing: distance of two planes, in 1/m.
        prior: cost of a move by 1 px in the view where the point moves most; it grows with the
            square of the move, so that a pixel without texture stays where it is.
    """
    height, width = reference_grey.shape
    at_infinity = project_to_infinity(projection.infinity, width, height)
    shifts = projection.shift.float()
    spacing_px = torch.zeros_like(inverse_depth)
    for infinity, shift in zip(at_infinity, shifts, strict=True):
        moved_px = measure_parallax(infinity, shift, inverse_depth, inverse_depth + spacing)
        spacing_px = torch.maximum(spacing_px, moved_px)
    stretch = (REACH_PX / spacing_px).clamp_(1.0, LARGEST_STRETCH)
    step = stretch * spacing
    moves = torch.tensor(MOVES, device=inverse_depth.device)[:, None, None]
    candidates = (inverse_depth + moves * step).clamp_(min=1e-3 * spacing)

    mean = BoxMean(PATCH_RADIUS_PX, reference_grey)
    reference_mean = mean(reference_grey)
    reference_variance = mean(reference_grey.square()) - reference_mean.square()
    best = [torch.full_like(candidates, UNSEEN) for _ in range((len(source_grey) + 1) // 2)]
    for grey, infinity, shift in zip(source_grey, at_infinity, shifts, strict=True):
        pixels, is_seen = project(infinity, shift, candidates)
        warped = sample(grey, pixels)
        warped_mean = mean(warped)
        variance = mean(warped.square()).addcmul_(warped_mean, warped_mean, value=-1.0)
        covariance = mean(warped * reference_grey)
        covariance.addcmul_(warped_mean, reference_mean, value=-1.0)
        norm = (variance.clamp_(min=0.0) + NOISE_VARIANCE) * (reference_variance + NOISE_VARIANCE)
        cost = covariance.mul_(norm.rsqrt_()).clamp_(-1.0, 1.0).mul_(-0.5).add_(0.5)
        cost = cost.masked_fill_(~is_seen, UNSEEN)
        for index, values in enumerate(best):
            best[index], cost = torch.minimum(values, cost), torch.maximum(values, cost)
    stacked = torch.stack(best)
    is_seen = stacked < UNSEEN
    cost = (stacked * is_seen).sum(0) / is_seen.sum(0)
    cost = cost.nan_to_num_(nan=UNCORRELATED)
    step_px = spacing_px * stretch
    cost = guided_filter(cost).addcmul_(moves.square(), step_px.square(), value=prior)
    return torch.where(is_seen.any(0).all(0), inverse_depth + _vertex(cost) * step, inverse_depth)


def project(
    infinity: Float[Tensor, "3 height width"],
    shift: Float[Tensor, "3"],
    inverse_depth: Float[Tensor, "*candidate height width"],
) -> tuple[Float[Tensor, "*candidate height width 2"], Tensor]:
    """Source pixels of the reference's pixels over the source's size, and which it sees.

    (-1, -1) is the image's top-left corner and (1, 1) the opposite one, as `sample` takes it.
    """
    height, width = infinity.shape[1:]
    depth = infinity[2] + inverse_depth * shift[2]
    # A point behind the source gets a huge coordinate, hence out of view.
    scale = depth.clamp_(min=NEAREST_DEPTH).reciprocal_()
    x, y = (
        (inverse_depth * shift[axis] + infinity[axis]).mul_(scale).add_(0.5).mul_(2.0 / size)
        for axis, size in enumerate((width, height))
    )
    pixels = torch.stack([x.sub_(1.0), y.sub_(1.0)], -1)
    return pixels, torch.maximum(x.abs_(), y.abs_()) <= 1.0


def measure_parallax(
    infinity: Float[Tensor, "3 height width"],
    shift: Float[Tensor, "3"],
    inverse_depth: Float[Tensor, "height width"],
    other_inverse_depth: Float[Tensor, "height width"],
) -> Float[Tensor, "height width"]:
    """How many source pixels lie between a pixel at one inverse depth and at another."""
    height, width = infinity.shape[1:]
    half_size = torch.tensor([width / 2, height / 2], device=inverse_depth.device)
    here, _ = project(infinity, shift, inverse_depth)
    there, _ = project(infinity, shift, other_inverse_depth)
    return ((here - there) * half_size).norm(dim=-1)


def sample(
    image: Float[Tensor, "image_height image_width"],
    pixels: Float[Tensor, "*candidate height width 2"],
) -> Float[Tensor, "*candidate height width"]:
    """The image at fractional pixels as `project` gives them, bilinear, its border repeated."""
    sampled = functional.grid_sample(
        image[None, None],
        pixels.reshape(1, -1, *pixels.shape[-2:]),
        padding_mode="border",
        align_corners=False,
    )
    return sampled.view(pixels.shape[:-1])


def _vertex(cost: Float[Tensor, "move height width"]) -> Float[Tensor, "height width"]:
    """The cheapest move in steps, from a parabola through it and its neighbours."""
    inner = cost.argmin(0).clamp_(1, len(MOVES) - 2)
    before, here, after = (cost.gather(0, (inner + step)[None])[0] for step in (-1, 0, 1))
    curvature = (before - 2.0 * here + after).clamp_(min=1e-9)
    offset = (0.5 * (before - after) / curvature).clamp_(-1.0, 1.0)
    return MOVES[0] + (inner + offset) * (MOVES[1] - MOVES[0])
