# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.evaluation.confidence import (
    SAMPLES_PER_MAP,
    sample_confidence,
    score_confidence,
)


def samples_of(confidence, error):
    truth = np.full((1, len(error)), 2.0, np.float32)
    depth = (truth * (1 + np.asarray(error, np.float32))).astype(np.float32)
    return sample_confidence(depth, np.asarray([confidence], np.float32), truth)


def test_a_confidence_that_ranks_by_error_leaves_no_area():
    error = np.linspace(0.0, 0.5, 1000)
    score = score_confidence([samples_of(1 - error, error)])

    assert score.ause == pytest.approx(0.0, abs=1e-6)
    assert score.deciles[0].absolute_relative == pytest.approx(0.475, abs=0.001)
    assert score.deciles[-1].absolute_relative == pytest.approx(0.025, abs=0.001)
    assert score.left_by_confidence[0] == 1.0
    # Without the worse half, the mean error is half as large.
    assert score.left_by_confidence[10] == pytest.approx(0.5, abs=0.01)


def test_a_confidence_that_ranks_backwards_is_the_worst():
    error = np.linspace(0.0, 0.5, 1000)
    backwards = score_confidence([samples_of(error, error)])
    generator = np.random.default_rng(0)
    blind = score_confidence([samples_of(generator.random(1000), error)])

    assert backwards.ause > blind.ause > 0.3


def test_only_pixels_with_depth_and_truth_are_sampled_and_not_too_many():
    depth = np.ones((200, 300), np.float32)
    truth = np.ones((200, 300), np.float32)
    depth[:50] = np.nan
    truth[100:] = np.nan

    found = sample_confidence(depth, np.ones_like(depth), truth)

    assert SAMPLES_PER_MAP / 2 < len(found.error) <= SAMPLES_PER_MAP
    assert (found.error == 0).all()


def test_a_handful_of_pixels_tells_nothing():
    assert score_confidence([samples_of([0.5] * 50, [0.1] * 50)]) is None
    assert score_confidence([]) is None


def test_a_perfect_depth_has_nothing_to_rank():
    assert score_confidence([samples_of([0.5] * 200, [0.0] * 200)]).ause == 0.0
