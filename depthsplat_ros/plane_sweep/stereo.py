# SPDX-License-Identifier: Apache-2.0
"""One view matched with its sources over all planes: cost, guided filter, aggregation, winner."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int16, Int32
from torch import Tensor

from depthsplat_ros.plane_sweep.config import PlaneSweepConfig
from depthsplat_ros.plane_sweep.filters import GuidedFilter, median3
from depthsplat_ros.plane_sweep.matching import CHANCE, Sweep
from depthsplat_ros.plane_sweep.projection import Projection
from depthsplat_ros.plane_sweep.readout import find_winner
from depthsplat_ros.plane_sweep.semi_global import DIRECTIONS, Smoothness, aggregate, quantise

LEAST_SEEN_PLANES = 0.8
"""Where fewer of the planes are seen by any source, matching is left to the neighbours: among a
few planes one always looks best."""
RIVAL_DISTANCE = 1 / 16
"""Planes this close to the winner (as a share of all planes) are no rivals of it."""
CPU_CELLS_AT_ONCE = 2**18
"""Cells of the cost volume worked on together: few enough to stay in a processor's cache."""
GPU_CELLS_AT_ONCE = 2**24
"""Enough to keep a GPU busy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """A view whose depth is wanted, and the views it is matched with."""

    grey: Float[Tensor, "height width"]
    words: Int32[Tensor, "height width"]
    source_words: Int32[Tensor, "source height width"]
    projection: Projection
    inverse_depths: Float64[Tensor, " plane"]
    """Evenly spaced, in 1/m, from the farthest to the nearest."""

    @property
    def spacing(self) -> float:
        """Distance of two planes, in 1/m."""
        return float(self.inverse_depths[1] - self.inverse_depths[0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """Depth of one view, to a fraction of a plane."""

    inverse_depth: Float[Tensor, "height width"]
    """In 1/m."""
    margin: Float[Tensor, "height width"]
    """Mean matching cost (0 to 1) by which the winner beats its best rival."""
    is_inside: Bool[Tensor, "height width"]
    """False where the first or the last plane won: the depth may lie beyond."""


def measure(problems: Sequence[Problem], config: PlaneSweepConfig) -> list[Measurement]:
    """Solve problems of equal size and number of planes side by side."""
    smoothness = Smoothness(
        step_penalty=config.slope_penalty / len(problems[0].inverse_depths),
        jump_penalty=config.jump_penalty,
        least_jump_penalty=config.least_jump_penalty,
        edge_sensitivity=config.edge_sensitivity,
    )
    costs = torch.stack([_match(problem, config, smoothness) for problem in problems])
    costs = aggregate(costs, torch.stack([problem.grey for problem in problems]), smoothness)
    unit = 1.0 / (DIRECTIONS * smoothness.scale)
    neighbourhood = round(len(problems[0].inverse_depths) * RIVAL_DISTANCE)
    measurements = []
    for problem, aggregated in zip(problems, costs, strict=True):
        winner = find_winner(aggregated, neighbourhood)
        inverse_depth = winner.plane * problem.spacing + float(problem.inverse_depths[0])
        measurements.append(
            Measurement(
                inverse_depth=median3(inverse_depth),
                margin=winner.margin * unit,
                is_inside=winner.is_inside,
            )
        )
    return measurements


def _match(
    problem: Problem, config: PlaneSweepConfig, smoothness: Smoothness
) -> Int16[Tensor, "plane height width"]:
    """The filtered matching costs of all planes."""
    height, width = problem.grey.shape
    cells = CPU_CELLS_AT_ONCE if problem.grey.device.type == "cpu" else GPU_CELLS_AT_ONCE
    planes_at_once = max(1, cells // (height * width))
    sweep = Sweep(problem.words, problem.source_words, problem.projection, planes_at_once)
    guided_filter = GuidedFilter(problem.grey, config.guide_radius_px, config.guide_epsilon)
    parts = []
    seen_planes = torch.zeros_like(problem.words)
    for inverse_depths in problem.inverse_depths.split(planes_at_once):
        costs, seen = sweep.costs(inverse_depths)
        parts.append(costs)
        seen_planes += seen
    is_seen = (seen_planes >= LEAST_SEEN_PLANES * len(problem.inverse_depths)).float()
    return torch.cat(
        [
            quantise(guided_filter(costs.sub_(CHANCE).mul_(is_seen).add_(CHANCE)), smoothness)
            for costs in parts
        ]
    )
