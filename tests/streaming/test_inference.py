# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import SMALL_CAMERA, WallPredictor, make_frame, make_pose

from depthsplat_ros.model.types import DepthPrediction, ViewFeatures
from depthsplat_ros.streaming.device_errors import DeviceLostError
from depthsplat_ros.streaming.inference import Inference
from depthsplat_ros.streaming.window import Keyframe, Window


def window_of(*frames, reference=-1):
    features = ViewFeatures(maps={"mean": torch.zeros(1, 1, 1)})
    return Window(
        keyframes=tuple(Keyframe(frame=frame, features=features) for frame in frames),
        reference=reference % len(frames),
    )


def views_of(window, **limits):
    predictor = WallPredictor()
    limits = {"near_m": 0.5, "far_m": 9.0, **limits}
    assert Inference(predictor, torch.device("cpu")).predict(window, **limits) is not None
    return predictor.windows[-1][0]


def test_every_view_keeps_the_intrinsics_of_its_own_camera():
    cameras = [replace(SMALL_CAMERA, fx_px=60.0 + i, cx_px=20.0 + 3 * i) for i in range(3)]
    frames = [make_frame(stamp_ns=i + 1, camera=camera) for i, camera in enumerate(cameras)]
    intrinsics = views_of(window_of(*frames)).intrinsics[0].numpy()
    for found, camera in zip(intrinsics, cameras, strict=True):
        # Over the image size; the centre of the first pixel is half a pixel from its corner.
        assert found[0, 0] == pytest.approx(camera.fx_px / camera.width_px)
        assert found[0, 2] == pytest.approx((camera.cx_px + 0.5) / camera.width_px)
        assert found[1, 2] == pytest.approx((camera.cy_px + 0.5) / camera.height_px)


def test_images_are_rgb_from_0_to_1_in_the_order_of_the_window():
    images = [np.full((48, 64, 3), (10 * i, 100, 255), np.uint8) for i in range(2)]
    frames = [make_frame(stamp_ns=i + 1, image=image) for i, image in enumerate(images)]
    found = views_of(window_of(*frames)).images
    assert found.shape == (1, 2, 3, 48, 64)
    np.testing.assert_allclose(found[0, 1, :, 0, 0], (10 / 255, 100 / 255, 1.0), atol=1e-6)


def test_poses_are_relative_to_the_reference_camera_s_centre_and_keep_their_rotation():
    poses = [make_pose(5e6, 0.2, 1.0, yaw_deg=30.0), make_pose(5e6 + 0.1, 0.2, 1.0)]
    frames = [make_frame(stamp_ns=i + 1, world_from_camera=pose) for i, pose in enumerate(poses)]
    found = views_of(window_of(*frames, reference=0)).world_from_camera[0].numpy()
    np.testing.assert_allclose(found[:, :3, 3], [[0, 0, 0], [0.1, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(found[0, :3, :3], poses[0][:3, :3], atol=1e-6)


def test_near_and_far_hold_for_every_view():
    views = views_of(window_of(make_frame(stamp_ns=1), make_frame(stamp_ns=2)), near_m=2.0)
    assert views.near_m.tolist() == [[2.0, 2.0]]
    assert views.far_m.tolist() == [[9.0, 9.0]]


def test_half_precision_comes_back_as_float32():
    class Half(WallPredictor):
        def predict(self, views, features, reference):
            found = super().predict(views, features, reference)
            return DepthPrediction(
                depth_m=found.depth_m.half(),
                confidence=found.confidence.half(),
                dense_depth_m=found.dense_depth_m.half(),
            )

    window = window_of(make_frame(stamp_ns=1), make_frame(stamp_ns=2))
    found = Inference(Half(), torch.device("cpu")).predict(window, near_m=0.5, far_m=9.0)
    assert {found.depth_m.dtype, found.confidence.dtype} == {torch.float32}


class Failing(WallPredictor):
    def __init__(self, error):
        super().__init__()
        self.error = error
        self.calls = 0

    def encode_views(self, images):
        self.calls += 1
        raise self.error


def test_nothing_comes_back_where_memory_ends():
    inference = Inference(Failing(torch.OutOfMemoryError("full")), torch.device("cpu"))
    assert inference.encode(make_frame()) is None


def test_a_device_that_failed_for_good_is_not_called_again():
    predictor = Failing(torch.AcceleratorError("CUDA error: unspecified launch failure", 719))
    inference = Inference(predictor, torch.device("cpu"))
    for _ in range(3):
        with pytest.raises(DeviceLostError, match="unspecified launch failure"):
            inference.encode(make_frame())
    assert predictor.calls == 1
