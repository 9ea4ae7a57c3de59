# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip("rclpy")

from depthsplat_ros.ros.pending import MAXIMUM_PENDING, PendingPoses
from depthsplat_ros.ros.poses import MissingPose, PoseProblem


class Recorder:
    def __init__(self):
        self.poses = {}
        self.handed_on = []
        self.dropped = []
        self.pending = PendingPoses(
            self.look_up,
            lambda item, pose: self.handed_on.append((item, pose)),
            lambda cause, detail: self.dropped.append(cause),
        )

    def look_up(self, item):
        missing = MissingPose(problem=PoseProblem.TOO_NEW, detail="", may_come=True)
        return self.poses.get(item, missing)


def test_an_item_goes_on_at_once_if_its_pose_is_known():
    recorder = Recorder()
    recorder.poses["a"] = 1
    recorder.pending.add("a", deadline_s=1.0, now_s=0.0)
    assert recorder.handed_on == [("a", 1)]


def test_items_wait_for_their_poses_and_keep_their_order():
    recorder = Recorder()
    recorder.pending.add("a", deadline_s=1.0, now_s=0.0)
    recorder.pending.add("b", deadline_s=1.1, now_s=0.1)
    recorder.poses.update(a=1, b=2)
    recorder.pending.retry(now_s=0.2)
    assert recorder.handed_on == [("a", 1), ("b", 2)]
    assert len(recorder.pending) == 0


def test_an_overdue_item_is_dropped_and_lets_the_others_pass():
    recorder = Recorder()
    recorder.pending.add("a", deadline_s=1.0, now_s=0.0)
    recorder.pending.add("b", deadline_s=1.1, now_s=0.1)
    recorder.poses["b"] = 2
    recorder.pending.retry(now_s=1.05)
    assert recorder.dropped == ["pose_not_yet_known"]
    assert recorder.handed_on == [("b", 2)]


def test_what_cannot_come_is_dropped_without_waiting():
    recorder = Recorder()
    recorder.poses["a"] = MissingPose(problem=PoseProblem.TOO_OLD, detail="", may_come=False)
    recorder.pending.add("a", deadline_s=1.0, now_s=0.0)
    assert recorder.dropped == ["pose_older_than_cache"]


def test_the_queue_is_bounded():
    recorder = Recorder()
    for item in range(MAXIMUM_PENDING + 1):
        recorder.pending.add(item, deadline_s=1.0, now_s=0.0)
    assert len(recorder.pending) == MAXIMUM_PENDING
    assert recorder.dropped == ["too_many_wait_for_pose"]
