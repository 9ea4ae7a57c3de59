# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of an image are, over its size."""

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.constants import constant_tensor


@constant_tensor
def pixel_centres(
    height: int, width: int, device: torch.device
) -> Float[Tensor, "2 height width"]:
    """Normalised (x, y) of every pixel's centre."""
    y, x = torch.meshgrid(
        (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
    )
    return torch.stack([x, y]).to(device)
