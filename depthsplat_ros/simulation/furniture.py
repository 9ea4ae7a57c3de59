# SPDX-License-Identifier: Apache-2.0
"""Furniture made of solids. A piece stands on z = 0 about the origin, its back towards -y."""

import math
from dataclasses import dataclass

import numpy as np

from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.solids import (
    Material,
    Solid,
    box,
    cylinder,
    ellipsoid,
    placed,
    placement,
)

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """Solids and the rectangle of floor they need."""

    solids: tuple[Solid, ...]
    width_m: float
    depth_m: float
    height_m: float


def _piece(solids: list[Solid], width_m: float, depth_m: float, height_m: float) -> Piece:
    return Piece(solids=tuple(solids), width_m=width_m, depth_m=depth_m, height_m=height_m)


def _legs(
    width_m: float, depth_m: float, height_m: float, thickness_m: float, material: Material
) -> list[Solid]:
    x, y = width_m / 2 - thickness_m, depth_m / 2 - thickness_m
    material = finishes.upright(material)
    return [
        box(
            (thickness_m, thickness_m, height_m),
            material,
            placement(sx * x, sy * y, height_m / 2),
        )
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]


def clutter(rng: Rng, width_m: float, depth_m: float, count: int) -> list[Solid]:
    """Small things on a surface at z = 0: cups, bowls, books, boxes, vases, none in another."""
    solids: list[Solid] = []
    taken: list[tuple[float, float, float]] = []
    for _ in range(4 * count):
        x = float(rng.uniform(-0.5, 0.5)) * (width_m - 0.2)
        y = float(rng.uniform(-0.5, 0.5)) * max(0.02, depth_m - 0.2)
        kind = int(rng.integers(5))
        radius = (0.06, 0.13, 0.16, 0.12, 0.09)[kind]
        if any(math.hypot(x - a, y - b) < radius + r for a, b, r in taken):
            continue
        taken.append((x, y, radius))
        yaw = float(rng.uniform(0, math.pi))
        if kind == 0:
            solids.append(cylinder(0.04, 0.1, finishes.glaze(rng), placement(x, y, 0.05)))
        elif kind == 1:
            solids.append(
                ellipsoid((0.12, 0.12, 0.05), finishes.glaze(rng), placement(x, y, 0.05))
            )
            for angle in (0.3, 2.4, 4.5):
                at = placement(x + 0.05 * math.cos(angle), y + 0.05 * math.sin(angle), 0.1)
                colour = ("#c4472f", "#d9a326", "#8aa13a")[int(rng.integers(3))]
                solids.append(ellipsoid((0.038,) * 3, finishes.plain(colour, 0.2, 0.1), at))
        elif kind == 2:
            height = 0.0
            for _ in range(int(rng.integers(1, 4))):
                thick = float(rng.uniform(0.02, 0.05))
                at = placement(x, y, height + thick / 2, yaw + float(rng.uniform(-0.3, 0.3)))
                cover = finishes.picture(f"abstract_{int(rng.integers(1, 4))}")
                solids.append(box((0.22, 0.16, thick), cover, at))
                height += thick
        elif kind == 3:
            side = float(rng.uniform(0.1, 0.18))
            at = placement(x, y, side / 2, yaw)
            solids.append(box((side, side * 0.8, side), finishes.patterned_cloth(rng), at))
        else:
            glaze, tall = finishes.glaze(rng), float(rng.uniform(0.16, 0.28))
            solids.append(ellipsoid((0.08, 0.08, tall / 2), glaze, placement(x, y, tall / 2)))
            solids.append(cylinder(0.035, 0.08, glaze, placement(x, y, tall)))
        if len(taken) == count:
            break
    return solids


def table(rng: Rng, width_m: float, depth_m: float, height_m: float = 0.74) -> Piece:
    """A table with four legs and some things on it."""
    top, legs = finishes.wood(rng), finishes.wood(rng)
    solids = [box((width_m, depth_m, 0.04), top, placement(z_m=height_m - 0.02))]
    solids += _legs(width_m, depth_m, height_m - 0.04, 0.06, legs)
    count = max(2, round(4 * width_m * depth_m))
    solids += placed(clutter(rng, width_m, depth_m, count), placement(z_m=height_m))
    return _piece(solids, width_m, depth_m, height_m)


