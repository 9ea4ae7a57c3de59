# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from depthsplat_ros.evaluation.metrics import (
    DepthErrorSums,
    align_median,
    mean_errors,
    median_ratio,
    pool,
    sum_errors,
)

NAN = math.nan


def depths(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_errors_are_those_computed_by_hand():
    truth = depths(1.0, 2.0, 4.0, 10.0)
    depth = depths(1.04, 2.18, 4.8, 5.0)

    sums = sum_errors(depth, truth)
    metrics = mean_errors(sums)

    # Relative errors 0.04, 0.09, 0.2, 0.5; squared 0.0016, 0.0324, 0.64, 25; factors 1.04, 1.09,
    # 1.2 and 2.
    assert metrics.absolute_relative == pytest.approx((0.04 + 0.09 + 0.2 + 0.5) / 4, abs=1e-6)
    assert metrics.rmse_m == pytest.approx(math.sqrt(25.674 / 4), abs=1e-6)
    assert (metrics.delta_1_05, metrics.delta_1_10, metrics.delta_1_25) == (0.25, 0.5, 0.75)
    assert metrics.coverage == 1.0


def test_delta_counts_too_near_like_too_far():
    metrics = mean_errors(sum_errors(depths(1.2, 1 / 1.2, 1.3, 1 / 1.3), depths(1, 1, 1, 1)))

    assert metrics.delta_1_25 == 0.5


def test_a_depth_at_the_threshold_does_not_count_as_within():
    assert sum_errors(depths(2.5), depths(2.0)).within_1_25 == 0


def test_only_pixels_with_both_depths_are_compared():
    truth = depths(1.0, NAN, 0.0, -1.0, math.inf, 2.0, 3.0, 4.0)
    depth = depths(1.0, 1.0, 1.0, 1.0, 1.0, NAN, math.inf, 0.0)

    sums = sum_errors(depth, truth)

    assert (sums.true_pixels, sums.compared_pixels) == (4, 1)
    assert mean_errors(sums).coverage == 0.25


def test_a_depth_map_of_twice_the_size_is_not_aligned():
    truth = depths(1.0, 3.0, 5.0)

    assert mean_errors(sum_errors(2 * truth, truth)).absolute_relative == pytest.approx(1.0)
    assert median_ratio(2 * truth, truth) == pytest.approx(2.0)


def test_pooling_counts_every_pixel_the_same():
    large = sum_errors(depths(1.1, 1.1, 1.1), depths(1.0, 1.0, 1.0))
    small = sum_errors(depths(1.5), depths(1.0))

    pooled = mean_errors(pool([large, small]))

    assert pooled.absolute_relative == pytest.approx((3 * 0.1 + 0.5) / 4, abs=1e-6)


def test_pooled_sums_equal_the_sums_of_one_large_map():
    generator = np.random.default_rng(1)
    truth = generator.uniform(1, 5, (6, 8)).astype(np.float32)
    depth = (truth * generator.uniform(0.7, 1.4, truth.shape)).astype(np.float32)
    depth[generator.random(truth.shape) < 0.2] = NAN

    whole = sum_errors(depth, truth)
    halves = pool(sum_errors(depth[rows], truth[rows]) for rows in (slice(0, 3), slice(3, 6)))

    assert halves.within_1_10 == whole.within_1_10
    assert halves.absolute_relative == pytest.approx(whole.absolute_relative)


def test_nothing_to_compare_gives_nan_and_no_coverage():
    metrics = mean_errors(sum_errors(depths(NAN), depths(2.0)))

    assert math.isnan(metrics.absolute_relative)
    assert math.isnan(metrics.rmse_m)
    assert metrics.coverage == 0.0
    assert math.isnan(mean_errors(DepthErrorSums()).coverage)
    assert math.isnan(median_ratio(depths(NAN), depths(2.0)))


def test_median_ratio_ignores_outliers():
    truth = depths(1.0, 1.0, 1.0, 1.0, 1.0)

    assert median_ratio(depths(1.02, 1.03, 1.04, 50.0, 0.01), truth) == pytest.approx(1.03)


def test_squared_and_logarithmic_errors_are_those_computed_by_hand():
    # Depths are e and 1/e^3 times the truth, so that logarithms are 1 and -3.
    truth = depths(2.0, 4.0)
    depth = depths(2.0 * math.e, 4.0 / math.e**3)

    metrics = mean_errors(sum_errors(depth, truth))

    first, second = 2.0 * math.e - 2.0, 4.0 / math.e**3 - 4.0
    assert metrics.squared_relative_m == pytest.approx(
        (first**2 / 2 + second**2 / 4) / 2, rel=1e-5
    )
    assert metrics.log_rmse == pytest.approx(math.sqrt((1 + 9) / 2), rel=1e-6)
    # The mean logarithm is -1, so the variance is 5 - 1.
    assert metrics.silog == pytest.approx(100 * 2.0, rel=1e-6)


def test_the_widest_threshold_is_the_square_of_one_and_a_quarter():
    sums = sum_errors(depths(1.5, 1.6, 1 / 1.5, 1 / 1.6), depths(1, 1, 1, 1))

    assert (sums.within_1_25, sums.within_1_25_squared) == (0, 2)


def test_a_scale_error_vanishes_by_aligning_and_silog_never_sees_it():
    truth = depths(1.0, 3.0, 5.0, 2.0)

    plain = mean_errors(sum_errors(1.3 * truth, truth))
    aligned = mean_errors(sum_errors(align_median(1.3 * truth, truth), truth))

    assert plain.absolute_relative == pytest.approx(0.3, abs=1e-6)
    assert aligned.absolute_relative == pytest.approx(0.0, abs=1e-6)
    assert plain.silog == pytest.approx(0.0, abs=1e-3)


def test_depth_without_anything_to_align_to_stays_as_it_is():
    depth = depths(1.0, NAN)

    np.testing.assert_array_equal(align_median(depth, depths(NAN, 1.0)), depth)
    assert math.isnan(mean_errors(sum_errors(depth, depths(NAN, 1.0))).silog)
