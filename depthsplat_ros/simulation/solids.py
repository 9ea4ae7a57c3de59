# SPDX-License-Identifier: Apache-2.0
"""The parts a world is made of: boxes, ellipsoids and cylinders, each with a material."""

import enum
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

Number = int | float
Size = tuple[Number, Number, Number]
Colour = tuple[float, float, float]
"""Linear RGB, 0 to 1."""


class Kind(enum.IntEnum):
    """A convex shape: the image of a unit shape under scaling, rotation and translation."""

    BOX = 0
    """|x|, |y|, |z| <= 1."""
    ELLIPSOID = 1
    """The unit ball."""
    CYLINDER = 2
    """x^2 + y^2 <= 1, |z| <= 1: its axis is z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """How a surface looks: a pattern from the texture bank, coloured by a palette.

    A pattern has three channels; a texel's colour is `base` plus, for each channel, its value
    times the step from `base` to that channel's colour. A picture's are red, green and blue.
    """

    texture: str
    """A name of the texture bank."""
    base: Colour
    """Colour where all three channels are 0."""
    first: Colour
    second: Colour
    third: Colour
    tile_m: tuple[float, float] | None = (1.0, 1.0)
    """Width and height of one repetition; None stretches the pattern over each face once."""
    offset: tuple[float, float] = (0.0, 0.0)
    """Shift of the pattern, in repetitions."""
    emission: float = 0.0
    """Light given off, as a multiple of the colour, in exposed units (1 is bright in the image).

    It illuminates nothing: that is what an `AreaLight` is for.
    """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solid:
    """One convex part of the world."""

    kind: Kind
    half_size_m: Size
    """Half edge lengths, semi-axes, or radius, radius and half height."""
    world_from_solid: Float64[ndarray, "4 4"]
    material: Material
    is_obstacle: bool = True
    """False for what a robot may drive over (floors, rugs)."""

    def moved(self, parent_from_world: Float64[ndarray, "4 4"]) -> "Solid":
        """The solid after the given motion."""
        return replace(self, world_from_solid=parent_from_world @ self.world_from_solid)

    def corners_m(self) -> Float64[ndarray, "8 3"]:
        """The world coordinates of its bounding box's corners."""
        unit = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
        local = unit * np.array(self.half_size_m)
        return local @ self.world_from_solid[:3, :3].T + self.world_from_solid[:3, 3]


def placed(solids: Iterable[Solid], at: Float64[ndarray, "4 4"]) -> list[Solid]:
    """A group of parts (a chair, a table) moved from its own frame to its place."""
    return [solid.moved(at) for solid in solids]


def placement(
    x_m: Number = 0.0,
    y_m: Number = 0.0,
    z_m: Number = 0.0,
    yaw: Number = 0.0,
    pitch: Number = 0.0,
    roll: Number = 0.0,
) -> Float64[ndarray, "4 4"]:
    """A rigid motion: roll about x, then pitch about y, then yaw about z (rad), then the shift."""
    cy, cp, cr = math.cos(yaw), math.cos(pitch), math.cos(roll)
    sy, sp, sr = math.sin(yaw), math.sin(pitch), math.sin(roll)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr, x_m],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr, y_m],
            [-sp, cp * sr, cp * cr, z_m],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def box(
    size_m: Size,
    material: Material,
    at: Float64[ndarray, "4 4"],
    *,
    is_obstacle: bool = True,
) -> Solid:
    """A box of the given edge lengths, centred at the placement."""
    half = (size_m[0] / 2, size_m[1] / 2, size_m[2] / 2)
    return Solid(
        kind=Kind.BOX,
        half_size_m=half,
        world_from_solid=at,
        material=material,
        is_obstacle=is_obstacle,
    )


def ellipsoid(semi_axes_m: Size, material: Material, at: Float64[ndarray, "4 4"]) -> Solid:
    """An ellipsoid (a ball where the semi-axes are equal), centred at the placement."""
    return Solid(
        kind=Kind.ELLIPSOID, half_size_m=semi_axes_m, world_from_solid=at, material=material
    )


def cylinder(
    radius_m: Number, height_m: Number, material: Material, at: Float64[ndarray, "4 4"]
) -> Solid:
    """A capped cylinder along z, centred at the placement."""
    return Solid(
        kind=Kind.CYLINDER,
        half_size_m=(radius_m, radius_m, height_m / 2),
        world_from_solid=at,
        material=material,
    )
