# SPDX-License-Identifier: Apache-2.0
"""The compact .splat: 32 bytes a Gaussian, important ones first, alike from all sides.

Three floats each for place and standard deviations, four bytes for colour and opacity, four for
the quaternion (w x y z), 128 standing for 0. It holds no origin: far from the world's origin the
places are relative to whole metres near the scene, which are logged.

Source: antimatter15's splat viewer, `convert.py`.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.scene_files.errors import SceneFileError
from depthsplat_ros.scene_files.ply import origin_for
from depthsplat_ros.scene_files.values import check_values

logger = logging.getLogger(__name__)

ROW = np.dtype(
    [
        ("place", "<f4", 3),
        ("scales", "<f4", 3),
        ("colour_opacity", "u1", 4),
        ("rotation", "u1", 4),
    ]
)
CONSTANT_HARMONIC = 0.28209479177387814


def encode(gaussians: Gaussians) -> Iterator[bytes]:
    """The contents of the file."""
    origin_m = origin_for(gaussians)
    if origin_m.any():
        logger.warning("a .splat holds no origin: add %s to its coordinates", origin_m.tolist())
    gaussians = gaussians.moved_to(origin_m)
    rows = np.empty(len(gaussians), ROW)
    rows["place"] = gaussians.means_m
    rows["scales"] = gaussians.scales_m
    colours = 0.5 + CONSTANT_HARMONIC * gaussians.harmonics[:, :, 0]
    values = np.concatenate([colours, gaussians.opacities[:, None]], axis=1)
    rows["colour_opacity"] = np.round(values.clip(0, 1) * 255)
    rows["rotation"] = np.round(gaussians.rotations_wxyz * 128 + 128).clip(0, 255)
    # Viewers show a file while it arrives, the large and opaque ones first.
    importance = gaussians.scales_m.astype(np.float64).prod(axis=1) * gaussians.opacities
    yield rows[np.argsort(-importance, kind="stable")].tobytes()


def read(file: BinaryIO, path: Path) -> Gaussians:
    """The Gaussians of an open file.

    Raises:
        SceneFileError: naming what is wrong with the file.
    """
    size = os.fstat(file.fileno()).st_size
    if size % ROW.itemsize:
        raise SceneFileError(
            f"{path} is cut off or no .splat file: its {size} bytes are no multiple of "
            f"{ROW.itemsize}"
        )
    rows = np.frombuffer(file.read(size), ROW)
    values = rows["colour_opacity"].astype(np.float32) / 255
    return check_values(
        Gaussians(
            origin_m=np.zeros(3),
            means_m=rows["place"].astype(np.float32),
            scales_m=rows["scales"].astype(np.float32),
            rotations_wxyz=(rows["rotation"].astype(np.float32) - 128) / 128,
            opacities=values[:, 3],
            harmonics=((values[:, :3] - 0.5) / CONSTANT_HARMONIC)[:, :, None],
        ),
        path,
    )
