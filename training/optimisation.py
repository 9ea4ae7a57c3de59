# SPDX-License-Identifier: Apache-2.0
"""AdamW on float32 weights for a network that computes in another precision."""

import math
from dataclasses import dataclass

import torch
import torch.distributed
from torch import nn

from training.state import TrainingState


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimisationConfig:
    """How weights follow gradients."""

    peak_rate: float = 1e-3
    final_share: float = 0.02
    """Of the peak rate, at the end."""
    warm_up_steps: int = 300
    total_steps: int = 12000
    """After which the rate has fallen to its final share."""
    weight_decay: float = 0.03
    first_decay: float = 0.9
    second_decay: float = 0.98
    largest_norm: float = 1.0
    """Longer gradients are shortened to this."""
    average_decay: float = 0.999


def rate_at(config: OptimisationConfig, step: int) -> float:
    """The learning rate of a step: a linear rise, then half a cosine."""
    rise = min(1.0, (step + 1) / config.warm_up_steps)
    progress = min(1.0, step / config.total_steps)
    share = config.final_share + (1 - config.final_share) * 0.5 * (
        1 + math.cos(math.pi * progress)
    )
    return config.peak_rate * rise * share


@torch.no_grad()
def take_step(model: nn.Module, state: TrainingState, config: OptimisationConfig) -> float:
    """One step of all devices together; returns the norm of the mean gradient.

    A step whose gradient is not finite is left out.
    """
    parameters = dict(model.named_parameters())
    gradient = torch.cat([values.grad.flatten().float() for values in parameters.values()])
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(gradient)
        gradient /= torch.distributed.get_world_size()
    norm = gradient.norm()
    is_good = norm.isfinite()
    gradient = (
        torch.where(is_good, gradient, 0) * (config.largest_norm / norm).clamp(max=1).nan_to_num()
    )
    gradients = [
        part.view_as(values)
        for part, values in zip(
            gradient.split([values.numel() for values in parameters.values()]),
            parameters.values(),
            strict=True,
        )
    ]
    weights, first, second, average = (
        [tensors[name] for name in parameters]
        for tensors in (state.weights, state.first_moment, state.second_moment, state.average)
    )
    torch._foreach_lerp_(first, gradients, 1 - config.first_decay)
    torch._foreach_mul_(second, config.second_decay)
    torch._foreach_addcmul_(second, gradients, gradients, 1 - config.second_decay)
    count = state.step + 1
    rate = rate_at(config, state.step)
    roots = torch._foreach_sqrt(second)
    torch._foreach_div_(roots, math.sqrt(1 - config.second_decay**count))
    torch._foreach_add_(roots, 1e-8)
    decayed = [values for values in weights if values.ndim > 1]
    torch._foreach_mul_(decayed, 1 - rate * config.weight_decay)
    torch._foreach_addcdiv_(weights, first, roots, -rate / (1 - config.first_decay**count))
    # Early on the average follows quickly, or it would remember the random start.
    decay = min(config.average_decay, (1 + count) / (10 + count))
    torch._foreach_lerp_(average, weights, 1 - decay)
    torch._foreach_copy_(list(parameters.values()), weights)
    state.step += 1
    return norm
