# SPDX-License-Identifier: Apache-2.0
"""Maps brought to another size, with their cells where the network believes them to be."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.acceleration import fused_kernels
from depthsplat_ros.model.constants import constant_tensor

_SMALLEST_WEIGHT = 0.02
"""Of a cell whose bilinear weight is zero."""


def resize(values: Tensor, size: Sequence[int], *, is_stretched: bool = True) -> Tensor:
    """Bilinear resizing of "... channel height width" maps.

    Stretched, the corner cells of both maps coincide, as the published weights expect. Otherwise
    the size grows by a whole factor s and cell j comes to lie at s * j, which is where a network
    of strided convolutions saw it; the last cell is repeated to the border.
    """
    height, width = size
    if is_stretched:
        return _stretch(values, height, width)
    assert height % values.shape[-2] == 0 and width % values.shape[-1] == 0
    return _stretch(_with_last_repeated(values), height + 1, width + 1)[..., :height, :width]


def choose_nearby(
    values: Float[Tensor, "image height width"],
    preference: Float[Tensor, "image 4 new_height new_width"],
) -> Float[Tensor, "image new_height new_width"]:
    """Resizing like the unstretched one, but each new place may prefer one of its four cells.

    Without preference it is bilinear; a strong one takes a single cell, which keeps edges sharp.
    """
    height, width = values.shape[-2:]
    factor = preference.shape[-1] // width
    assert preference.shape[-2:] == (factor * height, factor * width)
    padded = _with_last_repeated(values)
    cells = torch.stack(
        [padded[..., y : y + height, x : x + width] for y in (0, 1) for x in (0, 1)], dim=1
    )
    cells = cells.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)
    leaning = _bilinear_logits(factor, values.device).repeat(1, height, width)
    return ((preference + leaning).softmax(1) * cells).sum(1)


def _with_last_repeated(values: Tensor) -> Tensor:
    """One more row and column; unlike replicate padding it has a quick gradient."""
    values = torch.cat([values, values[..., -1:]], dim=-1)
    return torch.cat([values, values[..., -1:, :]], dim=-2)


@constant_tensor
def _bilinear_logits(factor: int, device: torch.device) -> Float[Tensor, "4 factor factor"]:
    """Logarithms of the bilinear weights, none of them so small that it could not be chosen."""
    share = torch.arange(factor) / factor
    along = torch.stack([1 - share, share])
    weights = along[:, None, :, None] * along[None, :, None, :]
    return (weights.flatten(0, 1) + _SMALLEST_WEIGHT).log().to(device)


def _stretch(values: Tensor, height: int, width: int) -> Tensor:
    kernels = fused_kernels(values)
    if kernels is not None:
        return kernels.resize(values, (height, width))
    return F.interpolate(values, (height, width), mode="bilinear", align_corners=True)
