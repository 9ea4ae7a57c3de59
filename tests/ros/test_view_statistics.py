# SPDX-License-Identifier: Apache-2.0
import math

import pytest

pytest.importorskip("rclpy")

from depthsplat_ros.ros.view_statistics import LATE, ViewStatistics


def test_nothing_is_known_at_first():
    snapshot = ViewStatistics().snapshot(now_s=5.0)
    assert (snapshot.views, snapshot.dropped, snapshot.rate_hz) == (0, {}, 0.0)
    assert math.isnan(snapshot.rendering.median_s)


def test_views_have_a_rate_and_a_time():
    statistics = ViewStatistics()
    for index, render_s in enumerate((0.01, 0.03, 0.02)):
        statistics.count_view(now_s=index / 4, render_s=render_s)
    snapshot = statistics.snapshot(now_s=1.0)
    assert snapshot.views == 3
    assert snapshot.rate_hz == pytest.approx(4.0)
    assert (snapshot.rendering.median_s, snapshot.rendering.maximum_s) == (0.02, 0.03)
    assert snapshot.rendering.last_s == 0.02


def test_what_is_long_ago_counts_and_has_no_rate_any_more():
    statistics = ViewStatistics()
    statistics.count_view(now_s=0.0, render_s=0.01)
    statistics.count_view(now_s=0.1, render_s=0.01)
    snapshot = statistics.snapshot(now_s=60.0)
    assert (snapshot.views, snapshot.rate_hz) == (2, 0.0)


def test_missing_views_are_counted_by_cause_until_reset():
    statistics = ViewStatistics()
    statistics.count_dropped(LATE, count=3)
    statistics.count_dropped("no_gaussians")
    assert statistics.snapshot(now_s=0.0).dropped == {"late": 3, "no_gaussians": 1}
    statistics.reset()
    assert statistics.snapshot(now_s=0.0).dropped == {}
