# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from depthsplat_ros.evaluation.scores import score_keyframe
from depthsplat_ros.offline.samples import MAXIMUM_HELD, Sample, SampleKeeper


def sample(keyframe: int, *, error: float | None = None, known_share: float = 1.0) -> Sample:
    truth = np.full((1, 100), 2.0, np.float32)
    depth = np.where(np.arange(100) < 100 * known_share, 2.0, np.nan).astype(np.float32)[None]
    score = None
    if error is not None:
        depth *= 1 + error
        score = score_keyframe(
            stamp_ns=keyframe,
            keyframe=keyframe,
            dense_depth_m=depth,
            depth_m=depth,
            true_depth_m=truth,
        )
    return Sample(
        stamp_ns=keyframe,
        keyframe=keyframe,
        image=np.zeros((1, 100, 3), np.uint8),
        depth_m=depth,
        confidence=np.ones((1, 100), np.float32),
        true_depth_m=None if error is None else truth,
        score=score,
    )


def ranked(samples: list[Sample]) -> list[tuple[str, int]]:
    keeper = SampleKeeper()
    for each in samples:
        keeper.add(each)
    return [(each.rank, each.sample.keyframe) for each in keeper.ranked()]


def test_samples_are_ranked_by_their_error():
    errors = {1: 0.4, 2: 0.0, 3: 0.2, 4: 0.1, 5: 0.3}

    assert ranked([sample(keyframe, error=error) for keyframe, error in errors.items()]) == [
        ("best", 2),
        ("better quarter", 4),
        ("median", 3),
        ("worse quarter", 5),
        ("worst", 1),
    ]


def test_without_truth_samples_are_ranked_by_what_they_know():
    shares = {1: 0.2, 2: 0.9, 3: 0.5}

    found = ranked([sample(keyframe, known_share=share) for keyframe, share in shares.items()])

    assert found == [("best", 2), ("median", 3), ("worst", 1)]


def test_a_depth_that_cannot_be_compared_is_the_worst():
    nothing = sample(9, error=0.0, known_share=0.0)

    assert nothing.badness == math.inf
    assert ranked([sample(1, error=0.5), nothing, sample(2, error=0.1)])[-1] == ("worst", 9)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_keyframes_give_few_samples(count):
    found = ranked([sample(keyframe, error=0.1 * keyframe) for keyframe in range(count)])

    assert len(found) == count
    assert [rank for rank, _ in found] == ["best", "worst"][:count]


def test_memory_is_bounded_and_the_extremes_survive():
    generator = np.random.default_rng(0)
    errors = generator.uniform(0.1, 0.5, size=10 * MAXIMUM_HELD)
    errors[7], errors[301] = 0.01, 0.9
    keeper = SampleKeeper()
    for keyframe, error in enumerate(errors):
        keeper.add(sample(keyframe, error=float(error)))
        assert len(keeper._samples) <= MAXIMUM_HELD

    found = {each.rank: each.sample for each in keeper.ranked()}

    assert found["best"].keyframe == 7
    assert found["worst"].keyframe == 301
    assert found["median"].badness == pytest.approx(np.median(errors), abs=0.03)
