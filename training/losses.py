# SPDX-License-Identifier: Apache-2.0
"""How wrong a prediction is, at every scale; nothing changes when the unit of the poses does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from depthsplat_ros.model.depth import ScaleMatching

CONFIDENT_ERROR = 0.05
"""Relative error at which a pixel deserves a confidence of 1/e."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Shares of the parts of the loss."""

    inverse_depth: float = 4.0
    softening: float = 0.01
    """Of logarithms, over the range of inverse depth: about a step of the coarsest hypotheses.
    Without it what lies farther than parallax can tell would drown all else."""
    relative: float = 1.5
    """Of the relative error of depth, which users count; where two surfaces are equally likely it
    prefers the nearer."""
    gradient: float = 0.5
    coarse: float = 0.6
    """Of each matching scale's own depth, against that of the full-size depth."""
    candidates: float = 0.15
    confidence: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What the views of windows truly show."""

    inverse_depth: Float[Tensor, "batch view height width"]
    """In 1/m, kept between 1/far and 1/near; the sky is at far."""
    is_valid: Bool[Tensor, "batch view height width"]
    is_seen: Bool[Tensor, "batch view height width"]
    """By another view too."""
    near_m: Float[Tensor, "batch view"]
    far_m: Float[Tensor, "batch view"]

    def at_stride(self, stride: int) -> "Truth":
        """At the image pixels where the cells of a map with this stride lie."""
        return Truth(
            inverse_depth=self.inverse_depth[..., ::stride, ::stride],
            is_valid=self.is_valid[..., ::stride, ::stride],
            is_seen=self.is_seen[..., ::stride, ::stride],
            near_m=self.near_m,
            far_m=self.far_m,
        )

    @property
    def range(self) -> Float[Tensor, "batch view 1 1"]:
        """Of inverse depth, in 1/m."""
        return (1 / self.near_m - 1 / self.far_m)[..., None, None]


def loss_parts(
    scales: Sequence[ScaleMatching],
    inverse_depth: Float[Tensor, "batch view height width"],
    confidence_logit: Float[Tensor, "batch view height width"],
    truth: Truth,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """The loss by name of its parts; "loss" is their sum."""
    parts = {
        "depth": depth_loss(inverse_depth, truth, weights),
        "confidence": weights.confidence * confidence_loss(confidence_logit, inverse_depth, truth),
    }
    for index, scale in enumerate(scales):
        coarse = truth.at_stride(inverse_depth.shape[-1] // scale.inverse_depth.shape[-1])
        parts[f"depth{index}"] = weights.coarse * depth_loss(scale.inverse_depth, coarse, weights)
        parts[f"candidates{index}"] = weights.candidates * candidate_loss(
            scale.logits, scale.hypotheses, coarse
        )
    return parts | {"loss": sum(parts.values())}


def depth_loss(
    inverse_depth: Float[Tensor, "batch view height width"], truth: Truth, weights: LossWeights
) -> Float[Tensor, ""]:
    """How far all depth is from the truth.

    Differences of log depth, of inverse depth over its range, of depth over the true one, and of
    slopes of log depth.
    """
    soft = weights.softening * truth.range
    log_error = ((inverse_depth + soft) / (truth.inverse_depth + soft)).log()
    share_error = (inverse_depth - truth.inverse_depth) / truth.range
    error = (
        log_error.abs()
        + weights.inverse_depth * share_error.abs()
        + weights.relative * _relative_error(-log_error)
    )
    loss = _mean(error, truth.is_valid)
    for step in (1, 2):
        for axis in (-1, -2):
            size = log_error.shape[axis] - step
            slope = log_error.narrow(axis, step, size) - log_error.narrow(axis, 0, size)
            is_valid = truth.is_valid.narrow(axis, step, size) & truth.is_valid.narrow(
                axis, 0, size
            )
            loss = loss + weights.gradient / 2 * _mean(slope.abs(), is_valid)
    return loss


def _relative_error(log_ratio: Tensor) -> Tensor:
    """|depth / truth - 1| from the ratio's logarithm.

    From a ratio of e on it grows with the logarithm only, lest a few pixels outweigh all others.
    """
    return torch.expm1(log_ratio.clamp(max=1)).abs() + math.e * (log_ratio - 1).clamp(min=0)


def candidate_loss(
    logits: Float[Tensor, "batch view candidate height width"],
    hypotheses: Float[Tensor, "batch view candidate _ _"],
    truth: Truth,
) -> Float[Tensor, ""]:
    """Cross-entropy against the two hypotheses around the truth, where they reach that far.

    It is for the logits alone: where the hypotheses lie follows from the depth's own loss.
    """
    hypotheses = hypotheses.detach()
    lowest, highest = hypotheses[:, :, 0], hypotheses[:, :, -1]
    last = hypotheses.shape[2] - 1
    position = (truth.inverse_depth - lowest) / (highest - lowest).clamp(min=1e-9) * last
    is_inside = truth.is_valid & (position >= 0) & (position <= last)
    position = position.clamp(0, last)
    below = position.floor().clamp(max=last - 1)
    log_probability = F.log_softmax(logits.float(), dim=2)
    chosen = torch.stack([below, below + 1], dim=2).long()
    picked = log_probability.gather(2, chosen)
    share = position - below
    return _mean(-((1 - share) * picked[:, :, 0] + share * picked[:, :, 1]), is_inside)


def confidence_loss(
    confidence_logit: Float[Tensor, "batch view height width"],
    inverse_depth: Float[Tensor, "batch view height width"],
    truth: Truth,
) -> Float[Tensor, ""]:
    """Cross-entropy against 1 for exact depth, falling with the error; 0 where no view agrees."""
    with torch.no_grad():
        # |depth - truth| / truth, from inverse depths.
        error = (truth.inverse_depth / inverse_depth.clamp(min=1e-6) - 1).abs()
        deserved = torch.exp(-error / CONFIDENT_ERROR) * truth.is_seen
    loss = F.binary_cross_entropy_with_logits(confidence_logit, deserved, reduction="none")
    return _mean(loss, truth.is_valid)


def _mean(values: Tensor, is_valid: Tensor) -> Tensor:
    return values.where(is_valid, 0).sum() / is_valid.sum().clamp(min=1)
