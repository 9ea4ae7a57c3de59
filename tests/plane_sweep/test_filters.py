# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional

from depthsplat_ros.plane_sweep.filters import BoxMean, GuidedFilter, median3, sum_windows


@pytest.mark.parametrize("length", range(1, 12))
@pytest.mark.parametrize("dim", [-1, -2])
def test_windows_are_summed(length, dim):
    values = torch.arange(3 * 13 * 12).reshape(3, 13, 12).square() % 17
    expected = values.unfold(dim, length, 1).sum(-1)
    assert torch.equal(sum_windows(values, length, dim), expected)


def test_summing_leaves_its_input_alone():
    values = torch.rand(9, 9)
    before = values.clone()
    sum_windows(values, 1, -1).add_(1)
    sum_windows(values, 5, -1).add_(1)
    assert torch.equal(values, before)


def test_box_mean_counts_only_pixels_inside():
    values = torch.rand(2, 9, 7)
    mean = BoxMean(2, values)(values)
    assert mean[1, 0, 0] == pytest.approx(values[1, :3, :3].mean().item())
    assert mean[0, 4, 3] == pytest.approx(values[0, 2:7, 1:6].mean().item())
    assert torch.allclose(BoxMean(3, values)(torch.full((9, 7), 0.25)), torch.tensor(0.25))


def test_guided_filter_fits_a_line_around_every_pixel():
    guide, values = torch.rand(2, 12, 15, dtype=torch.float64)
    radius, epsilon = 1, 0.01
    slopes, intercepts = torch.zeros(2, 12, 15, dtype=torch.float64)
    for y in range(12):
        for x in range(15):
            window = (slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2))
            g, v = guide[window].flatten(), values[window].flatten()
            covariance = (g * v).mean() - g.mean() * v.mean()
            slopes[y, x] = covariance / (g.var(correction=0) + epsilon)
            intercepts[y, x] = v.mean() - slopes[y, x] * g.mean()
    mean = BoxMean(radius, guide)
    expected = mean(slopes) * guide + mean(intercepts)
    filtered = GuidedFilter(guide, radius, epsilon)(values)
    assert torch.allclose(filtered, expected, atol=1e-12)


def test_guided_filter_keeps_an_edge_that_the_guide_has_and_blurs_others():
    guide = torch.zeros(20, 20)
    guide[:, 10:] = 1.0
    edge = GuidedFilter(guide, 3, 1e-4)(guide * 5)
    assert edge[10, 9] < 0.05
    assert edge[10, 10] > 4.95
    blurred = GuidedFilter(torch.zeros(20, 20), 3, 1e-4)(guide * 5)
    assert 1 < blurred[10, 9] < 2.5


def test_median_is_that_of_nine():
    values = torch.rand(3, 2, 11, 8)
    padded = functional.pad(values.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
    expected = functional.unfold(padded, 3).median(1).values.view(values.shape)
    assert torch.equal(median3(values), expected)
    assert torch.equal(median3(values[0, 0]), expected[0, 0])
