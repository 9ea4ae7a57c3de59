# SPDX-License-Identifier: Apache-2.0
"""Ways of a virtual camera through a scene, as poses: x right, y down, z ahead."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

PATHS = ("follow", "orbit", "spiral")
SMOOTHING_KEYFRAMES = 1.5
"""A hand or a head shakes; a film should not."""
SWAY = 0.04
"""How far the camera leaves the recorded way, over the distance of what it looks at."""
SWAY_KEYFRAMES = 12.0
SPIRAL_RADIUS = 0.15
"""Over the distance of what is looked at."""
SPIRAL_TURNS = 2
ORBIT_ELEVATION_DEG = 20.0
ORBIT_DISTANCE = 2.2
"""Over the radius of the scene."""
INNER_QUANTILES = (0.05, 0.95)

Poses = Float64[ndarray, "picture 4 4"]


def follow(
    world_from_cameras: Float64[ndarray, "keyframe 4 4"], distance_m: float, count: int
) -> Poses:
    """Smoothly along recorded cameras, swaying a little so that no picture is a recorded one."""
    keyframes = len(world_from_cameras)
    place = np.linspace(0, keyframes - 1, count)
    offsets = (place[:, None] - np.arange(keyframes)) / SMOOTHING_KEYFRAMES
    weights = np.exp(-0.5 * np.square(offsets))
    weights /= weights.sum(axis=1, keepdims=True)
    origin = world_from_cameras[0, :3, 3]
    poses = np.tile(np.eye(4), (count, 1, 1))
    # The rotation nearest to a mean of rotations.
    left, _, right = np.linalg.svd(
        np.einsum("pk,kij->pij", weights, world_from_cameras[:, :3, :3])
    )
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    poses[:, :3, :3] = left @ right
    poses[:, :3, 3] = weights @ (world_from_cameras[:, :3, 3] - origin)
    phase = 2 * np.pi * place / SWAY_KEYFRAMES
    sway = SWAY * distance_m * np.stack([np.sin(phase), np.sin(2 * phase) / 2], axis=-1)
    poses[:, :3, 3] += np.einsum("pij,pj->pi", poses[:, :3, :2], sway)
    poses[:, :3, 3] += origin
    return poses


def spiral(world_from_camera: Float64[ndarray, "4 4"], distance_m: float, count: int) -> Poses:
    """Around a camera's place, always looking at what lies `distance_m` ahead of it."""
    phase = 2 * np.pi * SPIRAL_TURNS * np.arange(count) / count
    local = (
        distance_m
        * SPIRAL_RADIUS
        * np.stack(
            [np.sin(phase), np.sin(phase / 2) * np.cos(phase), np.sin(phase / 2) / 2], axis=-1
        )
    )
    rotation = world_from_camera[:3, :3]
    target = world_from_camera[:3, 3] + rotation[:, 2] * distance_m
    eyes = world_from_camera[:3, 3] + local @ rotation.T
    return np.stack([look_at(eye, target, -rotation[:, 1]) for eye in eyes])


def orbit(
    target: Float64[ndarray, " 3"],
    eye: Float64[ndarray, " 3"],
    up: Float64[ndarray, " 3"],
    count: int,
) -> Poses:
    """Once around a target, starting at `eye`, about the axis `up`."""
    arm = eye - target
    along = (arm @ up) * up
    across = arm - along
    sideways = np.cross(up, across)
    phase = 2 * np.pi * np.arange(count) / count
    return np.stack(
        [
            look_at(target + along + np.cos(angle) * across + np.sin(angle) * sideways, target, up)
            for angle in phase
        ]
    )


def orbit_around(points_m: Float64[ndarray, "point 3"], count: int) -> Poses:
    """Once around all that is there, from above, with the world's z as up (REP 103)."""
    low, high = np.quantile(points_m, INNER_QUANTILES, axis=0)
    target = (low + high) / 2
    radius_m = max(float(np.linalg.norm(high - low)) / 2, 1e-6)
    elevation = np.radians(ORBIT_ELEVATION_DEG)
    arm = ORBIT_DISTANCE * radius_m * np.array([np.cos(elevation), 0.0, np.sin(elevation)])
    return orbit(target, target + arm, np.array([0.0, 0.0, 1.0]), count)


def distance_ahead_m(
    points_m: Float64[ndarray, "point 3"], world_from_camera: Float64[ndarray, "4 4"]
) -> float:
    """Median depth of the points within 30 degrees of a camera's axis; 1 if there are none."""
    local = (points_m - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]
    is_ahead = local[:, 2] > np.hypot(local[:, 0], local[:, 1]) * np.sqrt(3)
    return float(np.median(local[is_ahead, 2])) if is_ahead.any() else 1.0


def look_at(
    eye: Float64[ndarray, " 3"], target: Float64[ndarray, " 3"], up: Float64[ndarray, " 3"]
) -> Float64[ndarray, "4 4"]:
    """world_from_camera of an upright camera."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = eye
    return pose
