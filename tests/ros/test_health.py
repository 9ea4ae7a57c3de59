# SPDX-License-Identifier: Apache-2.0
import pytest

from depthsplat_ros.ros.health import Inputs, judge
from depthsplat_ros.ros.statistics import Statistics


def verdict(*, events=(), publishers=1, has_info=True, is_active=True, now_s=1.0, running_s=1.0):
    statistics = Statistics(now_s=0.0)
    for event in events:
        statistics.count_received(now_s=0.5)
        event(statistics)
    inputs = Inputs(
        image_topic="/image",
        image_publishers=publishers,
        camera_info_topic="/camera_info",
        has_camera_info=has_info,
    )
    return judge(
        statistics.snapshot(now_s=now_s),
        inputs,
        is_active=is_active,
        stall_timeout_s=3.0,
        running_s=running_s,
        camera_info_timeout_s=5.0,
    )


def still(statistics):
    statistics.count_skipped("standing_still", "the camera stands still")


def lost(statistics):
    statistics.count_dropped("frame_not_in_tf", "no frame moon")


def broken(statistics):
    statistics.count_dropped("internal_error", "ZeroDivisionError")


def device_lost(statistics):
    statistics.count_dropped("device_lost_error", "cuda failed")


def out_of_memory(statistics):
    statistics.count_skipped("out_of_memory", "no memory for 2 views")


def overtaken(statistics):
    statistics.count_dropped("overtaken_by_newer", "images arrive faster")


def predicted(statistics):
    statistics.count_prediction(now_s=0.6, latency_s=0.1, inference_s=0.1)


@pytest.mark.parametrize(
    ("situation", "state", "said"),
    [
        ({"is_active": False}, "INACTIVE", "not activated"),
        ({"publishers": 0}, "WAITING_FOR_INPUT", "nobody publishes images on /image"),
        ({"publishers": 2}, "WAITING_FOR_INPUT", "although it has 2"),
        ({"events": [still], "has_info": False}, "WAITING_FOR_INPUT", "/camera_info"),
        ({"events": [still], "has_info": False, "running_s": 9.0}, "FAILED", "/camera_info"),
        ({"events": [predicted], "now_s": 9.0}, "STALLED", "no image for 8.5 s"),
        ({"events": [still]}, "WAITING_FOR_MOTION", "stands still"),
        ({"events": [lost]}, "WAITING_FOR_INPUT", "moon"),
        ({"events": [predicted, broken]}, "FAILED", "ZeroDivisionError"),
        ({"events": [predicted, device_lost]}, "FAILED", "cuda failed"),
        ({"events": [out_of_memory]}, "FAILED", "no memory for 2 views"),
        ({"events": [predicted, out_of_memory]}, "RUNNING", ""),
        ({"events": [predicted]}, "RUNNING", ""),
        ({"events": [still, overtaken]}, "RUNNING", ""),
        ({"events": [predicted, still]}, "RUNNING", ""),
    ],
)
def test_each_situation_has_its_state_and_reason(situation, state, said):
    found = verdict(**situation)
    assert found.state == state
    assert said in found.reason
    if state == "RUNNING":
        assert found.reason == ""
