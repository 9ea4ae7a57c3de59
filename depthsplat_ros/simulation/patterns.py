# SPDX-License-Identifier: Apache-2.0
"""Patterns that a palette colours: paint, plaster, tiles, bricks, wood, cloth, stone.

Channels one, two and three hold how far a texel goes from the palette's base to its other colours.
"""

import cv2
import numpy as np
from numpy import ndarray

from depthsplat_ros.simulation.noise import (
    SIZE_PX,
    Pattern,
    channels,
    grid,
    noise,
    step,
    tiles,
    warp,
)


def paint_plain(rng: np.random.Generator) -> Pattern:
    """Smooth paint: faint clouds."""
    return channels(0.35 * noise(rng, 0.5, 4, 250) + 0.65 * noise(rng, 1.2, 1, 60), 0, 0)


def paint_plaster(rng: np.random.Generator) -> Pattern:
    """Trowelled plaster with scratches."""
    broad, fine = noise(rng, 1.6, 1, 200), noise(rng, 0.3, 40, 250)
    scratches = step(0.72, noise(rng, 0.6, 8, 250, stretch=(1, 6)), 0.1)
    return channels(0.6 * broad + 0.4 * fine, 0.5 * scratches, 0)


def paint_concrete(rng: np.random.Generator) -> Pattern:
    """Stained concrete with pits."""
    stains = noise(rng, 2.0, 1, 250)
    pits = step(0.83, noise(rng, 0.2, 30, 120), 0.04)
    fine = noise(rng, 0.2, 60, 250)
    return channels(np.clip(0.7 * stains + 0.3 * fine, 0, 1), pits, 0)


