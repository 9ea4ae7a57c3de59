# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.evaluation.depth_ranges import pool_ranges, sum_errors_by_range
from depthsplat_ros.evaluation.metrics import pool, sum_errors


def test_each_error_stands_in_the_range_of_its_true_depth():
    truth = np.array([[0.8, 2.5, 2.9, 3.0, np.nan, 70.0]], np.float32)
    depth = np.array([[0.88, 2.5, 5.8, 3.3, 1.0, np.nan]], np.float32)

    found = pool_ranges([sum_errors_by_range(depth, truth)])

    assert [(each.near_m, each.far_m) for each in found] == [(0.5, 1), (2, 3), (3, 4), (50, None)]
    errors = [each.metrics.absolute_relative for each in found]
    # What is 3 m away belongs to the range that begins there.
    assert errors[:3] == pytest.approx([0.1, (0.0 + 1.0) / 2, 0.1], abs=1e-5)
    assert [each.true_pixels for each in found] == [1, 2, 1, 1]
    assert found[3].metrics.coverage == 0.0


def test_the_ranges_together_are_the_whole():
    generator = np.random.default_rng(0)
    truth = generator.uniform(0.1, 60, (20, 30)).astype(np.float32)
    depth = (truth * generator.uniform(0.5, 2, truth.shape)).astype(np.float32)

    whole = sum_errors(depth, truth)
    together = pool(sum_errors_by_range(depth, truth))

    assert together.compared_pixels == whole.compared_pixels
    assert together.absolute_relative == pytest.approx(whole.absolute_relative)
