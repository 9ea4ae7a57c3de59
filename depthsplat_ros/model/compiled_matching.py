# SPDX-License-Identifier: Apache-2.0
"""The inner loop of `cost_volume.match_views` as machine code for CPUs.

A warped copy of the features never exists: each score is made of the four dot products around the
place where a hypothesis puts the pixel, and hypotheses that fall between the same four cells share
them.
"""

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.compilation import compiled
from depthsplat_ros.model.workers import split, threads


def add_scores(
    scores: Float[Tensor, "image candidate pixel"],
    own: Float[Tensor, "image channel height width"],
    other: Float[Tensor, "image channel height width"],
    turned: Float[Tensor, "image 3 pixel"],
    shift: Float[Tensor, "image 3"],
    camera_matrix: Float[Tensor, "image 3 3"],
    depth: Float[Tensor, "image candidate pixel_or_1"],
    nearest_depth: float,
) -> None:
    """Adds the dot products of features with those of another view, for each depth hypothesis.

    Args:
        scores: float32, contiguous; added to in place.
        own: features at the pixels.
        other: features of the other view; zero outside its image.
        turned: rays of the pixels in the axes of the other camera, of depth 1 in their own.
        shift: where the own camera's centre lies in the other camera's frame.
        camera_matrix: of both cameras, in pixels of the maps.
        depth: the hypotheses.
        nearest_depth: smaller depths in front of the other camera count as this.
    """
    arrays = (
        *(features.float().permute(0, 2, 3, 1).contiguous().numpy() for features in (own, other)),
        *(values.contiguous().numpy() for values in (turned, shift, camera_matrix, depth)),
    )
    target = scores.numpy()

    def work(first_row: int, last_row: int) -> None:
        for image in zip(target, *arrays, strict=True):
            _add_scores(*image, np.float32(nearest_depth), first_row, last_row)

    with threads() as (workers, run_all):
        run_all(work, split(0, own.shape[2], workers))


@compiled
def _add_scores(
    scores: ndarray,
    own: ndarray,
    other: ndarray,
    turned: ndarray,
    shift: ndarray,
    camera: ndarray,
    depth: ndarray,
    nearest_depth: float,
    first_row: int,
    last_row: int,
) -> None:
    """`add_scores` for some rows of one image; features are "row column channel"."""
    height, width, _ = other.shape
    candidates, places = depth.shape
    zero = np.float32(0)
    for row in range(first_row, last_row):
        for column in range(width):
            cell = row * width + column
            place = cell if places > 1 else 0
            feature = own[row, column]
            left_before, top_before = -2, -2
            top_left = top_right = bottom_left = bottom_right = zero
            for candidate in range(candidates):
                distance = depth[candidate, place]
                x = turned[0, cell] * distance + shift[0]
                y = turned[1, cell] * distance + shift[1]
                z = turned[2, cell] * distance + shift[2]
                scale = max(camera[2, 0] * x + camera[2, 1] * y + camera[2, 2] * z, nearest_depth)
                right = (camera[0, 0] * x + camera[0, 1] * y + camera[0, 2] * z) / scale
                down = (camera[1, 0] * x + camera[1, 1] * y + camera[1, 2] * z) / scale
                # Within a cell outside the image features fade; so a place that is no number
                # counts as outside.
                if not (right > -1 and down > -1 and right < width and down < height):
                    continue
                left, top = math.floor(right), math.floor(down)
                if left != left_before or top != top_before:
                    left_before, top_before = left, top
                    top_left = top_right = bottom_left = bottom_right = zero
                    if top >= 0:
                        if left >= 0:
                            top_left = _dot(feature, other[top, left])
                        if left + 1 < width:
                            top_right = _dot(feature, other[top, left + 1])
                    if top + 1 < height:
                        if left >= 0:
                            bottom_left = _dot(feature, other[top + 1, left])
                        if left + 1 < width:
                            bottom_right = _dot(feature, other[top + 1, left + 1])
                right_share = np.float32(right - left)
                upper = top_left + right_share * (top_right - top_left)
                lower = bottom_left + right_share * (bottom_right - bottom_left)
                scores[candidate, cell] += upper + np.float32(down - top) * (lower - upper)


@compiled
def _dot(first: ndarray, second: ndarray) -> float:
    total = np.float32(0)
    for channel in range(len(first)):
        total += first[channel] * second[channel]
    return total
