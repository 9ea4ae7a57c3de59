# SPDX-License-Identifier: Apache-2.0
"""Random Gaussians that several tests share."""

import numpy as np

from depthsplat_ros.gaussians import Gaussians


def make_gaussians(count, *, degree=2, seed=0, centre_m=(0.0, 0.0, 3.0)):
    """Anisotropic, coloured and half transparent ones around a point before the origin."""
    random = np.random.default_rng(seed)
    rotations = random.normal(size=(count, 4))
    rotations /= np.linalg.norm(rotations, axis=1, keepdims=True)
    harmonics = random.normal(size=(count, 3, (degree + 1) ** 2)) * 0.3
    harmonics[:, :, 0] = random.uniform(-1.5, 1.5, (count, 3))

    def single(values):
        return np.asarray(values, np.float32)

    return Gaussians(
        origin_m=np.zeros(3),
        means_m=single(np.array(centre_m) + random.uniform(-1, 1, (count, 3))),
        scales_m=single(np.exp(random.uniform(np.log(0.005), np.log(0.15), (count, 3)))),
        rotations_wxyz=single(rotations),
        opacities=single(random.uniform(0.05, 0.99, count)),
        harmonics=single(harmonics),
    )
