# SPDX-License-Identifier: Apache-2.0
"""Work on feature maps between convolutions, with the channels last in memory.

PyTorch lays such maps out anew for padding, concatenation or a bias; here each is one pass.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.fused.kernel import kernel

_VALUES_AT_ONCE = 2048


def activate(
    x: Float[Tensor, "image channel height width"],
    bias: Float[Tensor, " channel"] | None,
    residual: Float[Tensor, "image channel height width"] | None,
    activation: str,
) -> Float[Tensor, "image channel height width"]:
    """`activation(x + bias) + residual`, written over `x`, whose channels lie last in memory."""
    channels = x.shape[1]
    values = x.permute(0, 2, 3, 1)
    assert values.is_contiguous(), "the channels must be last in memory"
    if residual is not None:
        residual = residual.contiguous(memory_format=torch.channels_last)
    _activate_all[(triton.cdiv(values.numel(), _VALUES_AT_ONCE),)](
        x,
        x if bias is None else bias,
        x if residual is None else residual,
        values.numel(),
        CHANNELS=channels,
        HAS_BIAS=bias is not None,
        HAS_RESIDUAL=residual is not None,
        ACTIVATION=activation,
        BLOCK=_VALUES_AT_ONCE,
    )
    return x


def place_channels(
    parts: list[Float[Tensor, "image _ height width"]], channels: int, border: int
) -> Float[Tensor, "image channel padded_height padded_width"]:
    """The parts side by side, with zeros up to `channels` and repeated pixels around the image.

    Args:
        parts: of any layout in memory; the first one sets the type of the result.
        channels: of the result, which has them last in memory; at least those of all parts.
        border: how many pixels are added on each side.
    """
    images, _, height, width = parts[0].shape
    padded_height, padded_width = height + 2 * border, width + 2 * border
    placed = parts[0].new_empty(images, padded_height, padded_width, channels)
    first = 0
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        written = channels - first if is_last else part.shape[1]
        block_channels = triton.next_power_of_2(written)
        block_pixels = max(1, _VALUES_AT_ONCE // block_channels)
        pixels = images * padded_height * padded_width
        _place[(triton.cdiv(pixels, block_pixels),)](
            part,
            placed,
            pixels,
            height,
            width,
            *part.stride(),
            PART_CHANNELS=part.shape[1],
            WRITTEN_CHANNELS=written,
            FIRST_CHANNEL=first,
            CHANNELS=channels,
            BORDER=border,
            BLOCK_PIXELS=block_pixels,
            BLOCK_CHANNELS=block_channels,
        )
        first += part.shape[1]
    return placed.permute(0, 3, 1, 2)


def resize(
    x: Float[Tensor, "image channel height width"], size: tuple[int, int]
) -> Float[Tensor, "image channel new_height new_width"]:
    """Bilinear, corner pixels on corner pixels; the channels come last in memory."""
    images, channels, height, width = x.shape
    values = x.permute(0, 2, 3, 1).contiguous()
    resized = x.new_empty(images, *size, channels)
    block_channels = min(64, triton.next_power_of_2(channels))
    block_pixels = _VALUES_AT_ONCE // block_channels
    pixels = images * size[0] * size[1]
    _resize[(triton.cdiv(pixels, block_pixels), triton.cdiv(channels, block_channels))](
        values,
        resized,
        pixels,
        height,
        width,
        *size,
        (height - 1) / max(1, size[0] - 1),
        (width - 1) / max(1, size[1] - 1),
        CHANNELS=channels,
        BLOCK_PIXELS=block_pixels,
        BLOCK_CHANNELS=block_channels,
    )
    return resized.permute(0, 3, 1, 2)


@kernel
def activated(x, ACTIVATION: tl.constexpr):
    """An activation function by its name, in float32."""
    if ACTIVATION == "relu":
        x = tl.maximum(x, 0.0)
    if ACTIVATION == "gelu":
        x = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    if ACTIVATION == "silu":
        x = x / (1.0 + tl.exp(-x))
    return x


@kernel
def _activate_all(
    x,
    bias,
    residual,
    count,
    CHANNELS: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    HAS_RESIDUAL: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK: tl.constexpr,
):
    start = tl.program_id(0).to(tl.int64) * BLOCK
    index = start + tl.arange(0, BLOCK)
    is_value = index < count
    value = tl.load(x + index, is_value, other=0.0).to(tl.float32)
    if HAS_BIAS:
        channel = ((start % CHANNELS).to(tl.int32) + tl.arange(0, BLOCK)) % CHANNELS
        value += tl.load(bias + channel, is_value, other=0.0).to(tl.float32)
    value = activated(value, ACTIVATION)
    if HAS_RESIDUAL:
        value += tl.load(residual + index, is_value, other=0.0).to(tl.float32)
    tl.store(x + index, value.to(x.dtype.element_ty), is_value)


@kernel
def _place(
    part,
    placed,
    pixels,
    height,
    width,
    image_step,
    channel_step,
    row_step,
    column_step,
    PART_CHANNELS: tl.constexpr,
    WRITTEN_CHANNELS: tl.constexpr,
    FIRST_CHANNEL: tl.constexpr,
    CHANNELS: tl.constexpr,
    BORDER: tl.constexpr,
    BLOCK_PIXELS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    pixel = tl.program_id(0) * BLOCK_PIXELS + tl.arange(0, BLOCK_PIXELS)
    channel = tl.arange(0, BLOCK_CHANNELS)
    padded_width = width + 2 * BORDER
    padded_height = height + 2 * BORDER
    column = tl.minimum(tl.maximum(pixel % padded_width - BORDER, 0), width - 1)
    line = pixel // padded_width
    row = tl.minimum(tl.maximum(line % padded_height - BORDER, 0), height - 1)
    source = (line // padded_height).to(tl.int64) * image_step
    source += row * row_step + column * column_step
    is_pixel = (pixel < pixels)[:, None]
    value = tl.load(
        part + source[:, None] + (channel * channel_step)[None, :],
        is_pixel & (channel < PART_CHANNELS)[None, :],
        other=0.0,
    )
    tl.store(
        placed + (pixel.to(tl.int64) * CHANNELS + FIRST_CHANNEL)[:, None] + channel[None, :],
        value.to(placed.dtype.element_ty),
        is_pixel & (channel < WRITTEN_CHANNELS)[None, :],
    )


@kernel
def _resize(
    values,
    resized,
    pixels,
    height,
    width,
    new_height,
    new_width,
    row_scale,
    column_scale,
    CHANNELS: tl.constexpr,
    BLOCK_PIXELS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    pixel = tl.program_id(0) * BLOCK_PIXELS + tl.arange(0, BLOCK_PIXELS)
    channel = tl.program_id(1) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    line = pixel // new_width
    place_x = (pixel % new_width).to(tl.float32) * column_scale
    place_y = (line % new_height).to(tl.float32) * row_scale
    left = tl.floor(place_x).to(tl.int32)
    top = tl.floor(place_y).to(tl.int32)
    right_weight = (place_x - left)[:, None]
    bottom_weight = (place_y - top)[:, None]
    right = tl.minimum(left + 1, width - 1)
    bottom = tl.minimum(top + 1, height - 1)
    image = (line // new_height).to(tl.int64) * height
    is_value = (pixel < pixels)[:, None] & (channel < CHANNELS)[None, :]
    top_line = (image + top) * width
    bottom_line = (image + bottom) * width
    a = tl.load(values + ((top_line + left) * CHANNELS)[:, None] + channel[None, :], is_value)
    b = tl.load(values + ((top_line + right) * CHANNELS)[:, None] + channel[None, :], is_value)
    c = tl.load(values + ((bottom_line + left) * CHANNELS)[:, None] + channel[None, :], is_value)
    d = tl.load(values + ((bottom_line + right) * CHANNELS)[:, None] + channel[None, :], is_value)
    upper = a.to(tl.float32) * (1 - right_weight) + b.to(tl.float32) * right_weight
    lower = c.to(tl.float32) * (1 - right_weight) + d.to(tl.float32) * right_weight
    result = upper * (1 - bottom_weight) + lower * bottom_weight
    tl.store(
        resized + (pixel.to(tl.int64) * CHANNELS)[:, None] + channel[None, :],
        result.to(resized.dtype.element_ty),
        is_value,
    )
