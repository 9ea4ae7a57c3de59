# SPDX-License-Identifier: Apache-2.0
"""Ellipses blended front to back into tiles, and tiles joined to images."""

import numpy as np

from depthsplat_ros.compilation import compiled
from depthsplat_ros.rendering.projection import (
    BLUE,
    CROSS_XY,
    DEPTH,
    GREEN,
    HALF_XX,
    HALF_YY,
    LIMIT,
    MEAN_X,
    MEAN_Y,
    OPACITY,
    REACH_Y,
    RED,
    TILE_PX,
)

# Parts of a row of a tile, TILE_PX pixels each: what a loop over pixels touches lies at distances
# that the compiler knows. The light that still comes through is negative where a pixel is full.
_LIGHT, _SUM_RED, _SUM_GREEN, _SUM_BLUE, _SUM_DEPTH = range(0, 5 * TILE_PX, TILE_PX)
TILE_ROW = 5 * TILE_PX

_CHECK_EVERY = 32
"""Ellipses after which rows of full pixels are looked for."""

# float32, so that a row of pixels is one or two vector registers.
_MAXIMUM_ALPHA = np.float32(0.999)
_LEAST_LIGHT = np.float32(1e-4)
"""A pixel is full before the ellipse that would let less light through than this."""
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)

# e^u for -0.7 <= u <= 0 by a polynomial, to the eighth power: 1e-6 of the result at most for the
# exponents from 0 down to -5.55 that pass the least alpha. Fitted at Chebyshev nodes.
_REACH = 0.7
_NODES = 0.5 * _REACH * (np.cos(np.pi * (np.arange(7) + 0.5) / 7) - 1.0)
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = (
    np.float32(c) for c in np.linalg.solve(np.vander(_NODES, 7, increasing=True), np.exp(_NODES))
)
_MINUS_EIGHTH = np.float32(-0.125)


@compiled
def clear_tiles(tiles):
    """Make tiles dark and all light come through, see `composite_tiles`."""
    tiles[:] = _ZERO
    tiles[:, :, _LIGHT : _LIGHT + TILE_PX] = _ONE


@compiled
def composite_tiles(begin, end, starts, lists, ellipses, tiles_x, tiles, is_full):
    """Blend the lists of tiles begin to end onto what the tiles hold already.

    Args:
        begin: first tile.
        end: one after the last.
        starts: tile + 1 int64, where the list of each tile begins.
        lists: rows of ellipses, nearest first.
        ellipses: see `project`.
        tiles_x: tiles in a row of the image.
        tiles: tile x TILE_PX rows x TILE_ROW float32; changed.
        is_full: tile; set where no pixel can change any more.

    Source: gsplat 1.5.3, rasterize_to_pixels_3dgs_fwd.
    """
    is_open = np.empty(TILE_PX, np.bool_)
    for tile in range(begin, end):
        if starts[tile] == starts[tile + 1]:
            continue
        left = np.float32((tile % tiles_x) * TILE_PX + 0.5)
        top = np.float32((tile // tiles_x) * TILE_PX + 0.5)
        rows = tiles[tile]
        is_open[:] = True
        for place in range(starts[tile], starts[tile + 1]):
            if (place - starts[tile]) % _CHECK_EVERY == 0:
                is_any_open = False
                for y in range(TILE_PX):
                    row = rows[y]
                    brightest = _ZERO
                    for x in range(TILE_PX):
                        brightest = max(brightest, row[x])
                    is_open[y] = brightest > _ZERO
                    is_any_open |= is_open[y]
                if not is_any_open:
                    is_full[tile] = True
                    break
            ellipse = ellipses[lists[place]]
            from_left = left - ellipse[MEAN_X]
            from_top = top - ellipse[MEAN_Y]
            half_xx, cross_xy, half_yy = ellipse[HALF_XX], ellipse[CROSS_XY], ellipse[HALF_YY]
            limit, opacity, depth = ellipse[LIMIT], ellipse[OPACITY], ellipse[DEPTH]
            red, green, blue = ellipse[RED], ellipse[GREEN], ellipse[BLUE]
            reach_y = ellipse[REACH_Y]
            first = max(0, int(_ONE - from_top - reach_y))
            last = min(TILE_PX - 1, int(reach_y - from_top))
            for y in range(first, last + 1):
                if not is_open[y]:
                    continue
                row = rows[y]
                dy = from_top + np.float32(y)
                slope = cross_xy * dy
                offset = half_yy * dy * dy
                for x in range(TILE_PX):
                    dx = from_left + np.float32(x)
                    exponent = offset + dx * (half_xx * dx + slope)
                    u = max(exponent * _MINUS_EIGHTH, -_ONE)
                    root = _C0 + u * (
                        _C1 + u * (_C2 + u * (_C3 + u * (_C4 + u * (_C5 + u * _C6))))
                    )
                    root *= root
                    root *= root
                    alpha = min(opacity * root * root, _MAXIMUM_ALPHA)
                    alpha = alpha if exponent <= limit else _ZERO
                    before = row[_LIGHT + x]
                    after = before * (_ONE - alpha)
                    is_seen = after > _LEAST_LIGHT
                    weight = before * alpha if is_seen else _ZERO
                    full = -abs(before) if alpha > _ZERO else before
                    row[_LIGHT + x] = after if is_seen else full
                    row[_SUM_RED + x] += weight * red
                    row[_SUM_GREEN + x] += weight * green
                    row[_SUM_BLUE + x] += weight * blue
                    row[_SUM_DEPTH + x] += weight * depth


@compiled
def join_tiles(begin, end, tiles, tiles_x, background, colour, depth, opacity):
    """Rows begin to end of the images, from finished tiles.

    Args:
        begin: first row.
        end: one after the last.
        tiles: see `composite_tiles`.
        tiles_x: tiles in a row of the image.
        background: 3 float32.
        colour: out, height x width x 3.
        depth: out, height x width; NaN where nothing is seen.
        opacity: out, height x width.
    """
    width = colour.shape[1]
    for y in range(begin, end):
        for x in range(width):
            row = tiles[(y // TILE_PX) * tiles_x + x // TILE_PX, y % TILE_PX]
            place = x % TILE_PX
            light = abs(row[_LIGHT + place])
            covered = _ONE - light
            colour[y, x, 0] = row[_SUM_RED + place] + light * background[0]
            colour[y, x, 1] = row[_SUM_GREEN + place] + light * background[1]
            colour[y, x, 2] = row[_SUM_BLUE + place] + light * background[2]
            depth[y, x] = (
                row[_SUM_DEPTH + place] / covered if covered > _ZERO else np.float32(np.nan)
            )
            opacity[y, x] = covered
