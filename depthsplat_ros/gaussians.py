# SPDX-License-Identifier: Apache-2.0
"""A set of 3D Gaussians in numpy: what a message, a file or a viewer holds."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gaussians:
    """Gaussians in the axes of the world frame, placed relative to an origin.

    Single precision holds map coordinates (UTM) only to half a metre; the origin holds the rest.
    """

    origin_m: Float64[ndarray, " 3"]
    """Where the means are zero, in the world frame."""
    means_m: Float32[ndarray, "gaussian 3"]
    """Centres relative to the origin, in the unit of the poses."""
    scales_m: Float32[ndarray, "gaussian 3"]
    """Standard deviations along the Gaussian's own axes."""
    rotations_wxyz: Float32[ndarray, "gaussian 4"]
    """Unit quaternions, axes of the Gaussian to those of the world."""
    opacities: Float32[ndarray, " gaussian"]
    """In (0, 1)."""
    harmonics: Float32[ndarray, "gaussian 3 coefficient"]
    """Real spherical harmonics per colour; the colour seen is 0.5 + their sum, clamped at 0."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.means_m)

    def moved_to(self, origin_m: Float64[ndarray, " 3"]) -> "Gaussians":
        """The same Gaussians told relative to another origin."""
        offset_m = (self.origin_m - origin_m).astype(np.float64)
        return Gaussians(
            origin_m=origin_m,
            means_m=(self.means_m + offset_m).astype(np.float32),
            scales_m=self.scales_m,
            rotations_wxyz=self.rotations_wxyz,
            opacities=self.opacities,
            harmonics=self.harmonics,
        )
