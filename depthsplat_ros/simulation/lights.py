# SPDX-License-Identifier: Apache-2.0
"""Where light comes from: bright rectangles, and the sun through an opening."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.simulation.solids import Colour


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaLight:
    """A bright rectangle that shines to one side."""

    centre_m: Float64[ndarray, " 3"]
    half_u_m: Float64[ndarray, " 3"]
    half_v_m: Float64[ndarray, " 3"]
    """It shines towards the cross product of half_u_m and half_v_m."""
    radiance: Colour

    @property
    def spread_m(self) -> float:
        """How far its points lie from its centre at most."""
        return math.hypot(*self.half_u_m, *self.half_v_m)

    def aim(
        self, points: Float[Tensor, "3 point"], shares: Float[Tensor, "2 point"]
    ) -> tuple[Float[Tensor, "3 point"], Float[Tensor, " point"]]:
        """A target on the light per point, and the irradiance from it at normal incidence.

        `shares` in [-1, 1] pick the place on the light. Multiply by `radiance` for colour.
        """
        centre, half_u, half_v = (
            points.new_tensor(vector)[:, None]
            for vector in (self.centre_m, self.half_u_m, self.half_v_m)
        )
        targets = centre + half_u * shares[0] + half_v * shares[1]
        # |normal| is a quarter of the area.
        normal = points.new_tensor(np.cross(self.half_u_m, self.half_v_m))[:, None]
        ways = points - targets
        square = ways.square().sum(dim=0).clamp(min=1e-4)
        return targets, 4 * (ways * normal).sum(dim=0).clamp(min=0) / square**1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SunBeam:
    """The sun through a rectangular opening."""

    centre_m: Float64[ndarray, " 3"]
    half_u_m: Float64[ndarray, " 3"]
    half_v_m: Float64[ndarray, " 3"]
    towards_sun: Float64[ndarray, " 3"]
    radiance: Colour
    """Irradiance at normal incidence."""

    spread_m = 0.05

    def aim(
        self, points: Float[Tensor, "3 point"], shares: Float[Tensor, "2 point"]
    ) -> tuple[Float[Tensor, "3 point"], Float[Tensor, " point"]]:
        """Where each point sees the sun in the opening's plane, and 1 if that is inside it."""
        size_u, size_v = np.linalg.norm(self.half_u_m), np.linalg.norm(self.half_v_m)
        axis_u, axis_v = self.half_u_m / size_u, self.half_v_m / size_v
        normal = np.cross(axis_u, axis_v)
        centre, towards, along_u, along_v, across = (
            points.new_tensor(vector)[:, None]
            for vector in (self.centre_m, self.towards_sun, axis_u, axis_v, normal)
        )
        # The sun's disc, widened to hide the light map's texels.
        towards = towards + 0.012 * (along_u * shares[0] + along_v * shares[1])
        length = ((centre - points) * across).sum(dim=0) / (towards * across).sum(dim=0)
        targets = points + length.clamp(min=1e-3) * towards
        offset = targets - centre
        inside = (
            ((offset * along_u).sum(dim=0).abs() < size_u)
            & ((offset * along_v).sum(dim=0).abs() < size_v)
            & (length > 1e-3)
        )
        return targets, inside.to(points.dtype)


Light = AreaLight | SunBeam
