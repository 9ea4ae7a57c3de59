# SPDX-License-Identifier: Apache-2.0
import itertools
from dataclasses import replace

import pytest
import torch

from depthsplat_ros.plane_sweep.semi_global import (
    DIRECTIONS,
    LARGEST,
    Smoothness,
    aggregate,
    quantise,
)

SMOOTHNESS = Smoothness(
    step_penalty=0.3, jump_penalty=1.5, least_jump_penalty=0.5, edge_sensitivity=10.0
)
STEPS = [step for step in itertools.product((-1, 0, 1), repeat=2) if step != (0, 0)]


def by_hand(costs, grey, smoothness):
    """Hirschmueller's recursion, one pixel and direction at a time."""
    planes, height, width = costs.shape
    step_penalty = round(smoothness.step_penalty * smoothness.scale)
    total = torch.zeros_like(costs)
    for dy, dx in STEPS:
        paths = {}
        rows = range(height) if dy >= 0 else range(height - 1, -1, -1)
        columns = range(width) if dx >= 0 else range(width - 1, -1, -1)
        for y, x in itertools.product(rows, columns):
            before = paths.get((y - dy, x - dx))
            path = costs[:, y, x].tolist()
            if before is not None:
                grey_step = abs(float(grey[y, x] - grey[y - dy, x - dx]))
                jump = smoothness.jump_penalty / (1 + smoothness.edge_sensitivity * grey_step)
                jump = round(max(jump, smoothness.least_jump_penalty) * smoothness.scale)
                cheapest = min(before)
                for plane in range(planes):
                    ways = [before[plane], cheapest + jump]
                    ways += [
                        before[neighbour] + step_penalty
                        for neighbour in (plane - 1, plane + 1)
                        if 0 <= neighbour < planes
                    ]
                    path[plane] += min(ways) - cheapest
            paths[y, x] = path
            total[:, y, x] += torch.tensor(path, dtype=total.dtype)
    return total


@pytest.mark.parametrize("planes, height, width", [(5, 6, 7), (2, 4, 9), (4, 1, 5), (3, 5, 1)])
def test_paths_are_those_of_the_recursion(planes, height, width):
    generator = torch.Generator().manual_seed(planes)
    costs = quantise(torch.rand(planes, height, width, generator=generator), SMOOTHNESS)
    # Multiples of 1/8, so that both ways of computing a penalty round alike.
    grey = torch.randint(0, 9, (height, width), generator=generator) / 8
    expected = by_hand(costs, grey, SMOOTHNESS)
    assert torch.equal(aggregate(costs[None], grey[None], SMOOTHNESS)[0], expected)


def test_problems_do_not_touch_each_other():
    costs = quantise(torch.rand(2, 4, 6, 7), SMOOTHNESS)
    grey = torch.rand(2, 6, 7)
    together = aggregate(costs, grey, SMOOTHNESS)
    for index in range(2):
        alone = aggregate(costs[index : index + 1], grey[index : index + 1], SMOOTHNESS)
        assert torch.equal(together[index : index + 1], alone)


def test_the_costs_are_left_alone():
    costs = quantise(torch.rand(1, 4, 6, 7), SMOOTHNESS)
    before = costs.clone()
    aggregate(costs, torch.rand(1, 6, 7), SMOOTHNESS)
    assert torch.equal(costs, before)


@pytest.mark.parametrize("jump_penalty", [0.0, 8.0, 64.0])
def test_the_dearest_paths_do_not_overflow(jump_penalty):
    smoothness = replace(SMOOTHNESS, step_penalty=1e3, jump_penalty=jump_penalty)
    # The winner changes from pixel to pixel, so every path jumps or pays in full everywhere.
    costs = torch.ones(8, 12, 12)
    y, x = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    costs.scatter_(0, ((3 * x + 5 * y) % 8)[None], 0.0)
    total = aggregate(quantise(costs, smoothness)[None], torch.zeros(1, 12, 12), smoothness)
    assert total.min() >= 0
    assert total.max() <= DIRECTIONS * smoothness.scale * (1 + max(jump_penalty, 0.5)) <= LARGEST


def test_evidence_crosses_a_gap_along_the_surface():
    costs = torch.full((6, 9, 21), 0.5)
    costs[2, :, :5] = costs[2, :, 16:] = 0.0
    total = aggregate(quantise(costs, SMOOTHNESS)[None], torch.zeros(1, 9, 21), SMOOTHNESS)[0]
    assert (total.argmin(0) == 2).all()


def test_costs_become_integers_within_the_scale():
    costs = quantise(torch.tensor([-1.0, 0.0, 0.5, 1.0, 3.0]), SMOOTHNESS)
    scale = SMOOTHNESS.scale
    assert costs.tolist() == [0, 0, round(scale / 2), scale, scale]