def chair(rng: Rng, material: Material | None = None) -> Piece:
    """A wooden chair with a slatted back."""
    material = material or finishes.wood(rng)
    solids = [box((0.44, 0.42, 0.035), material, placement(z_m=0.45))]
    solids += _legs(0.44, 0.42, 0.435, 0.04, material)
    lean = placement(0, -0.2, 0.46, roll=0.12)
    posts = [
        box((0.035, 0.035, 0.48), finishes.upright(material), placement(side * 0.19, 0, 0.22))
        for side in (-1, 1)
    ]
    slats = [
        box((0.36, 0.018, 0.06), material, placement(0, 0, height))
        for height in (0.14, 0.26, 0.41)
    ]
    return _piece(solids + placed(posts + slats, lean), 0.48, 0.52, 0.95)


def dining_group(rng: Rng) -> Piece:
    """A table with four chairs, some pulled out and turned a little."""
    solids = list(table(rng, 1.3, 0.8).solids)
    material = finishes.wood(rng)
    for x, y, yaw in (
        (-0.34, 0.5, math.pi),
        (0.34, 0.5, math.pi),
        (-0.34, -0.5, 0),
        (0.34, -0.5, 0),
    ):
        pulled = float(rng.uniform(0.0, 0.18)) * math.copysign(1, y)
        at = placement(x, y + pulled, 0, yaw + float(rng.uniform(-0.25, 0.25)))
        solids += placed(chair(rng, material).solids, at)
    return _piece(solids, 1.3, 1.95, 0.95)


def sofa(rng: Rng, seats: int = 3) -> Piece:
    """A sofa, or an armchair with one seat, with cushions."""
    material, accent = finishes.cloth(rng), finishes.patterned_cloth(rng)
    inner = 0.62 * seats
    width, depth = inner + 0.36, 0.9
    solids = [
        box((width - 0.1, depth - 0.12, 0.24), material, placement(z_m=0.24)),
        box((width, 0.2, 0.66), material, placement(0, -depth / 2 + 0.1, 0.45, roll=0.06)),
    ]
    for side in (-1, 1):
        x = side * (width / 2 - 0.09)
        solids.append(box((0.18, depth - 0.06, 0.4), material, placement(x, 0.02, 0.36)))
        roll = placement(x, 0.02, 0.57, roll=math.pi / 2)
        solids.append(cylinder(0.1, depth - 0.06, material, roll))
    for seat in range(seats):
        x = (seat - (seats - 1) / 2) * 0.62
        solids.append(box((0.6, 0.64, 0.14), material, placement(x, 0.08, 0.43)))
        solids.append(box((0.58, 0.14, 0.42), material, placement(x, -0.22, 0.66, roll=0.2)))
        if rng.random() < 0.7:
            at = placement(x + float(rng.uniform(-0.1, 0.1)), -0.06, 0.66, roll=0.45)
            solids.append(ellipsoid((0.21, 0.08, 0.2), accent, at))
    solids += _legs(width - 0.1, depth - 0.12, 0.12, 0.05, finishes.wood(rng))
    return _piece(solids, width, depth, 0.85)


