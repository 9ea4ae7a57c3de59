# SPDX-License-Identifier: Apache-2.0
"""Scenes and views that try every rule of the renderer, for tests and for recordings of gsplat."""

from dataclasses import dataclass, field

import numpy as np
import small_room
import torch
from helpers import make_pose

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.rendering import RenderingConfig
from depthsplat_ros.simulation.caster import cast

# Neither width nor height fills its tiles, and the principal point is off the centre.
CAMERA = Camera(width_px=56, height_px=41, fx_px=44.0, fy_px=47.0, cx_px=24.0, cy_px=22.5)
CLASSIC = RenderingConfig(background_red=0.2, background_green=0.4, background_blue=0.9)
ANTIALIASED = RenderingConfig(antialiased=True)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scene as numpy arrays, named as in GaussianScene, and how it is looked at."""

    arrays: dict
    camera: Camera = CAMERA
    poses: np.ndarray = field(default_factory=lambda: make_pose(0.1, -0.05, 0.2, yaw_deg=8))
    config: RenderingConfig = CLASSIC


def to_scene(arrays, device="cpu"):
    return GaussianScene(
        **{name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    )


def random_scene(
    count=300, *, seed=0, degree=2, scale_m=0.08, anisotropy=0.7, near_m=1.0, opacity=(0.02, 1.0)
):
    """Gaussians of all directions and colours in a box ahead, as arrays."""
    rng = np.random.default_rng(seed)
    rotations = rng.normal(size=(count, 4))
    arrays = {
        "means_m": rng.uniform((-1.8, -1.5, near_m), (1.8, 1.5, 4.0), (count, 3)),
        "scales_m": scale_m * np.exp(anisotropy * rng.normal(size=(count, 3))),
        # Of other lengths than 1: renderers normalise.
        "rotations_wxyz": rotations * rng.uniform(0.5, 2.0, (count, 1)),
        "opacities": rng.uniform(*opacity, count),
        "harmonics": rng.normal(size=(count, 3, (degree + 1) ** 2)) * 0.6 / (degree + 1),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def room_scene():
    """Discs of a pixel's size on what a camera sees of the simulated room, with depth's noise."""
    camera = small_room.CAMERA
    pose = small_room.trajectory().world_from_camera(2.0)
    image, depth_m = cast(small_room.world(), camera, pose)
    rng = np.random.default_rng(0)
    depth_m = depth_m * (1 + 0.01 * rng.normal(size=depth_m.shape))
    x, y = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(camera.matrix()).T
    points = (rays * depth_m[..., None]).reshape(-1, 3) @ pose[:3, :3].T + pose[:3, 3]
    count = len(points)
    spread = 0.6 * depth_m.reshape(-1, 1) / camera.fx_px
    arrays = {
        "means_m": points,
        "scales_m": spread * (1.0, 1.0, 0.2),
        "rotations_wxyz": rng.normal(size=(count, 4)),
        "opacities": rng.uniform(0.5, 0.95, count),
        "harmonics": ((image / 255 - 0.5) / 0.28209479).reshape(-1, 3, 1),
    }
    beside = pose.copy()
    beside[:3, 3] += 0.1 * pose[:3, 0]
    return Case(
        arrays={name: array.astype(np.float32) for name, array in arrays.items()},
        camera=camera,
        poses=beside,
    )


def facing_wall():
    """Discs on a wall across the optical axis: all as deep as each other, but for rounding."""
    case = Case(arrays=random_scene(1500, seed=10, degree=0, scale_m=0.06, opacity=(0.5, 1.0)))
    points = np.random.default_rng(10).uniform(-1.2, 1.2, (1500, 3))
    points[:, 2] = 2.0
    world = points @ case.poses[:3, :3].T + case.poses[:3, 3]
    case.arrays["means_m"] = world.astype(np.float32)
    return case


def far_from_origin():
    """A scene at map coordinates, which only float64 holds, from two places."""
    arrays = random_scene(120, seed=9, degree=1)
    offset = np.array([5.0e6, -4.0e5, 120.0])
    arrays["means_m"] = arrays["means_m"].astype(np.float64) + offset
    poses = np.stack([make_pose(0.2, 0, 0, yaw_deg=-5), make_pose(-0.3, 0.1, 0.3, yaw_deg=12)])
    poses[:, :3, 3] += offset
    return Case(arrays=arrays, poses=poses)


CASES = {
    "degree_0": lambda: Case(arrays=random_scene(seed=0, degree=0, anisotropy=0.0)),
    "degree_1": lambda: Case(arrays=random_scene(seed=1, degree=1)),
    "degree_2_anisotropic": lambda: Case(arrays=random_scene(seed=2, anisotropy=1.5)),
    "degree_3_antialiased": lambda: Case(
        arrays=random_scene(180, seed=3, degree=3, scale_m=0.1), config=ANTIALIASED
    ),
    "degree_4": lambda: Case(arrays=random_scene(140, seed=4, degree=4, scale_m=0.1)),
    "smaller_than_pixels": lambda: Case(
        arrays=random_scene(1200, seed=5, degree=0, scale_m=0.01), config=ANTIALIASED
    ),
    "across_the_near_plane": lambda: Case(
        arrays=random_scene(150, seed=6, near_m=-1.0, scale_m=0.15, degree=1),
        config=RenderingConfig(near_m=0.05, far_m=3.0),
    ),
    "many_opaque_layers": lambda: Case(
        arrays=random_scene(600, seed=7, degree=0, scale_m=0.3, opacity=(0.8, 1.0))
    ),
    "far_from_the_origin": far_from_origin,
    "facing_wall": facing_wall,
    "room": room_scene,
}
