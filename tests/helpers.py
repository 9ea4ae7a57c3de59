# SPDX-License-Identifier: Apache-2.0
"""Small scenes, frames and predictors that several tests share."""

import numpy as np
import torch

from depthsplat_ros.camera import Camera
from depthsplat_ros.frame import Frame
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import DepthPrediction, ViewFeatures

SMALL_CAMERA = Camera(width_px=64, height_px=48, fx_px=60.0, fy_px=60.0, cx_px=31.5, cy_px=23.5)
SECOND_NS = 1_000_000_000


def rotation_about_y(degrees):
    """A 3x3 rotation about the camera's downward axis: turning right is positive."""
    radians = np.radians(degrees)
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def make_pose(x_m=0.0, y_m=0.0, z_m=0.0, *, yaw_deg=0.0):
    """world_from_camera of a camera at a place, turned about its downward axis."""
    pose = np.eye(4)
    pose[:3, :3] = rotation_about_y(yaw_deg)
    pose[:3, 3] = (x_m, y_m, z_m)
    return pose


def make_frame(*, stamp_ns=0, image=None, camera=SMALL_CAMERA, world_from_camera=None):
    """A frame, grey and at the origin unless told otherwise."""
    if image is None:
        image = np.full((camera.height_px, camera.width_px, 3), 128, np.uint8)
    if world_from_camera is None:
        world_from_camera = np.eye(4)
    return Frame(
        stamp_ns=stamp_ns, image=image, camera=camera, world_from_camera=world_from_camera
    )


class WallPredictor:
    """Says that the world is a wall at z = `wall_z_m` of the world frame, seen head on.

    It counts what it is asked, so tests can tell what was computed and what was remembered.
    """

    traits = Traits(
        minimum_views=2,
        maximum_views=10,
        preferred_views=4,
        longer_side_px=320,
        size_multiple=1,
        near_m=0.4,
        far_m=15.0,
        minimum_confidence=0.1,
    )

    def __init__(self, wall_z_m=3.0, confidence=0.9):
        self.wall_z_m = wall_z_m
        self.confidence = confidence
        self.encoded = 0
        self.windows = []

    def encode_views(self, images):
        self.encoded += images.shape[1]
        return ViewFeatures(maps={"mean": images.mean(dim=(2, 3, 4), keepdim=True)})

    def predict(self, views, features, reference):
        self.windows.append((views, features, reference))
        batch, _, _, height, width = views.images.shape
        depth_m = torch.full((batch, height, width), float(self.wall_z_m))
        confidence = torch.full_like(depth_m, self.confidence)
        return DepthPrediction(depth_m=depth_m, confidence=confidence, dense_depth_m=depth_m)
