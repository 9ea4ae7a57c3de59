# SPDX-License-Identifier: Apache-2.0
"""The matching cost: census words, looked up in the source views and compared plane by plane.

A census word says for every pixel which of its neighbours are brighter: it survives any change of
exposure, and two words are compared by counting their differing bits. Two rings of neighbours, a
fine one on the image and a wide one on its blurred copy, tell detail and stay sure in noise.
"""

import torch
from jaxtyping import Float, Float64, Int32
from torch import Tensor
from torch.nn import functional

from depthsplat_ros.plane_sweep.filters import BoxMean
from depthsplat_ros.plane_sweep.projection import Projection, project_to_infinity

# Every second pixel of 7x7, like the white squares of a chess board, without the corners.
FINE_NEIGHBOURS = tuple(
    (y, x)
    for y in range(-3, 4)
    for x in range(-3, 4)
    if (x + y) % 2 == 0 and (x, y) != (0, 0) and abs(x) + abs(y) < 6
)
WIDE_RADIUS_PX = 4
WIDE_NEIGHBOURS = tuple(
    (y * WIDE_RADIUS_PX, x * WIDE_RADIUS_PX)
    for y in (-1, 0, 1)
    for x in (-1, 0, 1)
    if (x, y) != (0, 0)
)
WIDE_BLUR_RADIUS_PX = 2
BITS = len(FINE_NEIGHBOURS) + len(WIDE_NEIGHBOURS)

ROUNDING = 1e-5
"""Grey differences below this (grey in [0, 1]) come from rounding, not from the scene."""
OUTSIDE = torch.iinfo(torch.int32).min
"""The word of the ring of pixels around an image: the sign bit says 'not in view'."""
CHANCE = 0.5
"""The cost of a comparison that nobody could make: a tossed coin per bit."""
NEAREST_DEPTH = 1e-6
"""Homogeneous depth (relative to the plane at infinity's 1) below which a point is behind."""


def census_words(
    grey: Float[Tensor, "image height width"],
) -> Int32[Tensor, "image height width"]:
    """One word per pixel; only its lowest `BITS` bits are used."""
    blurred = BoxMean(WIDE_BLUR_RADIUS_PX, grey)(grey)
    words = torch.zeros(grey.shape, dtype=torch.int32, device=grey.device)
    bit = 0
    for image, neighbours in ((grey, FINE_NEIGHBOURS), (blurred, WIDE_NEIGHBOURS)):
        reach = max(abs(step) for neighbour in neighbours for step in neighbour)
        padded = functional.pad(image[:, None], (reach,) * 4, mode="replicate")[:, 0]
        height, width = grey.shape[1:]
        for y, x in neighbours:
            top, left = reach + y, reach + x
            neighbour = padded[:, top : top + height, left : left + width]
            is_brighter = neighbour > image + ROUNDING
            words |= is_brighter.int() << bit
            bit += 1
    return words


