# SPDX-License-Identifier: Apache-2.0
"""The rasteriser for CPUs: gsplat's rules, compiled, on as many threads as torch has.

Gaussians are drawn front to back in batches. What lies behind tiles that are full is not listed,
so memory is bounded, and a scene of many layers costs little more than its first ones.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int32
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.workers import RunAll, split, threads
from depthsplat_ros.rendering.binning import (
    count_in_tiles,
    end_of_batch,
    fill_lists,
    sort_by_depth,
    start_lists,
)
from depthsplat_ros.rendering.compositing import (
    TILE_ROW,
    clear_tiles,
    composite_tiles,
    join_tiles,
)
from depthsplat_ros.rendering.config import RenderingConfig
from depthsplat_ros.rendering.projection import COLUMNS, TILE_PX, project
from depthsplat_ros.rendering.types import Rendering, check_none_broken

LISTED_PER_BATCH = 2**20
"""Entries of the tiles' lists per batch: 4 MB, and what becomes full in between is skipped."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ellipses:
    """Gaussians as a camera sees them; see `project` for the columns."""

    table: Float32[ndarray, "row column"]
    boxes: Int32[ndarray, "row 4"]
    order: Int32[ndarray, " seen"]
    """The rows that hold something, nearest first."""


def render_on_cpu(
    scene: GaussianScene,
    camera: Camera,
    world_from_cameras: Float64[ndarray, "camera 4 4"],
    config: RenderingConfig,
) -> Rendering:
    """A picture per camera.

    Raises:
        RenderingError: if a Gaussian in view holds NaN or infinity.
    """
    shape = (len(world_from_cameras), camera.height_px, camera.width_px)
    colour = np.empty((*shape, 3), np.float32)
    depth_m = np.empty(shape, np.float32)
    opacity = np.empty(shape, np.float32)
    # float64 means places far from the origin. Relative to a camera, float32 suffices for them.
    is_far = scene.means_m.dtype == torch.float64
    origin = world_from_cameras[0, :3, 3].copy() if is_far else np.zeros(3)
    arrays = _arrays_of(scene, origin)
    local_from_cameras = world_from_cameras.copy()
    local_from_cameras[:, :3, 3] -= origin
    background = np.asarray(config.background, np.float32)
    with threads() as (workers, run_all):
        for i, local_from_camera in enumerate(local_from_cameras):
            ellipses = _project(arrays, camera, local_from_camera, config, workers, run_all)
            tiles = _draw_tiles(ellipses, camera, workers, run_all)
            images = (tiles, _tiles_in(camera.width_px), background, colour[i], depth_m[i])
            rows = split(0, camera.height_px, workers)
            run_all(join_tiles, [(*row, *images, opacity[i]) for row in rows])
    return Rendering(
        colour=torch.from_numpy(colour),
        depth_m=torch.from_numpy(depth_m),
        opacity=torch.from_numpy(opacity),
    )


def _arrays_of(
    scene: GaussianScene, origin: Float64[ndarray, " 3"]
) -> tuple[Float32[ndarray, "..."], ...]:
    """The scene as `project` takes it, with means relative to an origin."""
    tensors = (
        scene.means_m - torch.from_numpy(origin) if origin.any() else scene.means_m,
        scene.scales_m,
        scene.rotations_wxyz,
        scene.opacities,
        scene.harmonics,
    )
    return tuple(tensor.detach().float().contiguous().numpy() for tensor in tensors)


def _project(
    arrays: tuple[Float32[ndarray, "..."], ...],
    camera: Camera,
    local_from_camera: Float64[ndarray, "4 4"],
    config: RenderingConfig,
    workers: int,
    run_all: RunAll,
) -> _Ellipses:
    """What can be seen of the scene."""
    count = len(arrays[0])
    ellipses = np.empty((count, COLUMNS), np.float32)
    boxes = np.empty((count, 4), np.int32)
    depth_keys = np.empty(count, np.uint32)
    camera_from_local = (
        local_from_camera[:3, :3].T.astype(np.float32).astype(np.float64, order="C")
    )
    segments = split(0, count, workers)
    written = run_all(
        project,
        [
            (
                *segment,
                *arrays,
                camera_from_local,
                np.ascontiguousarray(local_from_camera[:3, 3]),
                _camera_numbers(camera, config),
                config.antialiased,
                ellipses,
                boxes,
                depth_keys,
            )
            for segment in segments
        ],
    )
    check_none_broken(sum(broken for _, broken in written), count)
    rows = [(begin, length) for (begin, _), (length, _) in zip(segments, written, strict=True)]
    order = sort_by_depth(depth_keys, sum(length for _, length in rows), np.array(rows, np.int64))
    return _Ellipses(table=ellipses, boxes=boxes, order=order)


def _draw_tiles(
    ellipses: _Ellipses, camera: Camera, workers: int, run_all: RunAll
) -> Float32[ndarray, "tile y part"]:
    """The image in tiles, row by row."""
    boxes, order = ellipses.boxes, ellipses.order
    tiles_x = _tiles_in(camera.width_px)
    tile_count = tiles_x * _tiles_in(camera.height_px)
    tiles = np.empty((tile_count, TILE_PX, TILE_ROW), np.float32)
    clear_tiles(tiles)
    is_full = np.zeros(tile_count, np.bool_)
    counts = np.empty((workers, tile_count), np.int64)
    begin = 0
    while begin < len(order) and not is_full.all():
        end = end_of_batch(order, boxes, begin, LISTED_PER_BATCH)
        shares = [order[first:last] for first, last in split(begin, end, workers)]
        run_all(
            count_in_tiles,
            [
                (share, boxes, is_full, tiles_x, counts[worker])
                for worker, share in enumerate(shares)
            ],
        )
        starts = start_lists(counts)
        lists = np.empty(starts[-1], np.int32)
        run_all(
            fill_lists,
            [
                (share, boxes, is_full, tiles_x, counts[worker], lists)
                for worker, share in enumerate(shares)
            ],
        )
        run_all(
            composite_tiles,
            [
                (first, last, starts, lists, ellipses.table, tiles_x, tiles, is_full)
                for first, last in _split_evenly(starts, workers)
            ],
        )
        begin = end
    return tiles


def _tiles_in(side_px: int) -> int:
    return -(-side_px // TILE_PX)


def _camera_numbers(camera: Camera, config: RenderingConfig) -> Float64[ndarray, " number"]:
    """As `project` takes them: there, (0, 0) is the corner of the image, not a pixel's centre."""
    return np.array(
        [
            camera.width_px,
            camera.height_px,
            camera.fx_px,
            camera.fy_px,
            camera.cx_px + 0.5,
            camera.cy_px + 0.5,
            config.near_m,
            config.far_m,
        ],
        np.float64,
    )


def _split_evenly(starts: ndarray, workers: int) -> list[tuple[int, int]]:
    """Ranges of tiles with lists of about equal length in all, several for each worker."""
    parts = 1 if workers == 1 else 8 * workers
    wanted = np.linspace(0, starts[-1], parts + 1)[1:-1]
    bounds = [0, *np.searchsorted(starts, wanted).tolist(), len(starts) - 1]
    return [(first, last) for first, last in zip(bounds[:-1], bounds[1:], strict=True)]
