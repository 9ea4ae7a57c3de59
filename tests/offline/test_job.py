# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from helpers import SECOND_NS, WallPredictor, make_frame, make_pose

from depthsplat_ros.fusion import FusionConfig
from depthsplat_ros.offline import cloud_picture
from depthsplat_ros.offline.job import NoFramesError, ReconstructionJob
from depthsplat_ros.offline.output import OutputFolder
from depthsplat_ros.recordings import RecordedFrame, RecordedSkip, SkipReason
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor

WALL_M = 3.0


@pytest.fixture(autouse=True)
def small_panels(monkeypatch):
    monkeypatch.setattr(cloud_picture, "PANEL_PX", 100)


def make_job(path, **settings):
    reconstructor = StreamingReconstructor(WallPredictor(WALL_M), StreamingConfig(**settings))
    return ReconstructionJob(reconstructor, OutputFolder(path), FusionConfig())


def frame(number, *, true_depth_m=None):
    """Frames 0.2 s and 0.2 m apart; their truth names them if it is wanted."""
    return RecordedFrame(
        frame=make_frame(
            stamp_ns=SECOND_NS + number * SECOND_NS // 5,
            world_from_camera=make_pose(x_m=0.2 * number),
        ),
        depth_m=None if true_depth_m is None else np.full((48, 64), true_depth_m, np.float32),
        depth_note="",
    )


def skip(number):
    return RecordedSkip(stamp_ns=number, reason=SkipReason.NO_POSE, detail="no pose, they say")


def finish(job):
    return job.finish(recording="a recording", model="wall", device="cpu")


def test_every_image_is_accounted_for(tmp_path):
    job = make_job(tmp_path)
    images = [skip(0), frame(1), frame(2), frame(2), skip(3), frame(4)]
    called = []

    job.run(images, lambda: called.append(1))
    counts = finish(job).counts

    assert len(called) == counts.images == 6
    assert counts.skipped_by_recording == {"no_pose": 2}
    assert counts.skipped_by_reconstruction == {"waiting_for_partner": 1, "duplicate_stamp": 1}
    assert (counts.frames, counts.keyframes, counts.reconstructed) == (4, 3, 2)
    assert counts.examples["no_pose"] == "no pose, they say"


@pytest.mark.parametrize("reference", ["newest", "middle"])
def test_depth_meets_the_truth_of_its_own_keyframe(tmp_path, reference):
    job = make_job(tmp_path, reference=reference)
    truths_m = [WALL_M * (1 + 0.1 * number) for number in range(5)]

    job.run((frame(n, true_depth_m=truth) for n, truth in enumerate(truths_m)), lambda: None)
    finish(job)

    for record in json.loads((tmp_path / "keyframes.json").read_text()):
        expected = WALL_M / truths_m[record["keyframe"] - 1]
        assert record["score"]["full"]["median_ratio"] == pytest.approx(expected, rel=1e-5)


def test_figures_leave_out_keyframes_without_truth(tmp_path):
    job = make_job(tmp_path)
    job.run([frame(0), frame(1, true_depth_m=WALL_M), frame(2)], lambda: None)

    accuracy = finish(job).accuracy

    assert accuracy.all_keyframes.full.keyframes == 1
    assert accuracy.after_keyframe_5.full.keyframes == 0


def test_pictures_share_one_scale(tmp_path):
    job = make_job(tmp_path)
    job.run([frame(number) for number in range(4)], lambda: None)

    near_m, far_m = finish(job).depth_colours_m

    assert near_m < WALL_M < far_m


def test_times_are_measured(tmp_path):
    job = make_job(tmp_path)
    job.run([frame(number) for number in range(4)], lambda: None)

    times = finish(job).times

    assert 0 < times.predict_s.median_s <= times.predict_s.maximum_s < times.total_s


def test_the_summary_is_what_lies_in_the_folder(tmp_path):
    job = make_job(tmp_path, window_views=3)
    job.run([frame(number) for number in range(4)], lambda: None)

    summary = finish(job)
    written = json.loads((tmp_path / "summary.json").read_text())

    assert written["counts"]["reconstructed"] == summary.counts.reconstructed == 3
    assert written["settings"]["window_views"] == 3
    assert written["cloud"]["points"] == summary.cloud.points > 0
    assert written["accuracy"] is None


def test_no_frame_at_all_is_an_error_with_the_main_reason(tmp_path):
    job = make_job(tmp_path)
    job.run([skip(number) for number in range(3)], lambda: None)

    with pytest.raises(NoFramesError, match="none of the 3 images.*no pose, they say"):
        finish(job)
    assert not (tmp_path / "summary.json").exists()


def test_no_image_at_all_is_an_error(tmp_path):
    with pytest.raises(NoFramesError, match="a recording holds no image"):
        finish(make_job(tmp_path))
