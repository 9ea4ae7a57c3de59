# SPDX-License-Identifier: Apache-2.0
"""How much two cameras see of the same scene, and from how different directions."""

import numpy as np
from jaxtyping import Bool, Float64
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.frame import Frame

GRID_COLUMNS, GRID_ROWS = 8, 6


def sample_points(frame: Frame, depths_m: tuple[float, ...]) -> Float64[ndarray, "point 3"]:
    """World points behind a grid of the frame's pixels, at each of the given depths."""
    camera = frame.camera
    columns = (np.arange(GRID_COLUMNS) + 0.5) / GRID_COLUMNS * camera.width_px - 0.5
    rows = (np.arange(GRID_ROWS) + 0.5) / GRID_ROWS * camera.height_px - 0.5
    x, y = np.meshgrid(
        (columns - camera.cx_px) / camera.fx_px, (rows - camera.cy_px) / camera.fy_px
    )
    rays = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    points = np.concatenate([rays * depth_m for depth_m in depths_m])
    return points @ frame.world_from_camera[:3, :3].T + frame.world_from_camera[:3, 3]


def are_seen(
    points: Float64[ndarray, "point 3"],
    camera: Camera,
    world_from_camera: Float64[ndarray, "4 4"],
) -> Bool[ndarray, " point"]:
    """Which world points lie in front of a camera and inside its image."""
    local = (points - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]
    is_in_front = local[:, 2] > 0
    depth_m = np.where(is_in_front, local[:, 2], 1.0)
    x_px = camera.fx_px * local[:, 0] / depth_m + camera.cx_px
    y_px = camera.fy_px * local[:, 1] / depth_m + camera.cy_px
    is_inside = (
        (x_px >= -0.5)
        & (x_px <= camera.width_px - 0.5)
        & (y_px >= -0.5)
        & (y_px <= camera.height_px - 0.5)
    )
    return is_in_front & is_inside


def parallaxes_deg(
    points: Float64[ndarray, "point 3"],
    world_from_a: Float64[ndarray, "4 4"],
    world_from_b: Float64[ndarray, "4 4"],
) -> Float64[ndarray, " point"]:
    """The angle at each world point between the directions to two cameras."""
    to_a = world_from_a[:3, 3] - points
    to_b = world_from_b[:3, 3] - points
    # atan2 keeps its precision for the tiny angles that decide here; arccos would not.
    sine = np.linalg.norm(np.cross(to_a, to_b), axis=-1)
    cosine = np.sum(to_a * to_b, axis=-1)
    return np.degrees(np.arctan2(sine, cosine))


def rotation_deg(
    world_from_a: Float64[ndarray, "4 4"], world_from_b: Float64[ndarray, "4 4"]
) -> float:
    """The angle of the rotation between two cameras."""
    relative = world_from_a[:3, :3].T @ world_from_b[:3, :3]
    # Twice the sine and cosine of the angle: precise near 0 and near 180 degrees alike.
    twice_sine = np.linalg.norm(
        (
            relative[2, 1] - relative[1, 2],
            relative[0, 2] - relative[2, 0],
            relative[1, 0] - relative[0, 1],
        )
    )
    return float(np.degrees(np.arctan2(twice_sine, np.trace(relative) - 1.0)))


def distance(
    world_from_a: Float64[ndarray, "4 4"], world_from_b: Float64[ndarray, "4 4"]
) -> float:
    """The distance between two camera centres, in the unit of the poses."""
    return float(np.linalg.norm(world_from_a[:3, 3] - world_from_b[:3, 3]))