def paint_checker(rng: np.random.Generator) -> Pattern:
    """Marble tiles, alternately light and dark."""
    inside, random, index = tiles(rng, 4, 4, 0.008)
    parity = (index // 4 + index % 4) % 2
    marble = _veins(rng)
    shade = np.clip(0.75 * parity + 0.12 * random + 0.25 * marble * (1 - 0.5 * parity), 0, 1)
    return channels(shade * inside, 1 - inside, 0)


def paint_tiles(rng: np.random.Generator) -> Pattern:
    """Fired tiles with joints."""
    inside, random, _ = tiles(rng, 5, 5, 0.01)
    return channels((0.5 * random + 0.5 * noise(rng, 1.3, 2, 200)) * inside, 1 - inside, 0)


def paint_bricks(rng: np.random.Generator) -> Pattern:
    """A wall of bricks in mortar."""
    inside, random, _ = tiles(rng, 4, 12, 0.014, shift=0.5)
    rough = noise(rng, 0.8, 6, 250)
    inside = inside * step(0.12, rough, 0.1)
    return channels(np.clip(0.75 * random + 0.5 * rough - 0.15, 0, 1) * inside, 1 - inside, 0)


def grain(rng: np.random.Generator, stretch: float = 14.0) -> ndarray:
    """Wood grain along u: rings bent by slow noise, with fine fibres."""
    rings = np.sin(2 * np.pi * (9 * noise(rng, 2.2, 1, 60, stretch=(6, 1)))) * 0.5 + 0.5
    fibres = noise(rng, 0.5, 10, 400, stretch=(stretch, 1))
    return np.clip(0.55 * rings + 0.45 * fibres, 0, 1)


def paint_wood(rng: np.random.Generator) -> Pattern:
    """Sawn wood, its grain along u."""
    return channels(grain(rng), step(0.75, noise(rng, 0.4, 8, 400, (20, 1)), 0.1), 0)


def paint_wood_upright(rng: np.random.Generator) -> Pattern:
    """Sawn wood, its grain along v: for legs and posts."""
    return np.ascontiguousarray(paint_wood(rng).transpose(1, 0, 2))


def paint_planks(rng: np.random.Generator) -> Pattern:
    """Floor boards of several tones."""
    u, v = grid()
    rows, across = 8, 2
    row = np.floor(v * rows).astype(np.int64)
    start = rng.random(rows)[row]
    along = (u * across + start * across) % across
    plank = row * across + np.floor(along).astype(np.int64)
    to_end = np.minimum(along % 1, 1 - along % 1) / across
    to_side = np.minimum(v * rows % 1, 1 - v * rows % 1) / rows
    gap = 1 - step(0.0022, np.minimum(to_end, to_side), 2.5 / SIZE_PX)
    shift = rng.random(rows * across)[plank]
    fibres = warp(grain(rng), shift, 7 * shift)
    tone = rng.random(rows * across)[plank]
    return channels(np.clip(0.4 * fibres + 0.6 * tone, 0, 1), gap * 0.85, 0)


def paint_carpet(rng: np.random.Generator) -> Pattern:
    """Tufts."""
    tufts = noise(rng, 0.3, 24, 240)
    return channels(np.clip(0.8 * tufts + 0.2 * noise(rng, 0.8, 3, 30), 0, 1), 0, 0)


def paint_fabric(rng: np.random.Generator) -> Pattern:
    """A plain weave with slubs."""
    u, v = grid()
    weave = 0.5 + 0.25 * np.sin(2 * np.pi * 96 * u) + 0.25 * np.sin(2 * np.pi * 96 * v)
    slubs = noise(rng, 0.4, 6, 250, (10, 1)) * 0.5 + noise(rng, 0.4, 6, 250, (1, 10)) * 0.5
    return channels(np.clip(0.35 * weave + 0.65 * slubs, 0, 1), 0, 0)


def paint_stripes(rng: np.random.Generator) -> Pattern:
    """Stripes of several widths along v."""
    u, _ = grid()
    edges = np.sort(rng.random(14))
    stripe = np.searchsorted(edges, u[0]) % 14
    wide = rng.random(14)[stripe]
    thin = (rng.random(14) > 0.6)[stripe].astype(float)
    fine = noise(rng, 0.3, 30, 250)
    first = cv2.GaussianBlur(np.tile(wide, (SIZE_PX, 1)), (3, 1), 0)
    return channels(
        np.clip(first * 0.85 + 0.15 * fine, 0, 1), 0.7 * np.tile(thin, (SIZE_PX, 1)), 0
    )


def paint_wallpaper(rng: np.random.Generator) -> Pattern:
    """Flowers in rows."""
    u, v = grid()
    motif = np.zeros_like(u)
    for shift_u, shift_v in ((0.0, 0.0), (0.125, 0.125)):
        x = ((u + shift_u) * 4 % 1 - 0.5) * 2
        y = ((v + shift_v) * 4 % 1 - 0.5) * 2
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        petals = 0.45 + 0.22 * np.cos(6 * angle) + 0.08 * np.cos(12 * angle + shift_u)
        ring = np.abs(radius - 0.8) < 0.04
        motif = np.maximum(motif, step(0, petals - radius, 0.05))
        motif = np.maximum(motif, 0.6 * ring)
    fine = noise(rng, 0.4, 20, 250)
    return channels(np.clip(0.85 * motif + 0.15 * fine, 0, 1), 0.3 * noise(rng, 1.5, 1, 20), 0)


def paint_speckle(rng: np.random.Generator) -> Pattern:
    """Terrazzo: chips of three colours."""
    light = step(0.68, noise(rng, 0.1, 20, 70), 0.04)
    dark = step(0.74, noise(rng, 0.1, 12, 40), 0.04)
    third = step(0.8, noise(rng, 0.1, 30, 90), 0.04)
    return channels(light * (1 - dark), dark, third * (1 - dark) * (1 - light))


def _veins(rng: np.random.Generator) -> ndarray:
    ridges = np.abs(noise(rng, 1.7, 1, 200) - 0.5) * 2
    bent = warp(ridges, 0.15 * (noise(rng, 2, 1, 8) - 0.5), 0.15 * (noise(rng, 2, 1, 8) - 0.5))
    return np.clip(1 - bent * 7, 0, 1) ** 2


def paint_marble(rng: np.random.Generator) -> Pattern:
    """Clouds and veins."""
    clouds = noise(rng, 1.8, 1, 120)
    return channels(0.6 * clouds, _veins(rng), 0.5 * _veins(rng))


def paint_brushed(rng: np.random.Generator) -> Pattern:
    """Metal brushed along u."""
    return channels(noise(rng, 0.3, 4, 400, (30, 1)), 0, 0)


def paint_ceiling(rng: np.random.Generator) -> Pattern:
    """Mineral panels in a grid."""
    inside, _, _ = tiles(rng, 2, 2, 0.02)
    holes = step(0.8, noise(rng, 0.0, 30, 110), 0.05)
    return channels(1 - inside, holes * inside, 0)


def paint_rug(rng: np.random.Generator) -> Pattern:
    """One whole rug: border, field, medallion."""
    u, v = grid()
    x, y = np.abs(u - 0.5) * 2, np.abs(v - 0.5) * 2
    frame = np.maximum(x, y)
    border = ((frame > 0.78) & (frame < 0.93)).astype(float)
    lines = (np.abs(frame - 0.74) < 0.015) | (np.abs(frame - 0.965) < 0.012)
    zigzag = (np.abs(((u + v) * 12) % 1 - 0.5) < 0.18) ^ (np.abs(((u - v) * 12) % 1 - 0.5) < 0.18)
    medal = np.cos(8 * np.arctan2(v - 0.5, u - 0.5)) * 0.12 + 0.4
    radius = np.hypot(x, y)
    centre = (radius < medal) & ~(np.abs(radius - medal * 0.7) < 0.06)
    field = ((np.abs(x * 7 % 1 - 0.5) + np.abs(y * 7 % 1 - 0.5)) < 0.27) & (frame < 0.7) & ~centre
    tufts = 0.7 + 0.6 * (noise(rng, 0.0, 60, 250) - 0.5)
    first = (border * ~zigzag + centre * 0.9) * tufts
    return channels(first, (border * zigzag + field) * tufts, lines * tufts)


def paint_leaf(rng: np.random.Generator) -> Pattern:
    """A leaf along u, with its rib."""
    u, v = grid()
    side = np.abs(v - 0.5)
    rib = 1 - step(0.012, side, 0.02)
    veins = 1 - step(0.05, np.abs(((u - 1.2 * side) * 9) % 1 - 0.5), 0.1)
    return channels(np.clip(0.5 * noise(rng, 1, 2, 100) + 0.5 * veins, 0, 1), rib, 0)


def paint_cabinet(rng: np.random.Generator) -> Pattern:
    """Fronts of drawers or doors, with handles."""
    shade = 0.55 + 0.3 * grain(rng)
    for row in range(3):
        top, bottom = row * 170 + 4, (row + 1) * 170 - 4
        for left, right in ((4, 252), (260, 508)):
            shade[top : top + 4, left:right] *= 1.25
            shade[bottom - 4 : bottom, left:right] *= 0.55
            shade[top:bottom, left : left + 4] *= 1.15
            shade[top:bottom, right - 4 : right] *= 0.6
            middle = (left + right) // 2
            shade[top + 30 : top + 38, middle - 35 : middle + 35] = 0.15
            shade[top + 26 : top + 30, middle - 35 : middle + 35] = 0.95
    shade[[0, 1, 2, 3, 508, 509, 510, 511]] *= 0.35
    shade[:, 252:260] *= 0.35
    return channels(shade, 0, 0)


def paint_door(rng: np.random.Generator) -> Pattern:
    """A door leaf with four sunk panels."""
    shade = 0.7 + 0.22 * grain(rng).T
    for left, right in ((70, 230), (282, 442)):
        for top, bottom in ((40, 220), (270, 470)):
            shade[top:bottom, left:right] *= 0.92
            shade[top : top + 7, left:right] *= 0.6
            shade[bottom - 7 : bottom, left:right] *= 1.15
            shade[top:bottom, left : left + 14] *= 0.7
            shade[top:bottom, right - 14 : right] *= 1.12
    return channels(shade, 0, 0)
