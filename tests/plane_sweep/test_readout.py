# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from depthsplat_ros.plane_sweep.readout import find_winner


def column(*costs):
    """Costs of one pixel's planes."""
    return torch.tensor(costs, dtype=torch.int16)[:, None, None]


def test_winner_and_margin_are_those_of_a_search_plane_by_plane():
    costs = torch.randint(0, 30000, (16, 9, 11), dtype=torch.int16)
    winner = find_winner(costs, 2)
    for y in range(9):
        for x in range(11):
            pixel = costs[:, y, x].tolist()
            best = pixel.index(min(pixel))
            rivals = [cost for plane, cost in enumerate(pixel) if abs(plane - best) > 2]
            assert abs(winner.plane[y, x] - best) <= 0.5
            assert winner.margin[y, x] == min(rivals) - min(pixel)
            assert winner.is_inside[y, x] == (0 < best < 15)


def test_among_equals_the_farthest_wins_without_margin():
    winner = find_winner(column(7, 7, 7, 7, 7, 7), 1)
    assert winner.plane.item() == 0
    assert winner.margin.item() == 0
    assert not winner.is_inside.item()


@pytest.mark.parametrize("vertex", [2.0, 2.25, 2.5, 3.4])
def test_the_vertex_of_a_v_is_found(vertex):
    costs = column(*(round(1000 * abs(plane - vertex)) for plane in range(6)))
    assert find_winner(costs, 1).plane.item() == pytest.approx(vertex, abs=1e-3)


def test_neighbours_of_the_winner_are_no_rivals():
    assert find_winner(column(90, 50, 0, 10, 60, 40), 1).margin.item() == 40
    assert find_winner(column(90, 50, 0, 10, 60, 40), 3).margin.item() > 1000
