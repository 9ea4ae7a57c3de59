# SPDX-License-Identifier: Apache-2.0
"""The Gaussians of our own network: differences from discs, on seeded weights."""

import dataclasses
from dataclasses import fields

import pytest
import torch
from model.tiny import OWN_NETWORK, enlarged, seeded_weights, window

from depthsplat_ros.model.checkpoint import build_depthsplat, load_state, save_depthsplat
from depthsplat_ros.model.config import TINY, TINY_DEPTH, GaussianConfig
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.discs import discs_on_surface
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.precision import PreciseDepthSplat, Precision
from depthsplat_ros.model.traits import Traits

CONFIG = dataclasses.replace(
    OWN_NETWORK,
    gaussians=GaussianConfig(feature_channels=8, regressor_channels=16, scale_limit=4.0),
)


@pytest.fixture(scope="module")
def model():
    model = DepthSplat(CONFIG)
    model.load_state_dict(seeded_weights(model))
    return model.requires_grad_(False).eval()


def test_the_gaussian_head_is_a_small_part_of_the_network():
    with torch.device("meta"):
        whole, depth = DepthSplat(TINY), DepthSplat(TINY_DEPTH)
    counts = [sum(values.numel() for values in each.parameters()) for each in (whole, depth)]
    assert counts[0] < 6e6 and counts[0] - counts[1] < 3e5


def test_one_view_s_gaussians_are_those_that_it_has_among_all(model):
    views = window(3, batch=2)
    features = model.encode_views(views.images)
    scene = model.predict_scene(views, features).gaussians
    pixels = views.images[0, 0, 0].numel()
    assert scene.harmonics.shape == (2, 3 * pixels, 3, 1)
    for reference in range(3):
        alone = model.predict_gaussians(views, features, reference).gaussians
        for field in fields(GaussianScene):
            among = getattr(scene, field.name)[:, reference * pixels : (reference + 1) * pixels]
            torch.testing.assert_close(
                getattr(alone, field.name), among, atol=2e-4, rtol=2e-3, msg=field.name
            )


def test_with_a_last_layer_of_zeros_gaussians_are_the_discs_of_depth_and_confidence():
    model = DepthSplat(CONFIG)
    weights = seeded_weights(model)
    for name in ("gaussians.output.2.weight", "gaussians.output.2.bias"):
        weights[name].zero_()
    model.load_state_dict(weights)
    views = window(2)
    with torch.no_grad():
        found = model(views)
    discs = discs_on_surface(
        found.depth_m, found.confidence, views.images, views.intrinsics, views.world_from_camera
    )
    for field in fields(GaussianScene):
        torch.testing.assert_close(
            getattr(found.gaussians, field.name), getattr(discs, field.name), msg=field.name
        )


@pytest.mark.parametrize("scale", [0.1, 2.0, 10.0])
def test_gaussians_scale_with_the_unit_of_the_poses(model, scale):
    views = window(3)
    plain, other = (model(seen).gaussians for seen in (views, enlarged(views, scale)))
    ratio = {"means_m": scale, "scales_m": scale}
    for field in fields(GaussianScene):
        found = getattr(other, field.name) / ratio.get(field.name, 1.0)
        expected = getattr(plain, field.name)
        # Where depth jumps, rounding may turn a disc the other way round.
        difference = (found - expected).abs() / expected.abs().mean()
        assert difference.quantile(0.98) < 5e-3, field.name


def test_weights_for_depth_alone_are_still_read_and_so_are_those_with_gaussians(model, tmp_path):
    alone = DepthSplat(dataclasses.replace(CONFIG, gaussians=None))
    for name, network in (("depth", alone), ("whole", model)):
        path = tmp_path / f"{name}.safetensors"
        save_depthsplat(network, path)
        with path.open("rb") as file:
            read = build_depthsplat(load_state(file, path.name))
        assert read.config == network.config
        assert (read.gaussians is None) == (name == "depth")


def test_in_half_precision_gaussians_are_nearly_the_same(model):
    traits = Traits(
        minimum_views=2,
        maximum_views=8,
        preferred_views=4,
        longer_side_px=96,
        size_multiple=32,
        near_m=0.5,
        far_m=20.0,
        minimum_confidence=0.0,
    )
    views = window(3)
    exact, fast = (
        PreciseDepthSplat(model, torch.device("cpu"), precision, traits)
        for precision in (Precision.FLOAT32, Precision.FAST)
    )
    assert exact.gives_gaussians
    scenes = [
        each.predict_gaussians(views, each.encode_views(views.images), 0).gaussians
        for each in (exact, fast)
    ]
    assert fast.precision is Precision.FAST
    for field in fields(GaussianScene):
        one, other = (getattr(scene, field.name) for scene in scenes)
        assert ((one - other).abs() / one.abs().mean()).median() < 0.02, field.name
