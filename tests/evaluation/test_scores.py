# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from depthsplat_ros.evaluation.scores import (
    KeyframeScore,
    after_warm_up,
    score_keyframe,
    score_recording,
)


def score(keyframe: int, factor: float, known_share: float = 1.0) -> KeyframeScore:
    """A keyframe of 10 pixels, 2 m away, whose depths are all wrong by the factor."""
    truth = np.full((1, 10), 2.0, np.float32)
    dense = (truth * factor).astype(np.float32)
    published = np.where(np.arange(10) < 10 * known_share, dense, np.float32(np.nan))
    return score_keyframe(
        stamp_ns=keyframe,
        keyframe=keyframe,
        dense_depth_m=dense,
        depth_m=published.reshape(1, 10),
        true_depth_m=truth,
    )


def test_full_and_published_coverage_are_scored_apart():
    recording = score_recording([score(1, 1.1, known_share=0.3)])

    assert recording.full.metrics.coverage == 1.0
    assert recording.published.metrics.coverage == pytest.approx(0.3)
    assert recording.published.metrics.absolute_relative == pytest.approx(0.1, abs=1e-6)


def test_median_ratios_spread_over_keyframes():
    factors = np.linspace(0.9, 1.1, 21)

    spread = score_recording(
        [score(index, float(factor)) for index, factor in enumerate(factors)]
    ).full.median_ratio

    assert spread.median == pytest.approx(1.0)
    assert spread.percentile_5 == pytest.approx(0.91)
    assert spread.percentile_95 == pytest.approx(1.09)


@pytest.mark.parametrize(
    ("factors", "trend"),
    [
        (np.linspace(0.9, 1.1, 21), 0.2),
        (np.linspace(1.1, 0.9, 21), 0.2),
        (1 + 0.1 * np.array([1, -1, -1, 1] * 5), 0.0),
    ],
    ids=["grows", "shrinks", "wavers"],
)
def test_scale_trend_tells_what_wanders_off_from_what_wavers(factors, trend):
    spread = score_recording(
        [score(index, float(factor)) for index, factor in enumerate(factors)]
    ).full.median_ratio

    assert spread.drift > 0.15
    assert spread.trend == pytest.approx(trend, abs=1e-4)


def test_a_keyframe_without_published_depth_counts_for_coverage_only():
    recording = score_recording([score(1, 1.0), score(2, 1.0, known_share=0.0)])

    assert recording.published.keyframes == 2
    assert recording.published.metrics.coverage == pytest.approx(0.5)
    assert recording.published.median_ratio.median == pytest.approx(1.0)


def test_the_first_five_keyframes_are_warm_up():
    scores = [score(keyframe, 1.0) for keyframe in (2, 5, 6, 9)]

    assert [each.keyframe for each in after_warm_up(scores)] == [6, 9]


def test_no_keyframe_at_all_gives_nan():
    recording = score_recording([])

    assert recording.full.keyframes == 0
    assert math.isnan(recording.full.metrics.absolute_relative)
    assert math.isnan(recording.full.median_ratio.median)


def test_scale_drift_is_the_spread_of_the_ratios_over_their_median():
    truth = np.full((4, 5), 2.0, np.float32)
    scores = [
        score_keyframe(
            stamp_ns=number,
            keyframe=number,
            dense_depth_m=truth * np.float32(ratio),
            depth_m=truth * np.float32(ratio),
            true_depth_m=truth,
        )
        for number, ratio in enumerate(np.linspace(1.9, 2.1, 101), start=1)
    ]

    found = score_recording(scores).published

    assert found.median_ratio.median == pytest.approx(2.0, abs=1e-6)
    assert found.median_ratio.drift == pytest.approx(0.9 * 0.2 / 2.0, abs=1e-6)
    assert found.metrics.absolute_relative == pytest.approx(1.0, abs=1e-6)
    assert found.aligned.absolute_relative == pytest.approx(0.0, abs=1e-6)
