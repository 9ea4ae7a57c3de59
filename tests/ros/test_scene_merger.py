# SPDX-License-Identifier: Apache-2.0
"""Keyframes reach the scene in a thread of their own, the newest first."""

import threading

import numpy as np
import pytest
import torch
from helpers import make_frame

from depthsplat_ros.ros.scene_merger import SceneMerger
from depthsplat_ros.streaming.scene import Scene, SceneUpdate
from depthsplat_ros.streaming.scene_config import SceneConfig

TIMEOUT_S = 20


class SlowScene(Scene):
    """Takes what it gets when it is let, but never the keyframe 13."""

    def __init__(self, last):
        super().__init__(SceneConfig(), torch.device("cpu"))
        self.last = last
        self.added = []
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()
        self.is_done = threading.Event()

    def add(self, update):
        self.has_begun.set()
        assert self.may_go_on.wait(TIMEOUT_S)
        if update.frame.stamp_ns == 13:
            raise ValueError("made to fail")
        self.added.append(update.frame.stamp_ns)
        if update.frame.stamp_ns == self.last:
            self.is_done.set()


def update(number):
    frame = make_frame(stamp_ns=number)
    depth = np.ones(frame.image.shape[:2], np.float32)
    return SceneUpdate(
        frame=frame, depth_m=depth, confidence=depth, dense_depth_m=depth, gaussians=None, epoch=0
    )


@pytest.fixture
def scene():
    return SlowScene(last=3)


@pytest.fixture
def dropped():
    return []


@pytest.fixture
def merger(scene, dropped):
    merger = SceneMerger(
        scene, on_dropped=lambda cause, detail: dropped.append((cause, detail)), is_modest=True
    )
    yield merger
    scene.may_go_on.set()
    merger.close()


def test_the_newest_waiting_keyframe_wins_and_the_other_is_counted(merger, scene, dropped):
    merger.put(update(1))
    assert scene.has_begun.wait(TIMEOUT_S)
    merger.put(update(2))
    merger.put(update(3))
    assert [cause for cause, _ in dropped] == ["overtaken"]
    scene.may_go_on.set()
    assert scene.is_done.wait(TIMEOUT_S)
    assert scene.added == [1, 3]


def test_a_failure_is_counted_and_the_next_keyframe_is_added(merger, scene, dropped):
    merger.put(update(13))
    assert scene.has_begun.wait(TIMEOUT_S)
    merger.put(update(3))
    scene.may_go_on.set()
    assert scene.is_done.wait(TIMEOUT_S)
    assert dropped == [("internal_error", "ValueError: made to fail")]
    assert scene.added == [3]


def test_after_close_nothing_is_added(merger, scene):
    scene.may_go_on.set()
    merger.close()
    merger.put(update(1))
    assert scene.added == []
