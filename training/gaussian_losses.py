# SPDX-License-Identifier: Apache-2.0
"""How unlike rendered pictures are to those that a camera took at the same places."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from training.gaussian_windows import Targets
from training.splatting import Pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureWeights:
    """Shares of the parts of the loss."""

    colour: float = 1.0
    """Of absolute differences."""
    square: float = 5.0
    """Of squared ones, which PSNR counts."""
    structure: float = 0.1
    """Of what SSIM misses."""


def picture_loss(
    pictures: Pictures, targets: Targets, weights: PictureWeights
) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
    """The loss, and its parts by name for the curves; only what the inputs show counts."""
    shown = seen_part(pictures, targets)
    difference = shown - targets.images
    share = targets.is_seen.float().mean().clamp(min=1e-3)
    likeness = structural_similarity_index_measure(
        shown.flatten(0, 1), targets.images.flatten(0, 1), data_range=1.0
    )
    parts = {
        "colour": weights.colour * difference.abs().mean() / share,
        "square": weights.square * difference.square().mean() / share,
        "structure": weights.structure * (1 - likeness) / share,
    }
    return sum(parts.values()), {name: value.detach() for name, value in parts.items()}


def seen_part(
    pictures: Pictures, targets: Targets
) -> Float[Tensor, "batch camera 3 height width"]:
    """The pictures, with the truth where no input could know it."""
    return torch.where(targets.is_seen[:, :, None], pictures.colour, targets.images)
