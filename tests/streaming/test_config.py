# SPDX-License-Identifier: Apache-2.0
import pytest

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
