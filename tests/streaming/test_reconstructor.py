# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from helpers import SECOND_NS, WallPredictor, make_frame, make_pose

from depthsplat_ros.model.types import DepthPrediction
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.device_errors import DeviceLostError
from depthsplat_ros.streaming.reconstructor import (
    Reconstruction,
    Skipped,
    StreamingReconstructor,
)
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.streaming.skips import SkipReason


def frame_at(index, x_m, **pose_arguments):
    return make_frame(
        stamp_ns=(10 + index) * SECOND_NS // 5, world_from_camera=make_pose(x_m, **pose_arguments)
    )


def walk(reconstructor, count, step_m=0.2, start=0):
    return [reconstructor.push(frame_at(i, step_m * i)) for i in range(start, start + count)]


def test_a_walk_gives_one_depth_per_keyframe_after_the_first():
    predictor = WallPredictor()
    results = walk(StreamingReconstructor(predictor, StreamingConfig()), 6)
    assert results[0].reason is SkipReason.WAITING_FOR_PARTNER
    assert results[0].is_keyframe
    assert all(isinstance(result, Reconstruction) for result in results[1:])
    assert results[-1].frame.stamp_ns == frame_at(5, 0).stamp_ns
    assert (results[-1].depth_m == 3.0).all()


def test_every_image_is_encoded_once():
    predictor = WallPredictor()
    walk(StreamingReconstructor(predictor, StreamingConfig()), 6)
    assert predictor.encoded == 6


def test_the_middle_reference_is_the_keyframe_before():
    predictor = WallPredictor()
    reconstructor = StreamingReconstructor(predictor, StreamingConfig(reference="middle"))
    results = walk(reconstructor, 5)
    stamps = [result.frame.stamp_ns for result in results[1:]]
    assert stamps == [frame_at(i, 0).stamp_ns for i in range(4)]
    views, _, reference = predictor.windows[-1]
    assert reference == views.images.shape[1] - 2


def test_standing_still_gives_no_depth_and_keeps_nothing():
    reconstructor = StreamingReconstructor(WallPredictor(), StreamingConfig())
    results = walk(reconstructor, 5, step_m=0.0005)
    assert {result.reason for result in results[1:]} == {SkipReason.STANDING_STILL}
    assert reconstructor.keyframes_held == 1


def test_a_jump_empties_the_window_and_the_stream_goes_on():
    reconstructor = StreamingReconstructor(WallPredictor(), StreamingConfig())
    walk(reconstructor, 4)
    jumped = reconstructor.push(frame_at(4, 50.0))
    assert jumped.reason is SkipReason.POSE_JUMP
    assert reconstructor.keyframes_held == 1
    assert isinstance(reconstructor.push(frame_at(5, 50.2)), Reconstruction)


def test_a_bag_loop_empties_the_window():
    reconstructor = StreamingReconstructor(WallPredictor(), StreamingConfig())
    walk(reconstructor, 8)
    assert walk(reconstructor, 1)[0].reason is SkipReason.TIME_JUMP
    assert reconstructor.keyframes_held == 1


