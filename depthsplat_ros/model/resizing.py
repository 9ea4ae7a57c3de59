# SPDX-License-Identifier: Apache-2.0
"""Maps brought to another size, with their cells where the network believes them to be."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from depthsplat_ros.model.acceleration import fused_kernels


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
    padded = F.pad(values, (0, 1, 0, 1), mode="replicate")
    return _stretch(padded, height + 1, width + 1)[..., :height, :width]


def _stretch(values: Tensor, height: int, width: int) -> Tensor:
    kernels = fused_kernels(values)
    if kernels is not None:
        return kernels.resize(values, (height, width))
    return F.interpolate(values, (height, width), mode="bilinear", align_corners=True)
