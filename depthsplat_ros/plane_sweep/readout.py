# SPDX-License-Identifier: Apache-2.0
"""From aggregated costs to inverse depth, and how clearly it won."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int16
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Winner:
    """The cheapest plane of every pixel."""

    plane: Float[Tensor, "height width"]
    """Counted from the farthest plane (0), with a fraction."""
    margin: Int16[Tensor, "height width"]
    """How much dearer the best rival is that is not a neighbour of the winner."""
    is_inside: Bool[Tensor, "height width"]
    """False where the first or last plane won: the depth may lie beyond."""


def find_winner(costs: Int16[Tensor, "plane height width"], neighbourhood: int) -> Winner:
    """The cheapest plane, and its margin over all planes farther away than `neighbourhood`."""
    planes = len(costs)
    # Cost and index in one number: a minimum over whole planes is far quicker than an argmin.
    # Among equals the farthest plane wins.
    best = costs[0].int() * planes
    for index in range(1, planes):
        torch.minimum(best, costs[index].int().mul_(planes).add_(index), out=best)
    winner = best.remainder(planes)
    cost = best.sub_(winner).floor_divide_(planes).to(torch.int16)
    winner16 = winner.to(torch.int16)
    highest = torch.iinfo(torch.int16).max
    rival = torch.full_like(cost, highest)
    for index in range(planes):
        distance = (winner16 - index).abs_()
        # Neighbours of the winner are lifted beyond every cost.
        lift = distance.sub_(neighbourhood + 1).clamp_(-1, 0).mul_(-highest)
        torch.minimum(rival, torch.maximum(costs[index], lift), out=rival)
    return Winner(
        plane=winner + _vertex(costs, winner),
        margin=rival - cost,
        is_inside=(winner > 0) & (winner < planes - 1),
    )


def _vertex(costs: Tensor, winner: Tensor) -> Tensor:
    """Offset of the true minimum from the winner, in planes, -0.5 to 0.5.

    Costs around the minimum are taken for a V with equal slopes, not for a parabola: sums of
    absolute differences are.
    Source: Shimizu, Okutomi: Sub-pixel estimation error cancellation (IJCV 2005).
    """
    inner = winner.clamp(1, len(costs) - 2).long()
    before, here, after = (costs.gather(0, (inner + step)[None])[0].float() for step in (-1, 0, 1))
    steeper = torch.maximum(before, after) - here
    offset = (before - after) / (2.0 * steeper).clamp_(min=1.0)
    return offset.clamp_(-0.5, 0.5).mul_(inner == winner)