def bookshelf(rng: Rng, width_m: float = 0.9, height_m: float = 1.9) -> Piece:
    """A shelf with rows of books, boxes and ornaments."""
    depth, board = 0.32, 0.025
    material = finishes.wood(rng)
    solids = [
        box((width_m, 0.012, height_m), material, placement(0, -depth / 2 + 0.006, height_m / 2))
    ]
    for side in (-1, 1):
        x = side * (width_m - board) / 2
        side_board = finishes.upright(material)
        solids.append(box((board, depth, height_m), side_board, placement(x, 0, height_m / 2)))
    levels = max(2, round(height_m / 0.36))
    gap = (height_m - board) / levels
    for level in range(levels + 1):
        z = board / 2 + level * gap
        solids.append(box((width_m - 2 * board, depth, board), material, placement(0, 0, z)))
        if level == levels:
            break
        bottom, left, right = z + board / 2, -width_m / 2 + board, width_m / 2 - board
        row = float(rng.uniform(0.45, 1.0)) * (right - left)
        tall = float(rng.uniform(0.62, 0.86)) * (gap - board)
        books = finishes.picture(f"books_{int(rng.integers(1, 4))}")
        begin = left if rng.random() < 0.5 else right - row
        at = placement(begin + row / 2, float(rng.uniform(-0.06, 0.0)), bottom + tall / 2)
        solids.append(box((row, 0.2, tall), books, at))
        free = (right - left) - row
        if free > 0.24:
            middle = begin + row + free / 2 if begin == left else left + free / 2
            things = clutter(rng, 0.22, 0.2, 1)
            solids += placed(things, placement(middle, 0.02, bottom))
    solids += placed(clutter(rng, width_m, depth, 2), placement(z_m=height_m))
    return _piece(solids, width_m, depth, height_m)


def sideboard(rng: Rng, width_m: float = 1.4, height_m: float = 0.62) -> Piece:
    """A low cabinet on legs, with things on it."""
    depth = 0.42
    front, frame = finishes.cabinet(rng), finishes.wood(rng)
    solids = [
        box(
            (width_m - 0.02, depth - 0.02, height_m - 0.14),
            front,
            placement(z_m=height_m / 2 + 0.05),
        ),
        box((width_m, depth, 0.03), frame, placement(z_m=height_m - 0.015)),
        *_legs(width_m - 0.1, depth - 0.06, 0.13, 0.04, frame),
        *placed(clutter(rng, width_m, depth, 4), placement(z_m=height_m)),
    ]
    return _piece(solids, width_m, depth, height_m)


def television(rng: Rng) -> Piece:
    """A flat screen on a low cabinet."""
    cabinet = sideboard(rng, 1.5, 0.45)
    dark = finishes.plain("#222326", 0.3)
    solids = [solid for solid in cabinet.solids if solid.world_from_solid[2, 3] < 0.45]
    solids += [
        box((1.18, 0.04, 0.7), dark, placement(0, -0.03, 0.87)),
        box((1.13, 0.012, 0.65), finishes.picture("landscape_2", 0.9), placement(0, -0.008, 0.87)),
        box((0.4, 0.22, 0.02), dark, placement(0, -0.03, 0.46)),
        box((0.08, 0.05, 0.1), dark, placement(0, -0.03, 0.5)),
    ]
    return _piece(solids, 1.5, 0.42, 1.2)


def plant(rng: Rng, height_m: float = 1.2) -> Piece:
    """A pot plant with broad leaves: thin, near and occluding, the hard case for stereo."""
    pot = float(rng.uniform(0.14, 0.2))
    leaf, bark = finishes.leaf(rng), finishes.wood(rng)
    solids = [
        cylinder(pot, 0.32, finishes.glaze(rng), placement(z_m=0.16)),
        cylinder(pot * 0.94, 0.02, finishes.plain("#3a2a1e", 0.5, 0.1), placement(z_m=0.325)),
    ]
    for _ in range(int(rng.integers(2, 4))):
        lean = placement(0, 0, 0.3, float(rng.uniform(0, 6.3)), float(rng.uniform(0.03, 0.2)))
        stem = (height_m - 0.3) * float(rng.uniform(0.75, 1.0))
        parts = [cylinder(0.014, stem, bark, placement(z_m=stem / 2))]
        for share in np.linspace(0.3, 1.0, int(rng.integers(6, 9))):
            length = float(rng.uniform(0.1, 0.19))
            at = placement(0, 0, share * stem, float(rng.uniform(0, 6.3)))
            tilt = placement(
                length + 0.01, 0, 0, pitch=float(rng.uniform(-0.9, 0.5)),
                roll=float(rng.uniform(-0.4, 0.4)),
            )  # fmt: skip
            parts.append(ellipsoid((length, length * 0.42, 0.006), leaf, at @ tilt))
        solids += placed(parts, lean)
    return _piece(solids, 0.55, 0.55, height_m)


