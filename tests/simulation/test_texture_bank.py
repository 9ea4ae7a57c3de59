# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from depthsplat_ros.simulation.noise import SIZE_PX
from depthsplat_ros.simulation.texture_bank import PATTERNS, PICTURES, texture_bank

NAMES = ("bricks", "checker", "abstract_1")


def sample(bank, number, u, v, footprint):
    pattern = torch.full_like(u, number, dtype=torch.int32)
    return bank.sample(pattern, u, v, torch.full_like(u, footprint))[:, :3]


def grid(count=32):
    line = (torch.arange(count) + 0.5) / count
    u, v = torch.meshgrid(line, line, indexing="xy")
    return u.reshape(-1), v.reshape(-1)


@pytest.mark.parametrize("name", [*PATTERNS, *PICTURES])
def test_every_texture_has_something_to_see(name):
    bank = texture_bank((name,))
    u, v = grid()
    values = sample(bank, 0, u, v, 1 / SIZE_PX)
    assert torch.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.std(dim=0).max() > 0.02


@pytest.mark.parametrize("number", range(3))
def test_coarsest_level_is_the_mean(number):
    bank = texture_bank(NAMES)
    u, v = grid(4)
    values = sample(bank, number, u, v, 4.0)
    torch.testing.assert_close(values, bank.means[number].expand_as(values), atol=3e-3, rtol=1e-2)


@pytest.mark.parametrize("footprint", [1 / SIZE_PX, 8 / SIZE_PX, 0.1])
def test_average_over_a_repetition_does_not_depend_on_the_footprint(footprint):
    bank = texture_bank(NAMES)
    u, v = grid(256)
    values = sample(bank, 0, u, v, footprint).mean(dim=0)
    torch.testing.assert_close(values, bank.means[0], atol=5e-3, rtol=2e-2)


def test_repetitions_are_equal():
    bank = texture_bank(NAMES)
    u, v = grid()
    here, there = (sample(bank, 1, u + shift, v - shift, 0.01) for shift in (0.0, 3.0))
    torch.testing.assert_close(here, there, atol=2e-3, rtol=0)


def test_larger_footprint_has_less_contrast():
    bank = texture_bank(NAMES)
    u, v = grid(64)
    deviations = [
        float(sample(bank, 0, u, v, width / SIZE_PX).std(dim=0).max()) for width in (1, 16, 128)
    ]
    assert deviations[0] > deviations[1] > deviations[2]


def test_footprint_between_two_levels_is_between_their_values():
    bank = texture_bank(NAMES)
    u, v = grid(8)
    low, middle, high = (sample(bank, 0, u, v, 2**k / SIZE_PX) for k in (2.0, 2.5, 3.0))
    torch.testing.assert_close(middle, (low + high) / 2, atol=1e-5, rtol=1e-4)


def test_unknown_texture_is_named():
    with pytest.raises(ValueError, match=r"no texture 'velvet'; there are plain, plaster"):
        texture_bank(("velvet",))
