# SPDX-License-Identifier: Apache-2.0
"""Textured rectangles ray-cast from any view: images with exact depth for stereo tests."""

from dataclasses import dataclass

import numpy as np
import torch
from helpers import make_pose

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.types import Views

WAVES = 40
CAMERA = Camera(width_px=96, height_px=72, fx_px=90.0, fy_px=90.0, cx_px=47.5, cy_px=35.5)


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A flat piece of the world; its texture is a sum of waves, so it may be sampled anywhere."""

    corner: tuple[float, float, float]
    right: tuple[float, float, float]
    down: tuple[float, float, float]
    seed: int = 0
    contrast: float = 1.0

    def hit(self, origin, directions):
        """Distance along each direction (inf where missed) and the grey found there."""
        right, down = np.array(self.right), np.array(self.down)
        normal = np.cross(right, down)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (np.array(self.corner) - origin) @ normal / (directions @ normal)
            offsets = origin + distance[..., None] * directions - np.array(self.corner)
            along = offsets @ right / (right @ right), offsets @ down / (down @ down)
        is_hit = (distance > 0) & np.all([(a >= 0) & (a <= 1) for a in along], axis=0)
        metres = np.stack(
            [along[0] * np.linalg.norm(right), along[1] * np.linalg.norm(down)], axis=-1
        )
        metres = np.where(is_hit[..., None], metres, 0)
        return np.where(is_hit, distance, np.inf), self._grey(metres)

    def _grey(self, metres):
        random = np.random.default_rng(self.seed)
        lengths_m = np.geomspace(0.15, 1.0, WAVES)
        angles = random.uniform(0, 2 * np.pi, WAVES)
        directions = np.stack([np.cos(angles), np.sin(angles)]) * 2 * np.pi / lengths_m
        waves = np.sin(metres @ directions + random.uniform(0, 2 * np.pi, WAVES))
        return 0.5 + 0.35 * self.contrast * np.tanh(waves.sum(-1) / np.sqrt(WAVES))


WALL = Rectangle(corner=(-6, -6, 3), right=(12, 0, 0), down=(0, 12, 0), seed=1)
SLANTED_WALL = Rectangle(corner=(-6, -6, 0.6), right=(12, 0, 4.8), down=(0, 12, 0), seed=2)
BOX_FRONT = Rectangle(corner=(-0.35, -0.3, 1.5), right=(0.7, 0, 0), down=(0, 0.6, 0), seed=3)


def render(rectangles, camera, world_from_camera):
    """Image (height, width, 3) in [0, 1] and depth along the optical axis, where there is any."""
    x, y = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(camera.matrix()).T
    directions = rays @ world_from_camera[:3, :3].T
    depth = np.full(x.shape, np.inf)
    grey = np.full(x.shape, 0.5)
    for rectangle in rectangles:
        distance, colour = rectangle.hit(world_from_camera[:3, 3], directions)
        grey = np.where(distance < depth, colour, grey)
        depth = np.minimum(depth, distance)
    return np.repeat(grey[..., None], 3, axis=-1), depth


def make_views(rectangles, poses, *, cameras=None, near_m=0.8, far_m=10.0, noise=0.0):
    """A window of one batch entry, and the true depth of every view."""
    cameras = cameras or [CAMERA] * len(poses)
    pairs = [render(rectangles, *pair) for pair in zip(cameras, poses, strict=True)]
    images = np.stack([image for image, _ in pairs]).transpose(0, 3, 1, 2)
    images = images + noise * np.random.default_rng(0).standard_normal(images.shape)
    count = len(poses)
    views = Views(
        images=torch.from_numpy(images).clamp(0, 1).float()[None],
        intrinsics=torch.from_numpy(np.stack([c.normalised() for c in cameras]))[None],
        world_from_camera=torch.from_numpy(np.stack(poses))[None],
        near_m=torch.full((1, count), near_m),
        far_m=torch.full((1, count), far_m),
    )
    return views, torch.from_numpy(np.stack([depth for _, depth in pairs])).float()


def sideways(*places_m, yaw_deg=0.0):
    """Poses beside each other, facing z."""
    return [make_pose(x_m=place_m, y_m=0.3 * place_m, yaw_deg=yaw_deg) for place_m in places_m]
