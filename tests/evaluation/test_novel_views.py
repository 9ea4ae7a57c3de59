# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import SECOND_NS, WallPredictor, make_frame, make_pose

from depthsplat_ros.evaluation.novel_views import hold_out, likeness, render_held_out
from depthsplat_ros.recordings import RecordedFrame
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor


class Painter:
    """A scene that paints every picture grey, the left half only, and notes what was asked."""

    def __init__(self):
        self.poses = []

    def render(self, camera, world_from_camera):
        self.poses.append(world_from_camera)
        colour = np.zeros((camera.height_px, camera.width_px, 3), np.uint8)
        opacity = np.zeros(colour.shape[:2], np.float32)
        colour[:, : camera.width_px // 2] = 128
        opacity[:, : camera.width_px // 2] = 1.0
        return SimpleNamespace(colour=colour, opacity=opacity)


class Watched(StreamingReconstructor):
    """A reconstructor whose scene is a painter, and which notes the frames it gets."""

    def __init__(self):
        super().__init__(WallPredictor(3.0), StreamingConfig())
        self.scene = Painter()
        self.pushed_ns = []

    def push(self, frame, **arguments):
        self.pushed_ns.append(frame.stamp_ns)
        return super().push(frame, is_scene_wanted=False, **arguments)


def recording(frames):
    return [
        RecordedFrame(
            frame=make_frame(
                stamp_ns=(number + 1) * SECOND_NS, world_from_camera=make_pose(0.1 * number)
            ),
            depth_m=None,
            depth_note="none",
        )
        for number in range(frames)
    ]


def test_every_fourth_keyframe_is_held_out_and_never_the_first():
    assert hold_out([10, 20, 30, 40, 50, 60, 70, 80, 90]) == {40, 80}
    assert hold_out([10, 20, 30]) == set()


def test_held_out_frames_take_no_part_and_are_rendered_from_their_own_pose():
    frames = recording(9)
    held_out = hold_out([item.frame.stamp_ns for item in frames])
    reconstructor = Watched()

    views = render_held_out(frames, held_out, reconstructor, lambda: None)

    assert held_out.isdisjoint(reconstructor.pushed_ns)
    places = [pose[0, 3] for pose in reconstructor.scene.poses]
    assert places == pytest.approx([0.3, 0.7])
    assert views.score.views == 2
    assert views.score.filled_share == 0.5
    # Half of the grey picture is black in the rendering: the mean square is (128 / 255)^2 / 2.
    assert views.score.psnr_db == pytest.approx(-10 * np.log10((128 / 255) ** 2 / 2), abs=1e-3)
    assert {view.rank for view in views.shown} <= {"best", "median", "worst"}


def test_a_frame_after_which_nothing_comes_is_not_rendered():
    frames = recording(4)
    views = render_held_out(frames, {frames[-1].frame.stamp_ns}, Watched(), lambda: None)
    assert views is None


def test_likeness_is_that_computed_by_hand():
    image = np.random.default_rng(0).integers(0, 200, (48, 64, 3), np.uint8)
    brighter = image + np.uint8(25)
    psnr_db, ssim = likeness(image, brighter)
    assert psnr_db == pytest.approx(-20 * np.log10(25 / 255), abs=1e-3)
    assert 0.9 < ssim < 1.0
    assert likeness(image, image)[1] == pytest.approx(1.0)
