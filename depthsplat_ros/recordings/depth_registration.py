# SPDX-License-Identifier: Apache-2.0
"""A depth image brought to the pixels of another camera, without inventing depth."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from depthsplat_ros.calibration import Calibration, Distortion
from depthsplat_ros.camera import Camera
from depthsplat_ros.rectification import PixelMap, rectification_for, source_pixels

_CACHED_MAPS = 4


def register_depth(
    depth_m: Float32[ndarray, "source_height source_width"],
    calibration: Calibration,
    camera: Camera,
    camera_from_depth: Float64[ndarray, "4 4"],
) -> Float32[ndarray, "height width"]:
    """The depth as the camera would measure it; NaN where no measurement falls.

    Args:
        depth_m: As the sensor delivered it, NaN where unknown.
        calibration: Of the depth image.
        camera: The pixels wanted.
        camera_from_depth: Optical frame of the depth camera in that of the camera; the identity if
            they are one, and then every pixel picks the measurement nearest to it.
    """
    turned = camera_from_depth.copy()
    turned[:3, :3] = turned[:3, :3] @ calibration.source_from_optical.T
    if np.array_equal(turned, np.eye(4)):
        if calibration.is_rectified and calibration.source == camera:
            return depth_m
        return _cached_map(calibration, camera).pick(depth_m)
    if calibration.distortion is Distortion.NONE:
        return project_depth(depth_m, calibration.source, camera, turned)
    rectification = rectification_for(calibration)
    assert rectification.pixel_map is not None
    return project_depth(
        rectification.pixel_map.pick(depth_m), rectification.camera, camera, camera_from_depth
    )


def project_depth(
    depth_m: Float32[ndarray, "source_height source_width"],
    source: Camera,
    target: Camera,
    target_from_source: Float64[ndarray, "4 4"],
) -> Float32[ndarray, "height width"]:
    """Depth of the source's points in the target's pixels; the nearest wins.

    Each point covers as many pixels as its own pixel does in the target, so that what lies behind
    a surface does not shine through where the target is the finer grid.
    """
    rows, columns = np.nonzero(np.isfinite(depth_m))
    z_m = depth_m[rows, columns].astype(np.float64)
    points_m = np.stack(
        [
            (columns - source.cx_px) / source.fx_px * z_m,
            (rows - source.cy_px) / source.fy_px * z_m,
            z_m,
        ]
    )
    points_m = target_from_source[:3, :3] @ points_m + target_from_source[:3, 3:]
    points_m = points_m[:, points_m[2] > 0]
    # Far points first: where several fall on one pixel, the last written stays.
    points_m = points_m[:, np.argsort(-points_m[2], kind="stable")]
    x_px = points_m[0] / points_m[2] * target.fx_px + target.cx_px
    y_px = points_m[1] / points_m[2] * target.fy_px + target.cy_px
    across = np.arange(max(1, round(target.fx_px / source.fx_px)))
    down = np.arange(max(1, round(target.fy_px / source.fy_px)))
    hit_columns = np.ceil(x_px - 0.5 * across.size)[:, None, None] + across
    hit_rows = np.ceil(y_px - 0.5 * down.size)[:, None, None] + down[:, None]
    hit_columns, hit_rows, hit_z_m = np.broadcast_arrays(
        hit_columns, hit_rows, points_m[2][:, None, None]
    )
    is_inside = (
        (hit_columns >= 0)
        & (hit_columns < target.width_px)
        & (hit_rows >= 0)
        & (hit_rows < target.height_px)
    )
    projected_m = np.full((target.height_px, target.width_px), np.nan, dtype=np.float32)
    projected_m[hit_rows[is_inside].astype(np.int64), hit_columns[is_inside].astype(np.int64)] = (
        hit_z_m[is_inside]
    )
    return projected_m


@lru_cache(maxsize=_CACHED_MAPS)
def _cached_map(calibration: Calibration, camera: Camera) -> PixelMap:
    return source_pixels(calibration, camera)
