# SPDX-License-Identifier: Apache-2.0
"""Points drawn as small squares, the nearest one winning, with edges shaded by depth."""

import itertools
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float64, Int64, UInt8
from numpy import ndarray

SAME_SURFACE = 0.01
"""Points at most this share behind the nearest one are mixed with it: a smoother picture."""
SHADE_STRENGTH = 4.0
SHADE_RADIUS_PX = 2
MAXIMUM_SQUARE_PX = 9
HITS_PER_BATCH = 2_000_000


def draw_points(
    *,
    x_px: Float64[ndarray, " point"],
    y_px: Float64[ndarray, " point"],
    depth_m: Float64[ndarray, " point"],
    side_px: Float64[ndarray, " point"],
    colours: UInt8[ndarray, "point 3"],
    width_px: int,
    height_px: int,
    background: tuple[int, int, int],
) -> UInt8[ndarray, "height width 3"]:
    """Draw squares centred on pixel coordinates; nearer ones hide farther ones.

    Args:
        x_px: column of each point; those outside the picture are ignored.
        y_px: row of each point.
        depth_m: distance from the eye; positive.
        side_px: side of each point's square.
        colours: RGB of each point.
        width_px: width of the picture.
        height_px: height of the picture.
        background: RGB where no point falls.
    """
    nearest_m = np.full(width_px * height_px, np.inf)
    for pixel, chosen in _squares(x_px, y_px, side_px, width_px, height_px):
        np.minimum.at(nearest_m, pixel, depth_m[chosen])
    mixed = np.zeros((width_px * height_px, 4))
    for pixel, chosen in _squares(x_px, y_px, side_px, width_px, height_px):
        is_front = depth_m[chosen] <= nearest_m[pixel] * (1.0 + SAME_SURFACE)
        front_pixel, front = pixel[is_front], chosen[is_front]
        for channel in range(3):
            mixed[:, channel] += np.bincount(
                front_pixel, colours[front, channel], minlength=len(mixed)
            )
        mixed[:, 3] += np.bincount(front_pixel, minlength=len(mixed))
    shade = _edge_shade(nearest_m.reshape(height_px, width_px))
    is_hit = mixed[:, 3] > 0
    picture = np.tile(np.array(background, np.uint8), (len(mixed), 1))
    lit = mixed[is_hit, :3] / mixed[is_hit, 3:] * shade.reshape(-1, 1)[is_hit]
    picture[is_hit] = np.clip(np.round(lit), 0, 255).astype(np.uint8)
    return picture.reshape(height_px, width_px, 3)


def _squares(
    x_px: Float64[ndarray, " point"],
    y_px: Float64[ndarray, " point"],
    side_px: Float64[ndarray, " point"],
    width_px: int,
    height_px: int,
) -> Iterator[tuple[Int64[ndarray, " hit"], Int64[ndarray, " hit"]]]:
    """Pixels hit and the points that hit them, in batches of bounded size."""
    side = np.clip(np.round(side_px), 1, MAXIMUM_SQUARE_PX).astype(np.int64)
    left = np.round(x_px - (side - 1) / 2).astype(np.int64)
    top = np.round(y_px - (side - 1) / 2).astype(np.int64)
    largest = int(side.max(initial=1))
    pixels: list[Int64[ndarray, " hit"]] = []
    points: list[Int64[ndarray, " hit"]] = []
    for offset_y, offset_x in itertools.product(range(largest), repeat=2):
        column, row = left + offset_x, top + offset_y
        chosen = np.flatnonzero(
            (side > max(offset_x, offset_y))
            & (column >= 0)
            & (column < width_px)
            & (row >= 0)
            & (row < height_px)
        )
        pixels.append(row[chosen] * width_px + column[chosen])
        points.append(chosen)
        is_last = offset_y == offset_x == largest - 1
        if is_last or sum(map(len, points)) >= HITS_PER_BATCH:
            yield np.concatenate(pixels), np.concatenate(points)
            pixels, points = [], []


def _edge_shade(nearest_m: Float64[ndarray, "height width"]) -> Float64[ndarray, "height width"]:
    """How bright each pixel is: dark where its surroundings are nearer, as behind an edge.

    Source: eye-dome lighting (Boucheny 2009), in its simplest form.
    """
    is_hit = np.isfinite(nearest_m)
    log_depth = np.log(np.where(is_hit, nearest_m, 1.0)).astype(np.float32)
    occlusion = np.zeros_like(log_depth)
    for offset_x, offset_y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        shift = np.float32(
            [[1, 0, offset_x * SHADE_RADIUS_PX], [0, 1, offset_y * SHADE_RADIUS_PX]]
        )
        size = (nearest_m.shape[1], nearest_m.shape[0])
        neighbour = cv2.warpAffine(log_depth, shift, size, flags=cv2.INTER_NEAREST)
        is_neighbour_hit = cv2.warpAffine(
            is_hit.astype(np.uint8), shift, size, flags=cv2.INTER_NEAREST
        )
        occlusion += np.where(is_neighbour_hit > 0, np.maximum(log_depth - neighbour, 0.0), 0.0)
    return np.exp(-SHADE_STRENGTH * np.minimum(occlusion, 0.25)).astype(np.float64)
