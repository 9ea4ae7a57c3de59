# SPDX-License-Identifier: Apache-2.0
"""A camera that moves unevenly past points which can be told apart, and what may be wrong."""

import numpy as np
from helpers import SECOND_NS, rotation_about_y

from depthsplat_ros.input_checks.checker import CheckedView, InputChecker
from depthsplat_ros.input_checks.features import ImageFeatures
from depthsplat_ros.input_checks.mistakes import OFFSETS_S

FOCAL_PX = 400.0
HALF_WIDTH, HALF_HEIGHT = 0.8, 0.6
BODY_FROM_OPTICAL = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
OPENGL_FROM_OPTICAL = np.diag([1.0, -1.0, -1.0, 1.0])

_generator = np.random.default_rng(5)
POINTS_M = _generator.uniform((-6, -2, 2), (6, 2, 6), (900, 3))
DESCRIPTORS = _generator.uniform(0, 255, (900, 128)).astype(np.float32)


def true_pose(seconds):
    """Forwards and sideways at up to half a metre a second, turning to and fro."""
    pose = np.eye(4)
    pose[:3, :3] = rotation_about_y(15 * np.sin(1.9 * seconds))
    pose[:3, 3] = (np.sin(0.9 * seconds), 0.1 * np.sin(2.3 * seconds), 0.3 * seconds)
    return pose


def see(seconds, *, truth=true_pose, true_depth_scale=None):
    """The points that the camera sees, with a fifth of a pixel of noise."""
    pose = truth(seconds)
    local = (POINTS_M - pose[:3, 3]) @ pose[:3, :3]
    is_ahead = local[:, 2] > 0.3
    rays = local / np.where(is_ahead, local[:, 2], 1.0)[:, None]
    is_seen = is_ahead & (abs(rays[:, 0]) < HALF_WIDTH) & (abs(rays[:, 1]) < HALF_HEIGHT)
    index = np.flatnonzero(is_seen)
    noise = np.random.default_rng(round(1000 * seconds)).normal(0, 0.2 / FOCAL_PX, (len(index), 2))
    return ImageFeatures(
        rays=rays[index] + np.pad(noise, ((0, 0), (0, 1))),
        descriptors=DESCRIPTORS[index],
        pixel=1 / FOCAL_PX,
        true_depth_m=None if true_depth_scale is None else local[index, 2] * true_depth_scale,
    )


def view(seconds, claim=true_pose, *, truth=true_pose, true_depth_scale=None):
    """What the checks get if TF says `claim` of where the camera is and `truth` is true."""
    return CheckedView(
        stamp_ns=round(seconds * SECOND_NS),
        features=see(seconds, truth=truth, true_depth_scale=true_depth_scale),
        world_from_camera=np.array([claim(seconds + offset) for offset in OFFSETS_S]),
    )


def check_drive(claim=true_pose, **arguments):
    """The verdicts by check after six seconds."""
    checker = InputChecker()
    for seconds in np.arange(1.0, 7.0, 0.2):
        checker.add(view(seconds, claim, **arguments))
    return {verdict.check: verdict for verdict in checker.verdicts()}
