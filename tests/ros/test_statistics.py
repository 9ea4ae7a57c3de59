# SPDX-License-Identifier: Apache-2.0
import math

from depthsplat_ros.ros.statistics import Statistics


def test_rates_are_over_the_recent_past():
    statistics = Statistics(now_s=0.0)
    for index in range(400):
        statistics.count_received(now_s=0.1 * index)
    snapshot = statistics.snapshot(now_s=40.0)
    assert snapshot.received == 400
    assert math.isclose(snapshot.input_rate_hz, 10.0, rel_tol=0.02)
    assert statistics.snapshot(now_s=100.0).input_rate_hz == 0.0


def test_latency_is_nan_before_the_first_prediction_and_then_median_and_maximum():
    statistics = Statistics(now_s=0.0)
    assert math.isnan(statistics.snapshot(now_s=1.0).latency.median_s)
    for latency_s in (0.1, 0.5, 0.2):
        statistics.count_prediction(now_s=1.0, latency_s=latency_s, inference_s=0.05)
    latency = statistics.snapshot(now_s=2.0).latency
    assert (latency.last_s, latency.median_s, latency.maximum_s) == (0.2, 0.2, 0.5)


def test_losses_are_counted_by_cause():
    statistics = Statistics(now_s=0.0)
    statistics.count_dropped("no_pose", "first")
    statistics.count_dropped("no_pose", "second")
    statistics.count_skipped("standing_still", "third")
    snapshot = statistics.snapshot(now_s=1.0)
    assert snapshot.dropped == {"no_pose": 2}
    assert snapshot.skipped == {"standing_still": 1}
    assert (snapshot.last_event, snapshot.last_detail) == ("standing_still", "third")
    statistics.reset(now_s=1.0)
    assert statistics.snapshot(now_s=1.0).dropped == {}