def floor_lamp(rng: Rng) -> Piece:
    """A standing lamp whose shade glows."""
    steel = finishes.metal(rng)
    solids = [
        cylinder(0.15, 0.025, steel, placement(z_m=0.0125)),
        cylinder(0.014, 1.45, steel, placement(z_m=0.73)),
        cylinder(0.19, 0.28, finishes.glow("#f4dcb0", 1.1), placement(z_m=1.5)),
    ]
    return _piece(solids, 0.4, 0.4, 1.65)


def cartons(rng: Rng) -> Piece:
    """A pile of cardboard boxes, one leaning perhaps."""
    carton = finishes.picture("carton_1")
    solids, bottom = [], 0.0
    for level in range(int(rng.integers(1, 4))):
        size = np.array([0.5, 0.4, 0.34]) * rng.uniform(0.75, 1.05, 3) * (1 - 0.12 * level)
        at = placement(0, 0, bottom + size[2] / 2, float(rng.uniform(-0.35, 0.35)))
        solids.append(box((float(size[0]), float(size[1]), float(size[2])), carton, at))
        bottom += float(size[2])
    if rng.random() < 0.5:
        at = placement(0.02, 0.36, 0.2, float(rng.uniform(-0.2, 0.2)), roll=0.5)
        solids.append(box((0.44, 0.09, 0.42), carton, at))
    return _piece(solids, 0.6, 0.7, bottom)


def desk(rng: Rng) -> Piece:
    """A desk with a screen, a keyboard, drawers and papers."""
    frame, dark = finishes.metal(rng), finishes.plain("#26282b", 0.3)
    top = finishes.wood(rng)
    screen = finishes.picture(f"screen_{int(rng.integers(1, 3))}", 1.0)
    x, yaw = float(rng.uniform(-0.25, 0.25)), float(rng.uniform(-0.25, 0.25))
    at = placement(x, -0.18, 0.73, yaw)
    monitor = [
        box((0.24, 0.2, 0.015), dark, placement(z_m=0.008)),
        cylinder(0.02, 0.2, dark, placement(0, -0.03, 0.1)),
        box((0.6, 0.035, 0.36), dark, placement(0, 0, 0.36)),
        box((0.57, 0.01, 0.33), screen, placement(0, 0.015, 0.36)),
    ]
    side = float(rng.choice([-1, 1]))
    solids = [
        box((1.5, 0.75, 0.03), top, placement(z_m=0.715)),
        *_legs(1.5, 0.75, 0.7, 0.045, frame),
        *placed(monitor, at),
        box((0.44, 0.14, 0.02), dark, placement(x, 0.16, 0.74, yaw / 2)),
        box((0.4, 0.55, 0.56), finishes.cabinet(rng), placement(side * 0.5, -0.05, 0.3)),
        *placed(clutter(rng, 0.36, 0.6, 3), placement(-side * 0.52, 0, 0.73)),
    ]
    return _piece(solids, 1.5, 0.75, 1.2)


def office_chair(rng: Rng) -> Piece:
    """A swivel chair on a five-armed foot."""
    fabric, dark = finishes.cloth(rng), finishes.plain("#2b2c2f", 0.3)
    arms = []
    for arm in range(5):
        turn = placement(yaw=arm * 2 * math.pi / 5)
        arms.append(box((0.28, 0.045, 0.03), dark, turn @ placement(0.15, 0, 0.09, pitch=0.12)))
        arms.append(ellipsoid((0.03, 0.03, 0.03), dark, turn @ placement(0.28, 0, 0.03)))
    solids = [
        *arms,
        cylinder(0.025, 0.32, finishes.metal(rng), placement(z_m=0.25)),
        box((0.48, 0.46, 0.09), fabric, placement(z_m=0.46)),
        box((0.44, 0.07, 0.55), fabric, placement(0, -0.23, 0.82, roll=0.15)),
    ]
    for side in (-1, 1):
        solids.append(box((0.045, 0.26, 0.03), dark, placement(side * 0.27, 0, 0.67)))
        solids.append(box((0.03, 0.05, 0.22), dark, placement(side * 0.27, -0.05, 0.56)))
    turn = placement(yaw=float(rng.uniform(-0.6, 0.6)))
    return _piece(placed(solids, turn), 0.65, 0.65, 1.1)


