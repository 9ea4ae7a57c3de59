# SPDX-License-Identifier: Apache-2.0
"""Pictures in full colour: art, books, screens, notices, a window's view. Channels are sRGB."""

import colorsys
import math

import cv2
import numpy as np
from numpy import ndarray

from depthsplat_ros.simulation.noise import SIZE_PX, Pattern, grid, noise, step


def _random_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Mostly muted, as paint and print are."""
    return colorsys.hsv_to_rgb(rng.random(), rng.beta(2, 2.2), rng.uniform(0.25, 0.95))


def _canvas(colour: tuple[float, float, float]) -> Pattern:
    return np.full((SIZE_PX, SIZE_PX, 3), colour, np.float32)


def _finish(rng: np.random.Generator, image: ndarray, strength: float = 0.06) -> Pattern:
    """Smooth drawn edges and add the grain of print or paint."""
    image = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 0.8)
    grain = noise(rng, 0.3, 10, 250)[..., None] - 0.5
    return np.clip(image + strength * grain, 0, 1).astype(np.float32)


def paint_abstract(rng: np.random.Generator) -> Pattern:
    """Overlapping discs, bars and polygons."""
    image = _canvas(tuple(rng.uniform(0.75, 0.95, 3)))
    for _ in range(22):
        colour = _random_colour(rng)
        centre = rng.integers(30, SIZE_PX - 30, 2)
        kind = rng.integers(4)
        if kind == 0:
            cv2.circle(image, centre.tolist(), int(rng.integers(10, 110)), colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(image, centre.tolist(), int(rng.integers(20, 140)), colour, 7, cv2.LINE_AA)
        elif kind == 2:
            end = rng.integers(0, SIZE_PX, 2)
            width = int(rng.integers(3, 24))
            cv2.line(image, centre.tolist(), end.tolist(), colour, width, cv2.LINE_AA)
        else:
            points = (centre + rng.integers(-110, 110, (4, 2))).astype(np.int32)
            cv2.fillConvexPoly(image, cv2.convexHull(points), colour, cv2.LINE_AA)
    return _framed(_finish(rng, image))


def paint_landscape(rng: np.random.Generator) -> Pattern:
    """Sky, hills in haze, a field."""
    u, v = grid()
    sky_low, sky_high = np.array([0.95, 0.75, 0.55]), np.array([0.2, 0.4, 0.75])
    image = sky_high + (sky_low - sky_high) * (v[..., None] / 0.7).clip(0, 1)
    clouds = step(0.6, noise(rng, 1.7, 2, 100, (2.5, 1)), 0.25)[..., None]
    image = image + clouds * (0.95 - image) * 0.8
    for layer in range(5):
        height = 0.38 + 0.11 * layer
        ridge = height + 0.16 * (noise(rng, 1.5, 1, 60)[layer * 7] - 0.5)
        colour = (
            np.array([0.35, 0.5, 0.6]) * (1 - layer / 5) + np.array([0.12, 0.28, 0.1]) * layer / 5
        )
        shade = colour * (0.75 + 0.5 * noise(rng, 1.2, 3, 200)[..., None])
        image = np.where(v[..., None] > ridge[None, :, None], shade, image)
    return _framed(_finish(rng, image, 0.05))


def paint_fields(rng: np.random.Generator) -> Pattern:
    """A composition of fields divided by dark bars."""
    image = _canvas((0.9, 0.88, 0.82))
    columns = [0, *sorted(rng.integers(60, 450, 4).tolist()), SIZE_PX]
    for left, right in zip(columns[:-1], columns[1:], strict=True):
        rows = [0, *sorted(rng.integers(60, 450, int(rng.integers(2, 5))).tolist()), SIZE_PX]
        for top, bottom in zip(rows[:-1], rows[1:], strict=True):
            if rng.random() < 0.6:
                image[top:bottom, left:right] = _random_colour(rng)
            image[max(0, top - 5) : top + 5, left:right] = 0.05
        image[:, max(0, left - 5) : left + 5] = 0.05
    return _framed(_finish(rng, image))


def _framed(image: ndarray) -> Pattern:
    """A picture with a pale mount and a thin dark edge."""
    margin = SIZE_PX // 11
    framed = _canvas((0.88, 0.87, 0.84))
    inner = SIZE_PX - 2 * margin
    framed[margin:-margin, margin:-margin] = cv2.resize(
        image.astype(np.float32), (inner, inner), interpolation=cv2.INTER_AREA
    )
    for edge in (framed[:10], framed[-10:], framed[:, :10], framed[:, -10:]):
        edge[:] = (0.09, 0.07, 0.06)
    return framed


def paint_books(rng: np.random.Generator) -> Pattern:
    """A row of book spines with titles and bands."""
    image = _canvas((0.05, 0.04, 0.04))
    left = 0
    while left < SIZE_PX:
        width = int(rng.integers(14, 46))
        top = int(rng.integers(10, 130))
        colour = np.array(_random_colour(rng)) * 0.85
        x = np.linspace(-1, 1, width)
        spine = colour * (1 - 0.45 * x[None, :, None] ** 2)
        right = min(SIZE_PX, left + width)
        image[top:, left:right] = spine[:, : right - left]
        trim = np.clip(colour * rng.choice([0.3, 1.9]) + rng.choice([0, 0.2]), 0, 1)
        for _ in range(int(rng.integers(1, 4))):
            row = int(rng.integers(top + 5, SIZE_PX - 20))
            image[row : row + int(rng.integers(3, 12)), left:right] = trim
        row = top + int(rng.integers(30, 80))
        while row < SIZE_PX - int(rng.integers(60, 160)):
            height = int(rng.integers(6, 22))
            image[row : row + height, left + width // 3 : min(right, left + 2 * width // 3)] = trim
            row += height + int(rng.integers(3, 9))
        left += width + 1
    return _finish(rng, image, 0.05)


def paint_view(rng: np.random.Generator) -> Pattern:
    """What a window shows: a bright sky over trees and houses, with the window's bars."""
    u, v = grid()
    image = np.array([0.62, 0.78, 1.0]) + v[..., None] * np.array([0.38, 0.22, 0.0])
    clouds = step(0.55, noise(rng, 1.8, 1, 100, (2, 1)), 0.35)[..., None]
    image = image + clouds * (1 - image)
    for _ in range(5):
        left, width = rng.integers(0, SIZE_PX - 60), rng.integers(50, 130)
        top = rng.integers(230, 330)
        image[top:, left : left + width] = np.array(_random_colour(rng)) * 0.35 + 0.3
        for row in range(int(top) + 14, SIZE_PX, 34):
            for column in range(int(left) + 8, int(left + width) - 14, 26):
                image[row : row + 16, column : column + 12] = (0.25, 0.3, 0.38)
    crowns = 0.68 + 0.3 * (noise(rng, 1.1, 2, 90)[40] - 0.5)
    leaves = np.array([0.3, 0.38, 0.24]) * (0.5 + 1.0 * noise(rng, 0.6, 8, 200)[..., None])
    image = np.where(v[..., None] > crowns[None, :, None], leaves, image)
    image = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 2.0)
    bars = (np.abs(u - 0.5) < 0.018) | (np.abs(v - 0.36) < 0.014)
    bars |= (np.minimum(u, 1 - u) < 0.03) | (np.minimum(v, 1 - v) < 0.025)
    return np.where(bars[..., None], 0.55, image).astype(np.float32)


