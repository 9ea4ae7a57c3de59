# SPDX-License-Identifier: Apache-2.0
"""What a rendering is, and the ways in which there is none."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.errors import DepthSplatError


class RenderingError(DepthSplatError):
    """This scene cannot be rendered from this camera."""


class RenderingUnavailableError(RenderingError):
    """Nothing can be rendered on this device; depth does not need it."""


def check_none_broken(broken: int, count: int) -> None:
    """Tell that some of `count` Gaussians are no Gaussians.

    Raises:
        RenderingError: if `broken` is above 0.
    """
    if broken:
        raise RenderingError(
            f"{broken} of {count} Gaussians hold NaN or infinity, or a rotation of length 0: "
            "remove them from the scene"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendering:
    """A picture of a scene, with its depth, from one or several cameras."""

    colour: Float[Tensor, "*camera height width 3"]
    """RGB with the background behind; 0 and more, above 1 where harmonics overshoot."""
    depth_m: Float[Tensor, "*camera height width"]
    """Mean depth along the optical axis, weighted as the colours are; NaN where nothing is."""
    opacity: Float[Tensor, "*camera height width"]
    """Share of the light that comes from Gaussians, 0 to 1."""
