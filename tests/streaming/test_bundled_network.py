# SPDX-License-Identifier: Apache-2.0
"""The network that lies in the package, from its name to depth of a small scene."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import SECOND_NS, make_frame, make_pose
from stereo_scenes import BOX_FRONT, SLANTED_WALL, render

from depthsplat_ros.camera import Camera
from depthsplat_ros.model import zoo
from depthsplat_ros.model.precision import PreciseDepthSplat
from depthsplat_ros.streaming import factory
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import Reconstruction

CAMERA = Camera(width_px=128, height_px=96, fx_px=110.0, fy_px=110.0, cx_px=63.5, cy_px=47.5)
# All that the network vouches for at all, however much of it is usually published.
CONFIG = StreamingConfig(near_m=0.8, far_m=10.0, minimum_confidence=1e-6)
COUNT = 5


@pytest.fixture(scope="module")
def images():
    """What a camera sees that moves sideways before a slanted wall and a box."""
    poses = [make_pose(0.12 * index, 0.02 * index, yaw_deg=0.5 * index) for index in range(COUNT)]
    views = [(*render([SLANTED_WALL, BOX_FRONT], CAMERA, pose), pose) for pose in poses]
    return [(np.uint8(255 * image), depth_m, pose) for image, depth_m, pose in views]


def walk(images, *, scale=1.0):
    """What comes out for these images; `scale` enlarges the world of the poses."""
    config = replace(
        CONFIG,
        near_m=CONFIG.near_m * scale,
        far_m=CONFIG.far_m * scale,
        maximum_speed_mps=CONFIG.maximum_speed_mps * scale,
    )
    reconstructor = factory.create_reconstructor(config, model="tiny", device="cpu")
    outcomes = []
    for index, (image, _, pose) in enumerate(images):
        enlarged = pose.copy()
        enlarged[:3, 3] *= scale
        outcomes.append(
            reconstructor.push(
                make_frame(
                    stamp_ns=(1 + index) * SECOND_NS // 5,
                    image=image,
                    camera=CAMERA,
                    world_from_camera=enlarged,
                )
            )
        )
    return outcomes


@pytest.fixture(scope="module")
def plain(images):
    return walk(images)


def test_by_its_name_it_gets_what_suits_it():
    reconstructor = factory.create_reconstructor(StreamingConfig(), model="tiny", device="cpu")
    suited, entry = reconstructor.config, zoo.BUNDLED
    assert (suited.near_m, suited.far_m, suited.window_views) == (0.25, 15.0, 4)
    assert suited.longer_side_px == max(entry.width_px, entry.height_px)
    assert suited.minimum_confidence == entry.minimum_confidence > 0
    assert reconstructor.traits == zoo.traits_of(entry)


def test_depth_has_the_scale_of_the_poses(images, plain):
    assert all(isinstance(outcome, Reconstruction) for outcome in plain[1:])
    assert len(plain[-1].partner_stamps_ns) == 3
    true_m = images[-1][1]
    assert plain[-1].dense_depth_m.shape == true_m.shape
    assert np.median(plain[-1].dense_depth_m / true_m) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("scale", [0.1, 2.0, 10.0])
def test_in_a_larger_world_the_depth_is_larger_by_as_much(images, plain, scale):
    for small, large in zip(plain[1:], walk(images, scale=scale)[1:], strict=True):
        assert small.partner_stamps_ns == large.partner_stamps_ns
        np.testing.assert_allclose(large.dense_depth_m, scale * small.dense_depth_m, rtol=1e-4)
        np.testing.assert_allclose(large.confidence, small.confidence, atol=1e-4)


def test_it_scales_by_itself_without_the_published_networks_crutch(monkeypatch):
    monkeypatch.setattr(factory, "TrainedUnit", lambda *_: pytest.fail("it was made to scale"))
    factory.create_reconstructor(CONFIG, model="tiny", device="cpu")


def test_of_each_window_only_the_newest_image_is_encoded(images, monkeypatch):
    seen, kept = [], []
    encode, predict = PreciseDepthSplat.encode_views, PreciseDepthSplat.predict

    def count_images(self, given):
        seen.append(given.shape[1])
        return encode(self, given)

    def count_kept(self, views, features, reference):
        kept.append({values.shape[1] for values in features.maps.values()})
        return predict(self, views, features, reference)

    monkeypatch.setattr(PreciseDepthSplat, "encode_views", count_images)
    monkeypatch.setattr(PreciseDepthSplat, "predict", count_kept)
    walk(images)
    assert seen == [1] * COUNT
    assert kept == [{2}, {3}, {4}, {4}]
