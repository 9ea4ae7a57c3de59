# SPDX-License-Identifier: Apache-2.0
"""The shell of a room: floor, ceiling, walls with doorways and windows, and what hangs there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.lights import AreaLight, Light, SunBeam
from depthsplat_ros.simulation.solids import (
    Material,
    Solid,
    box,
    cylinder,
    placed,
    placement,
)

WALL_M = 0.1
"""Thickness of a room's own wall; two rooms that meet have one each."""
DOOR_M = (0.95, 2.05)
"""Width and height of a doorway."""
DAYLIGHT = (1.0, 1.03, 1.1)
LAMPLIGHT = (1.0, 0.9, 0.76)
SUNLIGHT = (1.0, 0.93, 0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A rectangle left out of a wall."""

    along_m: float
    """Its middle, along the wall's x."""
    width_m: float
    bottom_m: float
    top_m: float

    @property
    def is_door(self) -> bool:
        """True where one can walk through."""
        return self.bottom_m == 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wall:
    """One side of a room; in its frame x runs along the wall, y into the room, z up."""

    world_from_wall: np.ndarray
    length_m: float
    openings: tuple[Opening, ...]

    def is_free(self, along_m: float, width_m: float, top_m: float, bottom_m: float = 0.0) -> bool:
        """Whether a thing of that width and height covers no opening."""
        return all(
            abs(along_m - opening.along_m) > (width_m + opening.width_m) / 2 + 0.08
            or bottom_m >= opening.top_m
            or top_m <= opening.bottom_m
            for opening in self.openings
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shell:
    """An empty room: its solids, its lights and its walls (south, east, north, west)."""

    left_m: float
    bottom_m: float
    width_m: float
    depth_m: float
    height_m: float
    walls: tuple[Wall, ...]
    solids: list[Solid] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)

    @property
    def centre_m(self) -> tuple[float, float]:
        """Middle of the floor."""
        return self.left_m + self.width_m / 2, self.bottom_m + self.depth_m / 2


def make_shell(
    left_m: float,
    bottom_m: float,
    width_m: float,
    depth_m: float,
    height_m: float,
    openings: Sequence[Sequence[Opening]],
    floor: Material,
    walls: Sequence[Material],
    ceiling: Material,
    skirting: Material,
) -> Shell:
    """A room over the rectangle; openings and materials of the south, east, north, west wall."""
    right_m, top_m = left_m + width_m, bottom_m + depth_m
    frames = (
        (placement(left_m, bottom_m), width_m),
        (placement(right_m, bottom_m, yaw=math.pi / 2), depth_m),
        (placement(right_m, top_m, yaw=math.pi), width_m),
        (placement(left_m, top_m, yaw=-math.pi / 2), depth_m),
    )
    sides = tuple(
        Wall(world_from_wall=at, length_m=length, openings=tuple(holes))
        for (at, length), holes in zip(frames, openings, strict=True)
    )
    x, y = left_m + width_m / 2, bottom_m + depth_m / 2
    size = (width_m + 2 * WALL_M, depth_m + 2 * WALL_M, 0.1)
    solids = [
        box(size, floor, placement(x, y, -0.05), is_obstacle=False),
        box(size, ceiling, placement(x, y, height_m + 0.05), is_obstacle=False),
    ]
    for side, material in zip(sides, walls, strict=True):
        solids += placed(_wall_parts(side, height_m, material, skirting), side.world_from_wall)
    return Shell(
        left_m=left_m,
        bottom_m=bottom_m,
        width_m=width_m,
        depth_m=depth_m,
        height_m=height_m,
        walls=sides,
        solids=solids,
    )


def _wall_parts(
    wall: Wall, height_m: float, material: Material, skirting: Material
) -> list[Solid]:
    """Boxes around the openings, the trim of doorways, and a skirting board."""
    parts: list[Solid] = []

    def block(start: float, end: float, bottom: float, top: float) -> None:
        if end - start > 1e-6 and top - bottom > 1e-6:
            x, z = (start + end) / 2, (bottom + top) / 2
            size = (end - start, WALL_M, top - bottom)
            parts.append(box(size, _aligned(material, x, z), placement(x, -WALL_M / 2, z)))

    def skirt(start: float, end: float) -> None:
        if end - start > 0.05:
            at = placement((start + end) / 2, 0.008, 0.045)
            parts.append(box((end - start, 0.016, 0.09), skirting, at))

    begin, skirt_begin = -WALL_M, 0.0
    for hole in sorted(wall.openings, key=lambda hole: hole.along_m):
        left, right = hole.along_m - hole.width_m / 2, hole.along_m + hole.width_m / 2
        block(begin, left, 0.0, height_m)
        block(left, right, 0.0, hole.bottom_m)
        block(left, right, hole.top_m, height_m)
        if hole.is_door:
            skirt(skirt_begin, left - 0.07)
            skirt_begin = right + 0.07
            for x in (left - 0.03, right + 0.03):
                at = placement(x, 0.01, hole.top_m / 2)
                parts.append(box((0.07, 0.03, hole.top_m), skirting, at))
            at = placement(hole.along_m, 0.01, hole.top_m + 0.03)
            parts.append(box((hole.width_m + 0.13, 0.03, 0.07), skirting, at))
        begin = right
    block(begin, wall.length_m + WALL_M, 0.0, height_m)
    skirt(skirt_begin, wall.length_m)
    return parts


def _aligned(material: Material, x_m: float, z_m: float) -> Material:
    """The material shifted so that blocks of one wall show one pattern without seams."""
    if material.tile_m is None:
        return material
    shift_u, shift_v = x_m / material.tile_m[0], z_m / material.tile_m[1]
    return replace(material, offset=(material.offset[0] - shift_u, material.offset[1] - shift_v))


def add_window(
    rng: np.random.Generator, shell: Shell, side: int, hole: Opening, *, curtains: bool, sun: bool
) -> None:
    """Fill an opening with a window: its view glows, daylight enters, and the sun if asked for."""
    wall = shell.walls[side]
    width, height = hole.width_m, hole.top_m - hole.bottom_m
    at = wall.world_from_wall @ placement(hole.along_m, 0, hole.bottom_m + height / 2)
    frame = finishes.plain("#e8e6e1")
    parts = [
        box(
            (width + 0.02, 0.02, height + 0.02),
            finishes.picture(f"view_{int(rng.integers(1, 3))}", 0.95),
            placement(0, -WALL_M + 0.012),
        ),
        box((width + 0.16, 0.22, 0.03), frame, placement(0, 0.02, -height / 2 - 0.015)),
        box((width + 0.1, 0.03, 0.06), frame, placement(0, 0.012, height / 2 + 0.03)),
    ]
    for x in (-1, 1):
        post = placement(x * (width / 2 + 0.03), 0.012)
        parts.append(box((0.06, 0.03, height), frame, post))
    if curtains:
        cloth = finishes.patterned_cloth(rng) if rng.random() < 0.5 else finishes.cloth(rng)
        rod = placement(0, 0.09, height / 2 + 0.14, pitch=math.pi / 2)
        parts.append(cylinder(0.012, width + 0.9, finishes.metal(rng), rod))
        drop = hole.top_m + 0.1
        for x in (-1, 1):
            for fold in range(5):
                fold_x = x * (width / 2 + 0.06 + 0.062 * fold)
                fold_y = 0.09 + 0.02 * (-1) ** fold
                fold_z = -(hole.bottom_m + height / 2) + 0.02 + drop / 2
                fold_at = placement(fold_x, fold_y, fold_z)
                parts.append(cylinder(0.042, drop, cloth, fold_at))
    shell.solids.extend(placed(parts, at))
    rotation = at[:3, :3]
    pane = at[:3, 3] + rotation @ np.array([0.0, -WALL_M + 0.03, 0.0])
    half_u, half_v = (
        rotation @ np.array([0, 0, height / 2]),
        rotation @ np.array([width / 2, 0, 0]),
    )
    shell.lights.append(
        AreaLight(centre_m=pane, half_u_m=half_u, half_v_m=half_v, radiance=_scaled(DAYLIGHT, 6.0))
    )
    if sun:
        towards = rotation @ np.array([rng.uniform(-0.7, 0.7), -1.0, rng.uniform(0.6, 1.0)])
        shell.lights.append(
            SunBeam(
                centre_m=pane,
                half_u_m=half_u,
                half_v_m=half_v,
                towards_sun=towards / np.linalg.norm(towards),
                radiance=_scaled(SUNLIGHT, 9.0),
            )
        )


def _scaled(colour: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def add_radiator(shell: Shell, side: int, along_m: float, width_m: float) -> None:
    """A ribbed radiator on a wall, below a window."""
    paint = finishes.plain("#e9e7e0")
    at = shell.walls[side].world_from_wall @ placement(along_m, 0.06, 0.42)
    count = max(4, round(width_m / 0.08))
    parts = [
        box((0.045, 0.07, 0.5), paint, placement((rib - (count - 1) / 2) * 0.08, 0, 0))
        for rib in range(count)
    ]
    parts.append(box((count * 0.08, 0.03, 0.04), paint, placement(0, 0, 0.2)))
    parts.append(box((count * 0.08, 0.03, 0.04), paint, placement(0, 0, -0.2)))
    shell.solids.extend(placed(parts, at))


def add_wall_panel(
    shell: Shell,
    side: int,
    along_m: float,
    centre_z_m: float,
    width_m: float,
    height_m: float,
    material: Material,
) -> None:
    """Something flat on a wall: a picture, a notice board, a whiteboard."""
    at = shell.walls[side].world_from_wall @ placement(along_m, 0.012, centre_z_m)
    shell.solids.append(box((width_m, 0.024, height_m), material, at))


def add_closed_door(
    rng: np.random.Generator, shell: Shell, side: int, along_m: float, skirting: Material
) -> None:
    """A closed door with its frame, on a wall."""
    width, height = DOOR_M
    at = shell.walls[side].world_from_wall @ placement(along_m)
    parts = [
        box((width, 0.02, height), finishes.door(rng), placement(0, 0.01, height / 2)),
        box((0.13, 0.05, 0.02), finishes.metal(rng), placement(width / 2 - 0.14, 0.04, 1.02)),
        box((width + 0.16, 0.04, 0.08), skirting, placement(0, 0.02, height + 0.04)),
    ]
    for x in (-1, 1):
        post = placement(x * (width / 2 + 0.04), 0.02, height / 2)
        parts.append(box((0.08, 0.04, height), skirting, post))
    shell.solids.extend(placed(parts, at))


def add_ceiling_panel(
    shell: Shell, x_m: float, y_m: float, width_m: float, depth_m: float, radiance: float
) -> None:
    """A flat lamp in the ceiling."""
    z = shell.height_m
    shell.solids.append(
        box(
            (width_m, depth_m, 0.03), finishes.glow("#fff6e6", 1.6), placement(x_m, y_m, z - 0.005)
        )
    )
    shell.lights.append(
        AreaLight(
            centre_m=np.array([x_m, y_m, z - 0.03]),
            half_u_m=np.array([width_m / 2, 0.0, 0.0]),
            half_v_m=np.array([0.0, -depth_m / 2, 0.0]),
            radiance=_scaled(LAMPLIGHT, radiance),
        )
    )


def add_pendant(rng: np.random.Generator, shell: Shell, x_m: float, y_m: float) -> None:
    """A lamp hanging from the ceiling."""
    low = shell.height_m - float(rng.uniform(0.5, 0.75))
    shade = finishes.plain(str(rng.choice(finishes.STRONG_PAINTS)), 0.1)
    solids = [
        cylinder(
            0.006, shell.height_m - low, shade, placement(x_m, y_m, (shell.height_m + low) / 2)
        ),
        cylinder(0.19, 0.16, shade, placement(x_m, y_m, low)),
        cylinder(0.17, 0.02, finishes.glow("#ffedd0", 1.6), placement(x_m, y_m, low - 0.075)),
    ]
    shell.solids.extend(solids)
    shell.lights.append(
        AreaLight(
            centre_m=np.array([x_m, y_m, low - 0.1]),
            half_u_m=np.array([0.15, 0.0, 0.0]),
            half_v_m=np.array([0.0, -0.15, 0.0]),
            radiance=_scaled(LAMPLIGHT, 45.0),
        )
    )
