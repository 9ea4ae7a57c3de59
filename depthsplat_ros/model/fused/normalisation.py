# SPDX-License-Identifier: Apache-2.0
"""Instance and group normalisation of maps whose channels lie last in memory, with activation.

PyTorch would first turn such maps around, and back for the next convolution.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.fused.kernel import kernel
from depthsplat_ros.model.fused.maps import activated

_VALUES_AT_ONCE = 4096
_TILES_PER_PART = 8


def normalise(
    x: Float[Tensor, "image channel height width"],
    groups: int,
    weight: Float[Tensor, " channel"] | None,
    bias: Float[Tensor, " channel"] | None,
    epsilon: float,
    activation: str,
    residual: Float[Tensor, "image channel height width"] | None,
) -> Float[Tensor, "image channel height width"]:
    """`activation(norm(x))`, or `relu(residual + activation(norm(x)))` with a residual.

    As many groups as channels make it an instance norm. The channels of the result lie last in
    memory.
    """
    images, channels, height, width = x.shape
    x = x.contiguous(memory_format=torch.channels_last)
    if residual is not None:
        residual = residual.contiguous(memory_format=torch.channels_last)
    pixels = height * width
    block_channels = triton.next_power_of_2(channels)
    block_pixels = max(1, _VALUES_AT_ONCE // block_channels)
    part_pixels = block_pixels * _TILES_PER_PART
    parts = triton.cdiv(pixels, part_pixels)
    moments = x.new_empty(2, images, parts, channels, dtype=torch.float32)
    _measure[(parts, images)](
        x,
        moments[0],
        moments[1],
        pixels,
        part_pixels,
        CHANNELS=channels,
        BLOCK_PIXELS=block_pixels,
        BLOCK_CHANNELS=block_channels,
    )
    factors = x.new_empty(2, images, channels, dtype=torch.float32)
    _combine[(images,)](
        moments[0],
        moments[1],
        factors[0],
        factors[1],
        x if weight is None else weight,
        x if bias is None else bias,
        pixels,
        channels,
        part_pixels,
        parts,
        epsilon,
        HAS_WEIGHT=weight is not None,
        GROUPS=block_channels if groups == channels else groups,
        BLOCK_PARTS=16,
        BLOCK_CHANNELS=block_channels,
    )
    result = torch.empty_like(x)
    _apply[(triton.cdiv(pixels, block_pixels), images)](
        x,
        result,
        x if residual is None else residual,
        factors[0],
        factors[1],
        pixels,
        CHANNELS=channels,
        HAS_RESIDUAL=residual is not None,
        ACTIVATION=activation,
        BLOCK_PIXELS=block_pixels,
        BLOCK_CHANNELS=block_channels,
    )
    return result


@kernel
def _measure(
    x,
    means,
    squares,
    pixels,
    part_pixels,
    CHANNELS: tl.constexpr,
    BLOCK_PIXELS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """Mean and sum of squared deviations, per channel, of a part of an image.

    Sums are taken around the part's first pixel, so that a large mean costs no digits.
    """
    part = tl.program_id(0)
    image = tl.program_id(1).to(tl.int64)
    channel = tl.arange(0, BLOCK_CHANNELS)
    is_channel = channel < CHANNELS
    start = part * part_pixels
    count = tl.minimum(part_pixels, pixels - start)
    values = x + (image * pixels + start) * CHANNELS + channel
    pivot = tl.load(values, is_channel, other=0.0).to(tl.float32)
    total = tl.zeros([BLOCK_PIXELS, BLOCK_CHANNELS], tl.float32)
    total_square = tl.zeros([BLOCK_PIXELS, BLOCK_CHANNELS], tl.float32)
    for first in range(0, count, BLOCK_PIXELS):
        pixel = first + tl.arange(0, BLOCK_PIXELS)
        is_value = (pixel < count)[:, None] & is_channel[None, :]
        value = tl.load(values[None, :] + (pixel * CHANNELS)[:, None], is_value, other=0.0)
        value = tl.where(is_value, value.to(tl.float32) - pivot[None, :], 0.0)
        total += value
        total_square += value * value
    shift = tl.sum(total, axis=0) / count
    place = (image * tl.num_programs(0) + part) * CHANNELS + channel
    tl.store(means + place, pivot + shift, is_channel)
    tl.store(squares + place, tl.sum(total_square, axis=0) - shift * shift * count, is_channel)


@kernel
def _combine(
    means,
    squares,
    factors,
    terms,
    weight,
    bias,
    pixels,
    channels,
    part_pixels,
    parts,
    epsilon,
    HAS_WEIGHT: tl.constexpr,
    GROUPS: tl.constexpr,
    BLOCK_PARTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """The parts of an image together: `norm(x) = factor * x + term` per channel."""
    image = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, BLOCK_CHANNELS)
    is_channel = channel < channels
    base = image * parts * channels + channel
    mean = tl.zeros([BLOCK_CHANNELS], tl.float32)
    for first in range(0, parts, BLOCK_PARTS):
        part = first + tl.arange(0, BLOCK_PARTS)
        is_value = (part < parts)[:, None] & is_channel[None, :]
        count = tl.minimum(part_pixels, pixels - part * part_pixels).to(tl.float32)
        value = tl.load(means + base[None, :] + (part * channels)[:, None], is_value, other=0.0)
        mean += tl.sum(value * count[:, None], axis=0)
    mean /= pixels
    size: tl.constexpr = BLOCK_CHANNELS // GROUPS
    group_mean = tl.sum(tl.reshape(mean, [GROUPS, size]), axis=1) / size
    mean = tl.reshape(tl.broadcast_to(group_mean[:, None], [GROUPS, size]), [BLOCK_CHANNELS])
    square = tl.zeros([BLOCK_CHANNELS], tl.float32)
    for first in range(0, parts, BLOCK_PARTS):
        part = first + tl.arange(0, BLOCK_PARTS)
        is_value = (part < parts)[:, None] & is_channel[None, :]
        count = tl.minimum(part_pixels, pixels - part * part_pixels).to(tl.float32)
        place = base[None, :] + (part * channels)[:, None]
        away = tl.load(means + place, is_value, other=0.0) - mean[None, :]
        away = tl.where(is_value, away * away * count[:, None], 0.0)
        square += tl.sum(tl.load(squares + place, is_value, other=0.0) + away, axis=0)
    variance = tl.sum(tl.reshape(square, [GROUPS, size]), axis=1) / (size * pixels)
    factor = 1.0 / tl.sqrt(variance + epsilon)
    factor = tl.reshape(tl.broadcast_to(factor[:, None], [GROUPS, size]), [BLOCK_CHANNELS])
    if HAS_WEIGHT:
        factor *= tl.load(weight + channel, is_channel, other=0.0).to(tl.float32)
    term = -mean * factor
    if HAS_WEIGHT:
        term += tl.load(bias + channel, is_channel, other=0.0).to(tl.float32)
    tl.store(factors + image * channels + channel, factor, is_channel)
    tl.store(terms + image * channels + channel, term, is_channel)


@kernel
def _apply(
    x,
    result,
    residual,
    factors,
    terms,
    pixels,
    CHANNELS: tl.constexpr,
    HAS_RESIDUAL: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK_PIXELS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    image = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK_PIXELS + tl.arange(0, BLOCK_PIXELS)
    channel = tl.arange(0, BLOCK_CHANNELS)
    is_channel = channel < CHANNELS
    is_value = (pixel < pixels)[:, None] & is_channel[None, :]
    place = ((image * pixels + pixel) * CHANNELS)[:, None] + channel[None, :]
    factor = tl.load(factors + image * CHANNELS + channel, is_channel, other=0.0)
    term = tl.load(terms + image * CHANNELS + channel, is_channel, other=0.0)
    value = tl.load(x + place, is_value, other=0.0).to(tl.float32)
    value = activated(value * factor[None, :] + term[None, :], ACTIVATION)
    if HAS_RESIDUAL:
        value = tl.maximum(value + tl.load(residual + place, is_value, other=0.0), 0.0)
    tl.store(result + place, value.to(result.dtype.element_ty), is_value)
