# SPDX-License-Identifier: Apache-2.0
"""A simulated room small enough to be lit in a moment, with room for a robot's loop."""

import functools

import numpy as np

from depthsplat_ros.camera import Camera
from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.lights import AreaLight
from depthsplat_ros.simulation.solids import box, cylinder, ellipsoid, placement
from depthsplat_ros.simulation.trajectory import drive
from depthsplat_ros.simulation.world import build_world

SIDE_M, HEIGHT_M = 3.0, 2.0
CAMERA = Camera(width_px=64, height_px=48, fx_px=40.0, fy_px=41.0, cx_px=30.5, cy_px=24.25)
LAMP = AreaLight(
    centre_m=np.array([0.0, 0.0, HEIGHT_M - 0.01]),
    half_u_m=np.array([0.5, 0.0, 0.0]),
    half_v_m=np.array([0.0, -0.5, 0.0]),
    radiance=(8.0, 8.0, 8.0),
)


def solids():
    """Floor, ceiling, four walls, and a block, a ball and a cylinder in the middle."""
    rng = np.random.default_rng(0)
    half = SIDE_M / 2
    wall, poster = finishes.wall(rng, "bricks"), finishes.picture("abstract_1")
    parts = [
        box(
            (SIDE_M, SIDE_M, 0.1),
            finishes.floor(rng, "checker"),
            placement(z_m=-0.05),
            is_obstacle=False,
        ),
        box((SIDE_M, SIDE_M, 0.1), wall, placement(z_m=HEIGHT_M + 0.05), is_obstacle=False),
    ]
    for yaw in np.arange(4) * np.pi / 2:
        at = placement(yaw=float(yaw)) @ placement(half + 0.05, 0, HEIGHT_M / 2)
        parts.append(box((0.1, SIDE_M + 0.2, HEIGHT_M), wall, at))
    parts += [
        box((0.4, 0.3, 0.6), poster, placement(0.0, 0.0, 0.3, yaw=0.4)),
        ellipsoid((0.15, 0.15, 0.2), finishes.glaze(rng), placement(0.05, 0.0, 0.8)),
        cylinder(0.1, 0.9, finishes.wood(rng), placement(-0.25, 0.1, 0.45)),
    ]
    return parts


@functools.lru_cache(maxsize=1)
def world():
    """The lit room; it is a value, so tests share it."""
    return build_world(solids(), [LAMP])


@functools.lru_cache(maxsize=1)
def trajectory():
    """A lap around what stands in the middle."""
    return drive(solids(), 0)