def paint_screen(rng: np.random.Generator) -> Pattern:
    """A monitor with windows full of lines of text."""
    image = _canvas((0.08, 0.13, 0.2))
    for _ in range(3):
        left, top = (int(value) for value in rng.integers(10, 230, 2))
        width, height = (int(value) for value in rng.integers(200, 270, 2))
        dark = rng.random() < 0.5
        image[top : top + height, left : left + width] = 0.1 if dark else 0.85
        image[top : top + 18, left : left + width] = _random_colour(rng)
        for row in range(top + 28, top + height - 10, 12):
            indent = int(rng.integers(8, 60))
            length = int(rng.integers(20, width - indent - 5))
            colour = np.array(_random_colour(rng)) * (1.0 if dark else 0.4)
            image[row : row + 5, left + indent : left + indent + length] = colour
    return _finish(rng, image, 0.02)


def paint_notices(rng: np.random.Generator) -> Pattern:
    """A cork board with pinned sheets."""
    cork = np.array([0.62, 0.43, 0.26]) * (0.7 + 0.6 * noise(rng, 0.2, 20, 250)[..., None])
    image = np.ascontiguousarray(cork.astype(np.float32))
    for _ in range(13):
        width, height = (int(value) for value in rng.integers(60, 150, 2))
        sheet = np.full((height, width, 3), rng.choice([0.95, 0.9, 0.85]), np.float32)
        if rng.random() < 0.4:
            sheet[:] = _random_colour(rng)
        for row in range(14, height - 8, 9):
            sheet[row : row + 4, 8 : int(rng.integers(20, width - 6))] *= 0.35
        if rng.random() < 0.6:
            sheet[10 : height // 2, width // 4 : 3 * width // 4] = _random_colour(rng)
        left, top = rng.integers(5, SIZE_PX - 155, 2)
        angle = math.radians(rng.uniform(-8, 8))
        matrix = np.array(
            [
                [math.cos(angle), -math.sin(angle), left],
                [math.sin(angle), math.cos(angle), top],
            ]
        )
        cover = cv2.warpAffine(np.ones((height, width), np.float32), matrix, (SIZE_PX, SIZE_PX))
        drawn = cv2.warpAffine(sheet, matrix, (SIZE_PX, SIZE_PX))
        image = image * (1 - cover[..., None]) + drawn * cover[..., None]
        cv2.circle(image, (int(left) + width // 2, int(top) + 8), 5, _random_colour(rng), -1)
    return _finish(rng, image, 0.04)


def paint_carton(rng: np.random.Generator) -> Pattern:
    """Corrugated cardboard with tape, a label and arrows."""
    board = np.array([0.66, 0.48, 0.3]) * (0.85 + 0.3 * noise(rng, 0.8, 1, 250, (1, 5))[..., None])
    image = np.ascontiguousarray(board.astype(np.float32))
    image[:, 236:276] = image[:, 236:276] * 0.4 + 0.42
    left, top = (int(value) for value in rng.integers(30, 90, 2))
    image[top : top + 130, left : left + 150] = 0.92
    for row in range(top + 12, top + 80, 12):
        image[row : row + 5, left + 10 : left + int(rng.integers(60, 140))] = 0.12
    for column in range(left + 12, left + 138, 7):
        width = int(rng.integers(1, 6))
        image[top + 92 : top + 120, column : column + width] = 0.05
    for arrow in (330, 420):
        cv2.arrowedLine(
            image, (arrow, 470), (arrow, 340), (0.15, 0.1, 0.08), 14, cv2.LINE_AA, 0, 0.3
        )
    return _finish(rng, image, 0.05)