def workplace(rng: Rng) -> Piece:
    """A desk with its chair in front; the screen's back is to the wall."""
    seat = placed(office_chair(rng).solids, placement(0, 0.62, 0, math.pi))
    return _piece([*placed(desk(rng).solids, placement(0, -0.3)), *seat], 1.5, 1.45, 1.2)


def bin_and_ball(rng: Rng) -> Piece:
    """A waste bin and a ball beside it."""
    solids = [
        cylinder(0.14, 0.34, finishes.metal(rng), placement(-0.14, 0, 0.17)),
        ellipsoid((0.15,) * 3, finishes.patterned_cloth(rng), placement(0.2, 0.05, 0.15)),
    ]
    return _piece(solids, 0.7, 0.4, 0.34)


def leaning_board(rng: Rng) -> Piece:
    """A slanted plane: a board leaning against the wall."""
    height = float(rng.uniform(0.9, 1.5))
    tilt = float(rng.uniform(0.25, 0.5))
    material = finishes.wood(rng) if rng.random() < 0.5 else finishes.any_picture(rng)
    depth = height * math.sin(tilt)
    at = placement(0, 0.0, height / 2 * math.cos(tilt) + 0.012, roll=tilt)
    return _piece([box((0.8, 0.025, height), material, at)], 0.85, depth + 0.05, height)


def ramp(rng: Rng) -> Piece:
    """A wedge-like slope with a block under it."""
    tilt = float(rng.uniform(0.2, 0.4))
    length = 1.2
    rise = length * math.sin(tilt)
    at = placement(0, 0, rise / 2 + 0.02, pitch=tilt)
    solids = [
        box((length, 0.7, 0.03), finishes.floor(rng), at),
        box((0.3, 0.6, rise * 0.8), finishes.stone(rng), placement(-0.4, 0, rise * 0.4)),
    ]
    return _piece(solids, 1.3, 0.75, rise)


def pillar(rng: Rng, height_m: float) -> Piece:
    """A round column from floor to ceiling, on a square foot."""
    radius = float(rng.uniform(0.15, 0.24))
    stone = finishes.stone(rng)
    solids = [
        cylinder(radius, height_m, stone, placement(z_m=height_m / 2)),
        box((2.6 * radius, 2.6 * radius, 0.12), stone, placement(z_m=0.06)),
    ]
    return _piece(solids, 2.6 * radius, 2.6 * radius, height_m)


def blocks(rng: Rng) -> Piece:
    """Plain geometric bodies: a block, a cylinder and a ball on it."""
    colours = [finishes.plain(str(rng.choice(finishes.PALE_PAINTS)), 0.05) for _ in range(3)]
    height = float(rng.uniform(0.3, 0.9))
    radius = float(rng.uniform(0.12, 0.22))
    solids = [
        box((0.5, 0.4, height), colours[0], placement(-0.12, 0, height / 2, 0.3)),
        cylinder(radius, 0.6, colours[1], placement(0.38, 0.05, 0.3)),
        ellipsoid((radius,) * 3, colours[2], placement(0.38, 0.05, 0.6 + radius)),
    ]
    return _piece(solids, 1.2, 0.6, height)


def partition(rng: Rng) -> Piece:
    """A free-standing fabric screen on feet."""
    width = float(rng.uniform(1.2, 1.8))
    steel = finishes.metal(rng)
    solids = [box((width, 0.05, 1.25), finishes.cloth(rng), placement(z_m=0.75))]
    for side in (-1, 1):
        solids.append(box((0.04, 0.45, 0.04), steel, placement(side * width * 0.42, 0, 0.02)))
        solids.append(box((0.035, 0.06, 1.36), steel, placement(side * width / 2, 0, 0.7)))
    return _piece(solids, width + 0.05, 0.45, 1.4)
