# SPDX-License-Identifier: Apache-2.0
"""Warping, comparing and averaging in one pass: warped features live in registers only."""

import torch
import triton
import triton.language as tl
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from depthsplat_ros.model.fused.kernel import kernel

_CANDIDATES_AT_ONCE = 32


def match_views(
    features: Float[Tensor, "batch view channel height width"],
    neighbours: Int[Tensor, "batch view neighbour"],
    matrix: Float[Tensor, "batch view neighbour 3 3"],
    offset: Float[Tensor, "batch view neighbour 3"],
    inverse_depths: Float[Tensor, "batch view candidate height_or_1 width_or_1"],
    nearest_depth: float,
) -> Float[Tensor, "batch view candidate height width"]:
    """Scores in the precision of the features, hypotheses last in memory.

    Args:
        features: no copy is made where the channels lie last in memory.
        neighbours: the views that each view is matched with.
        matrix: see `cost_volume.reference_to_neighbour`.
        offset: see there.
        inverse_depths: the hypotheses, in 1/m.
        nearest_depth: depths in the neighbour's frame are at least this.
    """
    batch, views, channels, height, width = features.shape
    candidates, count = inverse_depths.shape[2], neighbours.shape[-1]
    images = batch * views
    first_view = torch.arange(0, images, views, device=features.device)[:, None, None]
    features = rearrange(features, "b v c h w -> (b v) h w c").contiguous()
    inverse_depths = inverse_depths.float().expand(-1, -1, -1, height, width).flatten(0, 1)
    # A hypothesis that holds for all pixels is read from one place, whichever the pixel.
    image_step, candidate_step, row_step, column_step = inverse_depths.stride()
    scores = features.new_empty(images, height, width, candidates)
    _match[(images * height * width,)](
        features,
        (neighbours + first_view).contiguous(),
        matrix.contiguous(),
        offset.contiguous(),
        inverse_depths,
        scores,
        height,
        width,
        candidates,
        image_step,
        candidate_step,
        row_step,
        column_step,
        1 / (channels**0.5 * count),
        nearest_depth,
        NEIGHBOURS=count,
        CHANNELS=channels,
        BLOCK_CHANNELS=triton.next_power_of_2(channels),
        CANDIDATES_AT_ONCE=_CANDIDATES_AT_ONCE,
    )
    return rearrange(scores, "(b v) h w d -> b v d h w", b=batch)


@kernel
def _match(
    features,
    neighbours,
    matrices,
    offsets,
    inverse_depths,
    scores,
    height,
    width,
    candidates,
    image_step,
    candidate_step,
    row_step,
    column_step,
    score_scale,
    nearest_depth,
    NEIGHBOURS: tl.constexpr,
    CHANNELS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
    CANDIDATES_AT_ONCE: tl.constexpr,
):
    """All hypotheses of one pixel."""
    pixel = tl.program_id(0).to(tl.int64)
    image = pixel // (height * width)
    row = (pixel // width) % height
    column = pixel % width
    x = column.to(tl.float32)
    y = row.to(tl.float32)
    channel = tl.arange(0, BLOCK_CHANNELS)
    is_channel = channel < CHANNELS
    reference = tl.load(features + pixel * CHANNELS + channel, is_channel, other=0.0)
    reference = reference.to(tl.float32) * score_scale
    hypotheses = inverse_depths + image * image_step + row * row_step + column * column_step

    for start in range(0, candidates, CANDIDATES_AT_ONCE):
        candidate = start + tl.arange(0, CANDIDATES_AT_ONCE)
        is_candidate = candidate < candidates
        depth = 1.0 / tl.load(hypotheses + candidate * candidate_step, is_candidate, other=1.0)
        score = tl.zeros([CANDIDATES_AT_ONCE], tl.float32)
        for neighbour in tl.static_range(NEIGHBOURS):
            pair = image * NEIGHBOURS + neighbour
            source = features + tl.load(neighbours + pair) * (height * width * CHANNELS)
            m = matrices + pair * 9
            t = offsets + pair * 3
            ray_x = tl.load(m) * x + tl.load(m + 1) * y + tl.load(m + 2)
            ray_y = tl.load(m + 3) * x + tl.load(m + 4) * y + tl.load(m + 5)
            ray_z = tl.load(m + 6) * x + tl.load(m + 7) * y + tl.load(m + 8)
            z = tl.maximum(ray_z * depth + tl.load(t + 2), nearest_depth)
            place_x = (ray_x * depth + tl.load(t)) / z
            place_y = (ray_y * depth + tl.load(t + 1)) / z
            # Kept where integers can hold them; also takes what is not finite out of the image.
            is_near = (place_x > -1) & (place_x < width) & (place_y > -1) & (place_y < height)
            place_x = tl.where(is_near, place_x, -2.0)
            place_y = tl.where(is_near, place_y, -2.0)
            left = tl.floor(place_x)
            top = tl.floor(place_y)
            right_weight = place_x - left
            bottom_weight = place_y - top
            x0 = left.to(tl.int32)
            y0 = top.to(tl.int32)

            warped = tl.zeros([CANDIDATES_AT_ONCE, BLOCK_CHANNELS], tl.float32)
            for corner in tl.static_range(4):
                corner_x = x0 + corner % 2
                corner_y = y0 + corner // 2
                weight_x = right_weight if corner % 2 == 1 else 1 - right_weight
                weight_y = bottom_weight if corner // 2 == 1 else 1 - bottom_weight
                is_inside = (
                    (corner_x >= 0) & (corner_x < width) & (corner_y >= 0) & (corner_y < height)
                )
                places = (corner_y * width + corner_x) * CHANNELS
                values = tl.load(
                    source + places[:, None] + channel[None, :],
                    is_inside[:, None] & is_channel[None, :],
                    other=0.0,
                )
                warped += (weight_x * weight_y)[:, None] * values.to(tl.float32)
            score += tl.sum(warped * reference[None, :], axis=1)
        tl.store(
            scores + pixel * candidates + candidate,
            score.to(scores.dtype.element_ty),
            is_candidate,
        )