def test_a_late_frame_is_dropped_without_harm():
    reconstructor = StreamingReconstructor(WallPredictor(), StreamingConfig())
    walk(reconstructor, 4)
    late = make_frame(stamp_ns=frame_at(3, 0).stamp_ns - SECOND_NS // 10)
    assert reconstructor.push(late).reason is SkipReason.OUT_OF_ORDER
    assert reconstructor.keyframes_held == 4


def test_held_keyframes_are_bounded():
    reconstructor = StreamingReconstructor(WallPredictor(), StreamingConfig(keyframes_held=5))
    walk(reconstructor, 12)
    assert reconstructor.keyframes_held == 5


def test_nothing_is_predicted_while_nobody_listens_but_keyframes_are_kept():
    predictor = WallPredictor()
    reconstructor = StreamingReconstructor(predictor, StreamingConfig())
    for i in range(3):
        result = reconstructor.push(frame_at(i, 0.2 * i), is_wanted=False)
    assert result.reason is SkipReason.NOT_WANTED
    assert predictor.windows == []
    assert isinstance(reconstructor.push(frame_at(3, 0.6)), Reconstruction)


def test_far_from_the_origin_the_baseline_survives_float32():
    predictor = WallPredictor()
    reconstructor = StreamingReconstructor(predictor, StreamingConfig())
    for i in range(3):
        pose = make_pose(0.2 * i)
        pose[:3, 3] += (5e6, 5e5, 300.0)
        reconstructor.push(make_frame(stamp_ns=i * SECOND_NS // 5 + 1, world_from_camera=pose))
    centres = predictor.windows[-1][0].world_from_camera[0, :, 0, 3].numpy()
    np.testing.assert_allclose(np.diff(centres), 0.2, atol=1e-6)
    assert centres[-1] == 0


def test_depth_below_the_wanted_confidence_is_not_published():
    class HalfSure(WallPredictor):
        def predict(self, views, features, reference):
            found = super().predict(views, features, reference)
            confidence = found.confidence.clone()
            confidence[..., ::2] = 0.1
            return DepthPrediction(
                depth_m=found.depth_m, confidence=confidence, dense_depth_m=found.dense_depth_m
            )

    config = StreamingConfig(minimum_confidence=0.5)
    result = walk(StreamingReconstructor(HalfSure(), config), 3)[-1]
    assert np.isnan(result.depth_m[:, ::2]).all()
    assert (result.confidence[:, ::2] == 0).all()
    assert np.isfinite(result.depth_m[:, 1::2]).all()
    assert np.isfinite(result.dense_depth_m).all()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((np.nan, np.nan), SkipReason.NOT_FINITE),
        ((np.nan, 2.0), SkipReason.NO_EVIDENCE),
    ],
)
def test_an_empty_prediction_is_skipped_with_its_reason(values, reason):
    class Blind(WallPredictor):
        def predict(self, views, features, reference):
            shape = views.images.shape
            maps = [torch.full((shape[0], *shape[-2:]), value) for value in values]
            return DepthPrediction(
                depth_m=maps[0], confidence=torch.zeros_like(maps[0]), dense_depth_m=maps[1]
            )

    result = walk(StreamingReconstructor(Blind(), StreamingConfig()), 2)[-1]
    assert isinstance(result, Skipped)
    assert result.reason is reason


class Cramped(WallPredictor):
    """Has memory for some views at once and for some encoded images, and no more."""

    def __init__(self, views=10, images=1000):
        super().__init__()
        self.views = views
        self.images = images
        self.tried = []

    def encode_views(self, images):
        if self.encoded >= self.images:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().encode_views(images)

    def predict(self, views, features, reference):
        self.tried.append(views.images.shape[1])
        if self.tried[-1] > self.views:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().predict(views, features, reference)


def test_where_memory_ends_fewer_views_are_matched_and_that_is_said_once(caplog):
    predictor = Cramped(views=3)
    reconstructor = StreamingReconstructor(predictor, StreamingConfig(window_views=5))
    results = walk(reconstructor, 9)
    assert all(isinstance(result, Reconstruction) for result in results[1:])
    assert predictor.tried == [2, 3, 4, 3, 3, 3, 3, 3, 3]
    assert reconstructor.window_views == 3
    assert [record.getMessage() for record in caplog.records] == [
        "cpu has no memory for 4 views of this size: 3 are matched until the next reset; "
        "lower longer_side_px or window_views"
    ]


def test_the_partners_left_are_the_best_of_those_wanted():
    plenty = StreamingReconstructor(WallPredictor(), StreamingConfig(window_views=3))
    cramped = StreamingReconstructor(Cramped(views=3), StreamingConfig(window_views=6))
    for reconstructor in (plenty, cramped):
        last = walk(reconstructor, 9)[-1]
        reconstructor.partners = last.partner_stamps_ns
    assert plenty.partners == cramped.partners


@pytest.mark.parametrize("forget", ["reset", "settings"])
def test_the_views_that_fit_are_found_anew_after_a_reset_or_new_settings(forget):
    predictor = Cramped(views=3)
    reconstructor = StreamingReconstructor(predictor, StreamingConfig(window_views=4))
    walk(reconstructor, 6)
    predictor.views = 10
    if forget == "reset":
        reconstructor.reset()
    else:
        reconstructor.config = StreamingConfig(window_views=4, far_m=9.0)
    walk(reconstructor, 6, start=6)
    assert predictor.tried[-1] == reconstructor.window_views == 4


def test_without_memory_for_the_fewest_views_a_frame_is_skipped_and_the_next_one_tried():
    predictor = Cramped(views=1)
    reconstructor = StreamingReconstructor(predictor, StreamingConfig())
    results = walk(reconstructor, 4)
    assert [result.reason for result in results[1:]] == [SkipReason.OUT_OF_MEMORY] * 3
    assert all(result.is_keyframe for result in results)
    assert "the model needs 2" in results[-1].detail
    assert predictor.tried == [2, 3, 2, 2]
    predictor.views = 10
    assert isinstance(reconstructor.push(frame_at(4, 0.8)), Reconstruction)


def test_without_memory_for_another_image_old_keyframes_make_room():
    predictor = Cramped(images=6)
    reconstructor = StreamingReconstructor(predictor, StreamingConfig())
    walk(reconstructor, 6)
    refused = reconstructor.push(frame_at(6, 1.2))
    assert refused.reason is SkipReason.OUT_OF_MEMORY
    assert not refused.is_keyframe
    assert reconstructor.keyframes_held == 3
    predictor.images = 1000
    assert isinstance(reconstructor.push(frame_at(7, 1.4)), Reconstruction)
    assert reconstructor.keyframes_held == 4


def test_an_error_of_another_kind_is_not_taken_for_a_lack_of_memory():
    class Broken(WallPredictor):
        def predict(self, views, features, reference):
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        walk(StreamingReconstructor(Broken(), StreamingConfig()), 2)


def test_a_lost_device_is_named_and_not_touched_again():
    class Lost(WallPredictor):
        def predict(self, views, features, reference):
            self.windows.append(None)
            raise torch.AcceleratorError("CUDA error: an illegal memory access", 700)

    predictor = Lost()
    reconstructor = StreamingReconstructor(predictor, StreamingConfig())
    walk(reconstructor, 1)
    for index in (1, 2):
        with pytest.raises(DeviceLostError, match="illegal memory access"):
            reconstructor.push(frame_at(index, 0.2 * index))
    assert len(predictor.windows) == 1
    assert predictor.encoded == 2


def test_a_warm_up_computes_one_full_window_and_leaves_nothing_behind():
    predictor = WallPredictor()
    reconstructor = StreamingReconstructor(predictor, StreamingConfig())
    reconstructor.warm_up()
    ((views, _, reference),) = predictor.windows
    assert views.images.shape == (1, 4, 3, 240, 320)
    assert reference == 3
    assert reconstructor.keyframes_held == 0
    assert walk(reconstructor, 2)[0].reason is SkipReason.WAITING_FOR_PARTNER


def test_a_warm_up_without_memory_leaves_the_answer_to_the_first_window():
    for predictor in (Cramped(views=3), Cramped(images=2), Cramped(images=0)):
        reconstructor = StreamingReconstructor(predictor, StreamingConfig())
        reconstructor.warm_up()
        assert reconstructor.window_views == 4


def test_a_keyframe_may_be_added_to_the_scene_later():
    reconstructor = StreamingReconstructor(WallPredictor(), StreamingConfig(), scene=SceneConfig())
    updates = []
    for index in range(2):
        result = reconstructor.push(frame_at(index, 0.2 * index), add_to_scene=updates.append)
    (update,) = updates
    assert update.frame is result.frame
    assert len(reconstructor.scene) == 0
    reconstructor.scene.add(update)
    assert len(reconstructor.scene) > 0