class Sweep:
    """Compares one reference view with its sources over a set of planes, a few at a time."""

    def __init__(
        self,
        reference_words: Int32[Tensor, "height width"],
        source_words: Int32[Tensor, "source height width"],
        projection: Projection,
        planes_at_once: int,
    ) -> None:
        """Prepare the look-up; buffers for `planes_at_once` planes are made once and reused."""
        sources, height, width = source_words.shape
        device = source_words.device
        self._reference_words = reference_words
        ringed = functional.pad(source_words, (1, 1, 1, 1), value=OUTSIDE)
        self._source_words = ringed.reshape(sources, -1)
        self._row_length = width + 2
        # Coordinates such that cutting off the fraction gives the nearest pixel of the ringed
        # image: half a pixel for rounding and one for the ring.
        nearest = torch.eye(3, dtype=torch.float64, device=device)
        nearest[:2, 2] = 1.5
        self._infinity = project_to_infinity(nearest @ projection.infinity, width, height)
        self._shift = (nearest @ projection.shift[..., None])[..., 0].tolist()
        self._limits = (width + 1.0, height + 1.0)
        shape = (planes_at_once, height, width)
        self._floats = [torch.empty(shape, device=device) for _ in range(3)]
        self._ints = [torch.empty(shape, dtype=torch.int32, device=device) for _ in range(3)]
        # The mean over the better half of the sources: what is hidden in the others costs nothing.
        self._best_count = (sources + 1) // 2
        self._sorted = [
            torch.empty(shape, dtype=torch.int16, device=device)
            for _ in range(self._best_count + 2)
        ]

    def costs(
        self, inverse_depths: Float64[Tensor, " plane"]
    ) -> tuple[Float[Tensor, "plane height width"], Int32[Tensor, "height width"]]:
        """Costs in [0, 1] of the planes, and how many of the planes any source sees per pixel.

        The mean over the better half of the sources that see the point; `CHANCE` where none does.
        """
        count = len(inverse_depths)
        *best, current, swapped = (values[:count] for values in self._sorted)
        for values in best:
            values.fill_(2 * BITS)
        for source in range(len(self._source_words)):
            self._compare(source, inverse_depths, current)
            for values in best:
                torch.maximum(values, current, out=swapped)
                torch.minimum(values, current, out=values)
                current, swapped = swapped, current
        total, seen = swapped.zero_(), current.zero_()
        for values in best:
            # -1 (all bits) where the comparison was possible, else 0.
            is_seen = (values - (BITS + 1)).bitwise_right_shift_(15)
            total += values.bitwise_and_(is_seen)
            seen -= is_seen
        mean = total.float().div_(seen.clamp(min=1).float().mul_(BITS))
        seen.clamp_(max=1)
        return mean.add_(1.0 - seen.float(), alpha=CHANCE), seen.sum(0, dtype=torch.int32)

    def _compare(self, source: int, inverse_depths: Tensor, out: Tensor) -> None:
        """Count differing bits; more than `BITS` where the source does not see the point."""
        count = len(inverse_depths)
        x, y, scale = (values[:count] for values in self._floats)
        index, word, outside = (values[:count] for values in self._ints)
        infinity = self._infinity[source]
        steps = [
            (inverse_depths * component).float()[:, None, None].to(x.device)
            for component in self._shift[source]
        ]
        torch.add(infinity[2], steps[2], out=scale)
        # A point behind the source gets a huge coordinate, which the clamp below puts outside.
        scale.clamp_(min=NEAREST_DEPTH).reciprocal_()
        torch.add(infinity[0], steps[0], out=x).mul_(scale).clamp_(0.0, self._limits[0])
        torch.add(infinity[1], steps[1], out=y).mul_(scale).clamp_(0.0, self._limits[1])
        index.copy_(y).mul_(self._row_length)
        index += word.copy_(x)
        torch.index_select(self._source_words[source], 0, index.view(-1), out=word.view(-1))
        word ^= self._reference_words
        # A set sign bit counts for more than all others: out of view.
        torch.bitwise_right_shift(word, 31, out=outside)
        outside &= 2 * BITS
        word &= 2**31 - 1
        out.copy_(count_bits(word, index).add_(outside))


def count_bits(words: Int32[Tensor, "*shape"], scratch: Int32[Tensor, "*shape"]) -> Tensor:
    """Number of bits set in non-negative words, which are overwritten by it."""
    torch.bitwise_right_shift(words, 1, out=scratch)
    scratch &= 0x55555555
    words -= scratch
    torch.bitwise_right_shift(words, 2, out=scratch)
    scratch &= 0x33333333
    words &= 0x33333333
    words += scratch
    torch.bitwise_right_shift(words, 4, out=scratch)
    words += scratch
    words &= 0x0F0F0F0F
    words *= 0x01010101
    return words.bitwise_right_shift_(24)
