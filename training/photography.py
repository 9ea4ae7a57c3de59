# SPDX-License-Identifier: Apache-2.0
"""From ideal radiance to what cheap moving cameras deliver, and poses as trackers deliver them."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_BLUR_RADIUS_PX = 3
_LUMA = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
"""Luma and the two differences of colour that JPEG stores, from red, green and blue."""
_COLOURS = [[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]]
"""And back."""


def photograph(
    radiance: Float[Tensor, "window view 3 height width"],
    generator: torch.Generator,
    *,
    drift_share: float = 0.5,
) -> Float[Tensor, "window view 3 height width"]:
    """Images in [0, 1] with 8 bits: exposure, lens, motion, noise and compression.

    The exposure suits the window as a whole; in a share of the windows each view deviates a
    little, as automatic exposure does, and in as many as automatic white balance does.
    """
    windows, views, _, height, width = radiance.shape

    def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        values = torch.rand(shape, device=radiance.device, generator=generator)
        return low + (high - low) * values

    def chance(share: float, *shape: int) -> Tensor:
        return (uniform(*shape) < share).float()

    per_window, per_view = (windows, 1, 1, 1, 1), (windows, views, 1, 1, 1)
    # A log mean resists the few pixels that show a lamp.
    key = radiance.mean(2, keepdim=True).clamp(min=1e-4).log().mean((1, 3, 4), keepdim=True).exp()
    gain = uniform(*per_window, low=0.10, high=0.32) / key
    drift = chance(drift_share, *per_window) * uniform(*per_view, low=-0.35, high=0.35)
    tint = (
        1
        + 0.12 * (uniform(windows, 1, 3, 1, 1) - 0.5)
        + chance(drift_share, *per_window) * 0.06 * (uniform(windows, views, 3, 1, 1) - 0.5)
    )
    light = radiance * gain * drift.exp() * tint
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=radiance.device),
        torch.linspace(-1, 1, width, device=radiance.device),
        indexing="ij",
    )
    vignette = 1 - uniform(*per_window, low=0.0, high=0.3) * ((x * x + y * y) / 2)
    light = _blur((light * vignette).flatten(0, 1), uniform).view_as(light)
    noise = uniform(*per_window, low=0.0, high=1.0) ** 2
    deviation = noise * (2e-5 + 6e-4 * light.clamp(min=0)).sqrt() * 1.2
    grain = torch.randn(light.shape, device=light.device, generator=generator)
    light = (light + deviation * grain).clamp(min=0)
    # Highlights roll off in some cameras and clip in others.
    knee = chance(0.3, *per_window)
    light = knee * (light * (1 + 0.15 * light) / (1 + light * 0.75)) + (1 - knee) * light
    image = light.clamp(1e-5, 1) ** (1 / uniform(*per_window, low=1.9, high=2.5))
    image = _stretch(image, uniform, chance)
    contrast = uniform(*per_window, low=0.85, high=1.3)
    saturation = uniform(*per_window, low=0.7, high=2.2) * (1 - chance(0.04, *per_window))
    grey = image.mean(2, keepdim=True)
    image = (grey + (image - grey) * saturation - 0.5) * contrast + 0.5
    image = _compress(image.flatten(0, 1).clamp(0, 1), uniform).view_as(image)
    return (image.clamp(0, 1) * 255).round() / 255


def shake_poses(
    world_from_camera: Float[Tensor, "window view 4 4"],
    scale_m: Float[Tensor, " window"],
    generator: torch.Generator,
) -> Float[Tensor, "window view 4 4"]:
    """Poses with the errors of a tracker: up to a few millimetres and tenths of a degree.

    `scale_m` bounds the shift to a share of the typical baseline, or small windows would
    be noise alone.
    """
    windows, views = world_from_camera.shape[:2]
    device = world_from_camera.device

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, device=device, generator=generator)

    strength = torch.rand((windows, 1, 1), device=device, generator=generator) ** 2
    axis_angle = normal(windows, views, 3) * strength * math.radians(0.15)
    shift = normal(windows, views, 3) * strength * (0.04 * scale_m).clamp(max=4e-3)[:, None, None]
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    shaken = world_from_camera.clone()
    # The exponential's first terms: at such angles the rest is below float32's precision.
    turn = torch.eye(3, device=device) + skew + skew @ skew / 2
    shaken[..., :3, :3] = world_from_camera[..., :3, :3] @ turn
    shaken[..., :3, 3] += shift
    return shaken


def _stretch(image: Tensor, uniform, chance) -> Tensor:  # noqa: ANN001 - local functions
    """Black and white where a camera puts them in most windows: a few percent of the pixels."""
    windows = len(image)
    shape = (windows, 1, 1, 1, 1)
    grey = image[..., ::8, ::8].mean(2).flatten(1).sort(dim=1).values
    last = grey.shape[1] - 1

    def quantile(low: float, high: float) -> Tensor:
        place = (uniform(windows, 1, low=low, high=high) * last).long()
        return grey.gather(1, place).view(shape)

    black, white = quantile(0.005, 0.04), quantile(0.96, 0.997)
    stretched = (image - black) / (white - black).clamp(min=0.15) * 0.9 + 0.03
    return torch.where(chance(0.75, *shape) > 0, stretched, image)


def _blur(images: Tensor, uniform) -> Tensor:  # noqa: ANN001 - a local function
    """Defocus, motion and sharpening: each image convolved with a kernel of its own."""
    count, size = len(images), 2 * _BLUR_RADIUS_PX + 1
    steps = torch.arange(-_BLUR_RADIUS_PX, _BLUR_RADIUS_PX + 1, device=images.device).float()
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    sigma = uniform(count, 1, 1, low=0.1, high=0.65)
    angle = uniform(count, 1, 1, low=0.0, high=math.pi)
    is_moving = (uniform(count, 1, 1) < 0.2).float()
    streak = sigma + is_moving * uniform(count, 1, 1, low=0.0, high=1.6)
    along = x * angle.cos() + y * angle.sin()
    across = y * angle.cos() - x * angle.sin()
    kernel = (-0.5 * ((along / streak) ** 2 + (across / sigma) ** 2)).exp()
    kernel = kernel / kernel.sum((1, 2), keepdim=True)
    wide = (-0.5 * (x * x + y * y)).exp()
    sharpening = (uniform(count, 1, 1) < 0.3) * uniform(count, 1, 1, low=0.2, high=1.0)
    kernel = ((1 + sharpening) * kernel - sharpening * wide / wide.sum())[:, None]
    padded = F.pad(images, (_BLUR_RADIUS_PX,) * 4, mode="replicate")
    # Channels become the batch and images the channels: one grouped convolution for all.
    blurred = F.conv2d(padded.transpose(0, 1), kernel, groups=count)
    assert kernel.shape[-1] == size
    return blurred.transpose(0, 1).clamp(min=0)


def _compress(images: Tensor, uniform) -> Tensor:  # noqa: ANN001 - a local function
    """JPEG's losses: 8x8 cosine transforms, luma and chroma quantised by a random quality."""
    count, _, height, width = images.shape
    assert height % 8 == 0 and width % 8 == 0
    n = torch.arange(8, device=images.device).float()
    basis = (math.pi * (2 * n[None] + 1) * n[:, None] / 16).cos() * 0.5
    basis[0] *= math.sqrt(0.5)
    to_luma = images.new_tensor(_LUMA)
    colours = torch.einsum("ij,njhw->nihw", to_luma, images)
    blocks = colours.view(count, 3, height // 8, 8, width // 8, 8)
    spectrum = torch.einsum("ua,ncyaxb,vb->ncyuxv", basis, blocks, basis)
    coarseness = uniform(count, 1, 1, 1, 1, 1, low=0.0, high=1.0) ** 2
    is_compressed = (uniform(count, 1, 1, 1, 1, 1) < 0.6).float()
    frequency = 1 + 0.7 * (n[:, None, None] + n)
    chroma = images.new_tensor([1.0, 2.0, 2.0])[:, None, None, None, None]
    step = (0.01 + 0.10 * coarseness) * frequency * chroma * 0.5
    quantised = (spectrum / step).round() * step
    spectrum = spectrum + is_compressed * (quantised - spectrum)
    colours = torch.einsum("ua,ncyuxv,vb->ncyaxb", basis, spectrum, basis).reshape_as(colours)
    return torch.einsum("ij,njhw->nihw", images.new_tensor(_COLOURS), colours)
