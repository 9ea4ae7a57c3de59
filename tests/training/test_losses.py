# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch

from training.losses import (
    LossWeights,
    Truth,
    candidate_loss,
    confidence_loss,
    depth_loss,
)


def truth(scale=1.0, is_seen=True):
    values = torch.linspace(0.2, 1.8, 48).reshape(1, 1, 6, 8) / scale
    return Truth(
        inverse_depth=values,
        is_valid=torch.ones_like(values, dtype=torch.bool),
        is_seen=torch.full_like(values, is_seen, dtype=torch.bool),
        near_m=torch.full((1, 1), 0.5 * scale),
        far_m=torch.full((1, 1), 10.0 * scale),
    )


def test_exact_depth_costs_nothing_and_errors_cost_more_the_larger_they_are():
    exact = depth_loss(truth().inverse_depth, truth(), LossWeights())
    near, far = (
        depth_loss(truth().inverse_depth * factor, truth(), LossWeights()) for factor in (1.1, 1.3)
    )
    assert exact == 0 and 0 < near < far


def test_depth_loss_does_not_know_the_unit_of_the_poses():
    guess = truth().inverse_depth * 1.2 + 0.01
    costs = [
        depth_loss(guess / scale, truth(scale), LossWeights()) for scale in (1.0, 0.01, 100.0)
    ]
    torch.testing.assert_close(costs[1], costs[0])
    torch.testing.assert_close(costs[2], costs[0])


def test_where_two_surfaces_are_about_as_likely_the_nearer_is_preferred():
    """Users count relative errors, and what is missed in front is the larger one."""
    surfaces = torch.tensor([1 / 4.0, 1 / 1.5])

    def cost(guess, share_of_near):
        shown = truth()
        is_near = torch.arange(48).reshape(1, 1, 6, 8) < round(48 * share_of_near)
        mixed = replace(shown, inverse_depth=surfaces[is_near.long()])
        weights = LossWeights(gradient=0)
        return depth_loss(torch.full((1, 1, 6, 8), float(guess)), mixed, weights)

    assert cost(surfaces[1], 0.45) < cost(surfaces[0], 0.45)
    assert cost(surfaces[1], 0.25) > cost(surfaces[0], 0.25)


def test_invalid_pixels_do_not_count():
    right = truth()
    guess = right.inverse_depth.clone()
    guess[..., 2, 3] = 1.7
    is_valid = right.is_valid.clone()
    is_valid[..., 2, 3] = False
    masked = Truth(
        inverse_depth=right.inverse_depth,
        is_valid=is_valid,
        is_seen=right.is_seen,
        near_m=right.near_m,
        far_m=right.far_m,
    )
    assert depth_loss(guess, right, LossWeights()) > 0
    assert depth_loss(guess, masked, LossWeights()) == 0


def test_candidate_loss_is_least_where_the_two_hypotheses_share_the_truth():
    hypotheses = torch.linspace(0.1, 2.0, 20).reshape(1, 1, 20, 1, 1)
    position = (truth().inverse_depth - 0.1) / 1.9 * 19
    grid = torch.arange(20.0).reshape(1, 1, 20, 1, 1)
    right = (1 - (grid - position[:, :, None]).abs()).clamp(min=0)

    def cost(probability):
        return candidate_loss((probability + 1e-9).log(), hypotheses, truth()).item()

    entropy = -(right * (right + 1e-9).log()).sum(2).mean().item()
    assert cost(right) == pytest.approx(entropy, abs=1e-4)
    assert cost(right.roll(1, 2)) > cost(0.5 * right + 0.5 * right.roll(1, 2)) > cost(right)


@pytest.mark.parametrize(
    ("error", "is_seen", "deserved"), [(0.0, True, 1.0), (0.05, True, 0.37), (0.0, False, 0.0)]
)
def test_confidence_is_asked_to_fall_with_the_error_and_to_vanish_where_nobody_agrees(
    error, is_seen, deserved
):
    guess = truth().inverse_depth / (1 + error)
    logits = torch.linspace(-8, 8, 1601)
    costs = torch.stack(
        [
            confidence_loss(torch.full_like(guess, value), guess, truth(is_seen=is_seen))
            for value in logits
        ]
    )
    assert logits[costs.argmin()].sigmoid().item() == pytest.approx(deserved, abs=0.01)
