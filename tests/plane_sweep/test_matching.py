# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from depthsplat_ros.plane_sweep.matching import BITS, CHANCE, Sweep, census_words, count_bits
from depthsplat_ros.plane_sweep.projection import Projection

HEIGHT, WIDTH = 24, 32


def moves_left(*pixels_per_depth):
    """Sources in which a point at inverse depth d appears so many pixels times d to the left."""
    shift = torch.zeros(len(pixels_per_depth), 3, dtype=torch.float64)
    shift[:, 0] = -torch.tensor(pixels_per_depth)
    infinity = torch.eye(3, dtype=torch.float64).repeat(len(pixels_per_depth), 1, 1)
    return Projection(infinity=infinity, shift=shift)


def noise(seed, height=HEIGHT, width=WIDTH):
    return torch.rand(1, height, width, generator=torch.Generator().manual_seed(seed))


def depths(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_words_survive_gain_and_offset():
    grey = (noise(0) * 255).round() / 256
    words = census_words(grey)
    assert torch.equal(words, census_words(grey * 0.5 + 0.25))
    assert not torch.equal(words, census_words(1 - grey))


def test_words_fit_below_the_sign_bit():
    assert 20 <= BITS < 31
    words = census_words(noise(0))
    assert words.min() >= 0
    assert words.max() < 2**BITS


def test_a_flat_image_has_empty_words():
    assert (census_words(torch.full((1, HEIGHT, WIDTH), 0.3)) == 0).all()


def test_bits_are_counted():
    words = torch.tensor([0, 1, 2, 3, 255, 2**31 - 1, 0b1010110, 2**30], dtype=torch.int32)
    expected = [bin(word).count("1") for word in words.tolist()]
    assert count_bits(words.clone(), torch.empty_like(words)).tolist() == expected


@pytest.mark.parametrize("planes_at_once", [1, 3])
def test_the_right_plane_costs_nothing(planes_at_once):
    image = noise(1, width=WIDTH + 8)
    reference, source = image[..., :WIDTH], image[..., 3 : WIDTH + 3]
    sweep = Sweep(
        census_words(reference)[0], census_words(source), moves_left(1.0), planes_at_once
    )
    planes = [sweep.costs(part)[0] for part in depths(0, 1, 2, 3, 4).split(planes_at_once)]
    costs = torch.cat(planes)
    # Where neither the images' borders nor those of the census windows matter.
    inner = costs[:, 8:-8, 12:-8]
    assert (inner[3] == 0).all()
    for wrong in (0, 1, 2, 4):
        assert inner[wrong].mean() > 0.2


def test_a_point_that_is_seen_nowhere_costs_chance():
    words = census_words(noise(2))
    costs, seen = Sweep(words[0], words, moves_left(10.0), 2).costs(depths(0, 1))
    assert torch.equal(costs[1, :, :9], torch.full((HEIGHT, 9), CHANCE))
    assert (seen[:, :9] == 1).all()
    assert (seen[:, 11:] == 2).all()
    assert (costs[0] == 0).all()


def test_a_point_behind_the_source_is_not_seen():
    words = census_words(noise(2))
    behind = Projection(
        infinity=torch.eye(3, dtype=torch.float64)[None],
        shift=torch.tensor([[0.0, 0.0, -4.0]], dtype=torch.float64),
    )
    costs, seen = Sweep(words[0], words, behind, 1).costs(depths(0.5))
    assert (costs == CHANCE).all()
    assert (seen == 0).all()


def test_the_better_half_of_the_sources_counts():
    grey = noise(3)
    words = census_words(grey)
    other = census_words(noise(4))
    three = Sweep(words[0], torch.cat([words, words, other]), moves_left(0.0, 0.0, 0.0), 1)
    assert (three.costs(depths(1))[0] == 0).all()
    two_hidden = Sweep(words[0], torch.cat([other, words, other]), moves_left(0.0, 0.0, 0.0), 1)
    pair = Sweep(words[0], other, moves_left(0.0), 1)
    assert torch.allclose(two_hidden.costs(depths(1))[0], pair.costs(depths(1))[0] / 2)


def test_a_source_that_does_not_see_the_point_has_no_say():
    words = census_words(noise(5))
    sources = torch.cat([words, words])
    costs, _ = Sweep(words[0], sources, moves_left(0.0, 100.0), 1).costs(depths(1))
    assert (costs == 0).all()
