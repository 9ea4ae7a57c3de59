# SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
from helpers import WallPredictor

from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.config import StreamingConfig


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"near_m": 5.0, "far_m": 2.0}, "near must be nearer"),
        ({"window_views": 8, "keyframes_held": 4}, "raise keyframes_held"),
        ({"window_views": 11}, "at most 10"),
        ({"reference": "oldest"}, "one of newest, middle"),
        ({"far_m": float("inf")}, "finite"),
    ],
)
def test_contradictions_are_refused(changes, said):
    with pytest.raises(SettingError, match=said):
        StreamingConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "near_m", "far_m"),
    [
        ({}, 0.4, 15.0),
        ({"near_m": 20.0}, 20.0, 40.0),
        ({"far_m": 0.5}, 0.25, 0.5),
        ({"near_m": 0.1, "far_m": 0.2}, 0.1, 0.2),
    ],
)
def test_what_is_left_open_suits_the_model(changes, near_m, far_m):
    suited = StreamingConfig(**changes).suited_to(WallPredictor.traits)
    assert (suited.near_m, suited.far_m) == (near_m, far_m)
    assert (suited.window_views, suited.longer_side_px) == (4, 320)


def test_more_views_than_the_model_takes_are_refused():
    traits = dataclasses.replace(WallPredictor.traits, maximum_views=6)
    with pytest.raises(SettingError, match="2 to 6 views"):
        StreamingConfig(window_views=8).suited_to(traits)
