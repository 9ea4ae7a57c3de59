# SPDX-License-Identifier: Apache-2.0
"""Image filters over the last two axes: box mean, guided filter, 3x3 median."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


class BoxMean:
    """Mean over a square window, of those of its pixels that lie inside the image."""

    def __init__(self, radius_px: int, example: Float[Tensor, "*batch height width"]) -> None:
        """For images of the example's size and device."""
        self._radius_px = radius_px
        ones = torch.ones(example.shape[-2:], dtype=example.dtype, device=example.device)
        self._weight = self._sum(ones).reciprocal_()

    def __call__(
        self, values: Float[Tensor, "*batch height width"]
    ) -> Float[Tensor, "*batch height width"]:
        """The mean around every pixel."""
        return self._sum(values).mul_(self._weight)

    def _sum(self, values: Tensor) -> Tensor:
        radius = self._radius_px
        padded = functional.pad(values, (radius, radius, radius, radius))
        return sum_windows(sum_windows(padded, 2 * radius + 1, -1), 2 * radius + 1, -2)


def sum_windows(values: Tensor, length: int, dim: int) -> Tensor:
    """Sums of `length` successive values; the axis becomes shorter by `length - 1`.

    Sums of 1, 2, 4 ... values are built from each other, so the work grows with log(length).
    """
    size = values.shape[dim] - length + 1
    total = None
    start = 0
    power_sum, power = values, 1
    while True:
        if length & power:
            part = power_sum.narrow(dim, start, size)
            total = part.clone() if total is None else total.add_(part)
            start += power
        if 2 * power > length:
            assert total is not None
            return total
        kept = power_sum.shape[dim] - power
        power_sum = power_sum.narrow(dim, 0, kept) + power_sum.narrow(dim, power, kept)
        power *= 2


class GuidedFilter:
    """Smooths images along the edges of a guide.

    Source: He, Sun, Tang: Guided Image Filtering (TPAMI 2013), with a grey guide.
    """

    def __init__(
        self, guide: Float[Tensor, "height width"], radius_px: int, epsilon: float
    ) -> None:
        """Remember the guide's statistics; epsilon is a variance in the guide's unit squared."""
        self._mean = BoxMean(radius_px, guide)
        self._guide = guide
        self._guide_mean = self._mean(guide)
        variance = self._mean(guide * guide) - self._guide_mean.square()
        self._precision = (variance.clamp_(min=0.0) + epsilon).reciprocal_()

    def __call__(
        self, values: Float[Tensor, "*batch height width"]
    ) -> Float[Tensor, "*batch height width"]:
        """Around every pixel the values are fitted by a line over the guide; the mean fit."""
        mean = self._mean(values)
        slope = self._mean(values * self._guide)
        slope.addcmul_(mean, self._guide_mean, value=-1.0).mul_(self._precision)
        intercept = mean.addcmul_(slope, self._guide_mean, value=-1.0)
        return self._mean(slope).mul_(self._guide).add_(self._mean(intercept))


def median3(values: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch height width"]:
    """Median of 3x3 pixels; the border is repeated."""
    height, width = values.shape[-2:]
    flat = values.reshape(-1, 1, height, width)
    padded = functional.pad(flat, (1, 1, 1, 1), mode="replicate").view(-1, height + 2, width + 2)
    # Sort every column of three, then the median of nine is the median of: the largest minimum,
    # the median of the medians and the smallest maximum (Smith, XCell 23, 1996).
    low, middle, high = _sort3(padded[:, :-2], padded[:, 1:-1], padded[:, 2:])
    largest_low = torch.maximum(torch.maximum(low[..., :-2], low[..., 1:-1]), low[..., 2:])
    smallest_high = torch.minimum(torch.minimum(high[..., :-2], high[..., 1:-1]), high[..., 2:])
    middle_middle = _sort3(middle[..., :-2], middle[..., 1:-1], middle[..., 2:])[1]
    return _sort3(largest_low, middle_middle, smallest_high)[1].reshape(values.shape)


def _sort3(a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    small, large = torch.minimum(a, b), torch.maximum(a, b)
    rest = torch.minimum(large, c)
    return torch.minimum(small, rest), torch.maximum(small, rest), torch.maximum(large, c)
