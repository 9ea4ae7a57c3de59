# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch
from model.tiny import tiny_model, window

from depthsplat_ros.model.precision import PreciseDepthSplat, Precision
from depthsplat_ros.model.trained_unit import TrainedUnit
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import DepthPredictor, GaussianPredictor

TRAITS = Traits(
    minimum_views=2,
    maximum_views=10,
    preferred_views=4,
    longer_side_px=96,
    size_multiple=32,
    near_m=0.5,
    far_m=20.0,
    minimum_confidence=0.0,
)


@pytest.fixture(scope="module")
def network():
    return PreciseDepthSplat(tiny_model(), torch.device("cpu"), Precision.FLOAT32, TRAITS)


def enlarged(views, factor):
    poses = views.world_from_camera.clone()
    poses[..., :3, 3] *= factor
    return replace(
        views,
        world_from_camera=poses,
        near_m=views.near_m * factor,
        far_m=views.far_m * factor,
    )


def test_it_is_a_predictor_of_the_same_traits(network):
    predictor = TrainedUnit(network)
    assert isinstance(predictor, DepthPredictor)
    assert isinstance(predictor, GaussianPredictor)
    assert predictor.gives_gaussians
    assert predictor.traits is network.traits


def test_at_the_near_limit_of_the_training_nothing_changes(network):
    views = window(3)
    features = network.encode_views(views.images)
    plain = network.predict(views, features, 1)
    found = TrainedUnit(network).predict(views, features, 1)
    assert torch.equal(found.dense_depth_m, plain.dense_depth_m)
    assert torch.equal(found.confidence, plain.confidence)


@pytest.mark.parametrize("factor", [0.1, 2.0, 1000.0])
def test_depth_and_gaussians_scale_with_the_world(network, factor):
    views = window(3)
    features = network.encode_views(views.images)
    predictor = TrainedUnit(network)
    small = predictor.predict_gaussians(views, features, 0)
    large = predictor.predict_gaussians(enlarged(views, factor), features, 0)
    for name in ("depth_m", "dense_depth_m"):
        torch.testing.assert_close(
            getattr(large.depth, name),
            factor * getattr(small.depth, name),
            rtol=1e-3,
            atol=0,
            equal_nan=True,
        )
    torch.testing.assert_close(large.depth.confidence, small.depth.confidence, rtol=0, atol=1e-3)
    for name in ("means_m", "scales_m"):
        found, expected = getattr(large.gaussians, name), factor * getattr(small.gaussians, name)
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=factor * 1e-3)
    for name in ("rotations_wxyz", "opacities", "harmonics"):
        torch.testing.assert_close(
            getattr(large.gaussians, name), getattr(small.gaussians, name), rtol=0, atol=5e-3
        )


def test_the_plain_network_does_not_scale_with_the_world(network):
    # Why the class exists: should this fail one day, it has become superfluous.
    views = window(3)
    features = network.encode_views(views.images)
    small = network.predict(views, features, 0).dense_depth_m
    large = network.predict(enlarged(views, 2.0), features, 0).dense_depth_m
    assert (large / small / 2 - 1).abs().max() > 0.02
