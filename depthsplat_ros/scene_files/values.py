# SPDX-License-Identifier: Apache-2.0
"""What the numbers of a file must be, whatever its format."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.scene_files.errors import SceneFileError

SMALLEST_QUATERNION = 1e-6


def check_values(gaussians: Gaussians, path: Path) -> Gaussians:
    """The Gaussians with unit quaternions, if all their numbers are usable.

    Raises:
        SceneFileError: naming the first Gaussian that is not.
    """
    norms = np.linalg.norm(gaussians.rotations_wxyz, axis=-1)
    is_usable = {
        "place": np.isfinite(gaussians.means_m).all(axis=-1),
        "scale": np.isfinite(gaussians.scales_m).all(axis=-1),
        "rotation": np.isfinite(norms) & (norms > SMALLEST_QUATERNION),
        "opacity": np.isfinite(gaussians.opacities),
        "colour": np.isfinite(gaussians.harmonics).all(axis=(-1, -2)),
    }
    for name, usable in is_usable.items():
        if not usable.all():
            raise SceneFileError(
                f"{path}: the {name} of Gaussian {int(np.argmin(usable))} is no usable number "
                f"({int((~usable).sum())} of {len(usable)} are not); export the file again"
            )
    return replace(gaussians, rotations_wxyz=gaussians.rotations_wxyz / norms[:, None])
