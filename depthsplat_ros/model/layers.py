# SPDX-License-Identifier: Apache-2.0
"""Layers with what stands before and after them, so that a GPU can do it in fewer passes.

Names and shapes of parameters are those of the PyTorch layers they derive from.
"""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from depthsplat_ros.model.acceleration import fused_kernels

Activation = Literal["none", "relu", "gelu", "silu"]
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
}
_TENSOR_CORE_CHANNELS = 8
"""Convolutions in float16 of other than multiples of so many channels are several times slower."""
_NARROW, _WIDE = 32, 64
"""Between these, odd counts are better raised to the upper: cuDNN then chooses other kernels."""


class Convolution(nn.Conv2d):
    """A convolution of inputs side by side, its activation, and a sum."""

    def forward(
        self,
        *parts: Float[Tensor, "image _ height width"],
        activation: Activation = "none",
        residual: Float[Tensor, "image channel new_height new_width"] | None = None,
    ) -> Float[Tensor, "image channel new_height new_width"]:
        """`activation(convolution(parts)) + residual`; together the parts have all channels."""
        kernels = fused_kernels(parts[0])
        if kernels is None:
            x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
            x = _ACTIVATIONS[activation](super().forward(x))
            return x if residual is None else x + residual

        x = self._convolve_padded(kernels, _aligned_first(parts))
        bias, missing = self.bias, x.shape[1] - self.out_channels
        if missing and bias is not None:
            bias = F.pad(bias, (0, missing))
        if missing and residual is not None:
            residual = F.pad(residual, (0, 0, 0, 0, 0, missing))
        if bias is not None or residual is not None or activation != "none":
            x = kernels.activate(x, bias, residual, activation)
        return x[:, : self.out_channels]

    def _convolve_padded(self, kernels: ModuleType, parts: Mapping[int, Tensor]) -> Tensor:
        """The bare convolution with channels added to what a GPU does fast, all of them last.

        Args:
            kernels: the fused ones.
            parts: the inputs by their place, in the order in which they are to lie in memory.
        """
        border = self.padding[0] if self.padding_mode == "replicate" else 0
        weight = self.weight
        if list(parts) != sorted(parts):
            columns = weight.split([parts[place].shape[1] for place in sorted(parts)], dim=1)
            weight = torch.cat([columns[place] for place in parts], dim=1)
        missing_out, missing_in = (_missing_channels(count) for count in weight.shape[:2])
        if missing_in or missing_out:
            weight = F.pad(weight, (0, 0, 0, 0, 0, missing_in, 0, missing_out))
        x = next(iter(parts.values()))
        if len(parts) > 1 or border or missing_in:
            x = kernels.place_channels(list(parts.values()), weight.shape[1], border)
        weight = weight.contiguous(memory_format=torch.channels_last)
        x = F.conv2d(x, weight, None, self.stride, 0 if border else self.padding)
        return x.contiguous(memory_format=torch.channels_last)


class Convolutions(nn.Sequential):
    """Convolutions with GELUs between them; the first takes its inputs side by side."""

    def forward(
        self, *parts: Float[Tensor, "image _ height width"]
    ) -> Float[Tensor, "image channel height width"]:
        """The last convolution's output, without an activation."""
        convolutions = self[::2]
        for convolution in convolutions[:-1]:
            parts = (convolution(*parts, activation="gelu"),)
        return convolutions[-1](*parts)


class GroupNorm(nn.GroupNorm):
    """A group normalisation and its activation."""

    def forward(
        self, x: Float[Tensor, "image channel height width"], activation: Activation = "none"
    ) -> Float[Tensor, "image channel height width"]:
        """`activation(norm(x))`."""
        kernels = fused_kernels(x)
        if kernels is None or x.shape[1].bit_count() > 1:
            return _ACTIVATIONS[activation](super().forward(x))
        return kernels.normalise(
            x, self.num_groups, self.weight, self.bias, self.eps, activation, None
        )


def instance_norm(
    x: Float[Tensor, "image channel height width"],
    activation: Activation = "none",
    residual: Float[Tensor, "image channel height width"] | None = None,
) -> Float[Tensor, "image channel height width"]:
    """`activation(norm(x))`; with a residual `relu(residual + activation(norm(x)))`."""
    kernels = fused_kernels(x)
    if kernels is not None:
        return kernels.normalise(x, x.shape[1], None, None, 1e-5, activation, residual)
    x = _ACTIVATIONS[activation](F.instance_norm(x))
    return x if residual is None else F.relu(residual + x)


def _aligned_first(parts: Sequence[Tensor]) -> dict[int, Tensor]:
    """Inputs by their place, wide ones first, so that odd ones do not spoil their alignment."""
    return dict(
        sorted(enumerate(parts), key=lambda item: item[1].shape[1] % _TENSOR_CORE_CHANNELS != 0)
    )


def _missing_channels(count: int) -> int:
    missing = -count % _TENSOR_CORE_CHANNELS
    return _WIDE - count if missing and _NARROW < count < _WIDE else missing
