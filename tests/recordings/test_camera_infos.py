# SPDX-License-Identifier: Apache-2.0
from recorded_bags import K, make_camera_info, stamp_ns

from depthsplat_ros.recordings.camera_infos import TOLERANCE_NS, CameraInfoLog

WIDE = make_camera_info(0.0)
NARROW = make_camera_info(0.0, k=(60.0, *K[1:]))


def make_log(*entries):
    log = CameraInfoLog()
    for seconds, message in entries:
        log.add(stamp_ns(seconds), message)
    return log


def test_an_empty_log_knows_nothing():
    assert CameraInfoLog().find(0) is None


def test_the_only_calibration_holds_however_far_away():
    log = make_log((0.0, WIDE), (0.1, make_camera_info(0.1)))
    assert log.find(stamp_ns(1000.0)) is WIDE


def test_of_several_the_nearest_within_the_tolerance_counts():
    log = make_log((2.0, WIDE), (1.0, NARROW), (1.06, WIDE))
    assert log.find(stamp_ns(1.02)) is NARROW
    assert log.find(stamp_ns(1.04)) is WIDE
    assert log.find(stamp_ns(2.0) + TOLERANCE_NS) is WIDE
    assert log.find(stamp_ns(2.0) + TOLERANCE_NS + 1) is None
    assert log.find(stamp_ns(0.5)) is None


def test_messages_may_come_after_a_search():
    log = make_log((0.0, WIDE), (1.0, NARROW))
    assert log.find(stamp_ns(0.5)) is None
    log.add(stamp_ns(0.5), NARROW)
    assert log.find(stamp_ns(0.5)) is NARROW
