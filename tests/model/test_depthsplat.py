# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch
from model.tiny import tiny_model, window

from depthsplat_ros.model.depthsplat import UnusableViews, depth_prediction
from depthsplat_ros.model.types import ViewFeatures


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def predict_scene(model, views, **choices):
    return model.predict_scene(views, model.encode_views(views.images), **choices)


def test_cut_in_two_it_says_exactly_what_it_says_uncut(model):
    views = window(4)
    uncut, cut = model(views), predict_scene(model, views)
    assert torch.equal(cut.depth_m, uncut.depth_m)
    assert torch.equal(cut.confidence, uncut.confidence)
    for name in ("means_m", "scales_m", "rotations_wxyz", "opacities", "harmonics"):
        assert torch.equal(getattr(cut.gaussians, name), getattr(uncut.gaussians, name))


def test_features_may_be_kept_view_by_view(model):
    views = window(4)
    together = model.encode_views(views.images)
    apart = ViewFeatures.concatenate([together.select([view]) for view in range(4)])
    uncut = model.predict_scene(views, together)
    assert torch.equal(model.predict_scene(views, apart).depth_m, uncut.depth_m)

    # Encoded one by one, sums are taken in another order: equal up to rounding.
    alone = [model.encode_views(views.images[:, view : view + 1]) for view in range(4)]
    again = model.predict_scene(views, ViewFeatures.concatenate(alone))
    torch.testing.assert_close(again.depth_m, uncut.depth_m, rtol=2e-4, atol=0)


@pytest.mark.parametrize("view_count", [2, 3, 4, 6])
def test_one_network_takes_any_number_of_views(model, view_count):
    views = window(view_count)
    scene = model(views)
    assert scene.depth_m.shape == (1, view_count, 64, 96)
    assert scene.gaussians.means_m.shape == (1, view_count * 64 * 96, 3)
    for reference in range(view_count):
        prediction = model.predict(views, model.encode_views(views.images), reference)
        torch.testing.assert_close(
            prediction.dense_depth_m, scene.depth_m[:, reference], rtol=1e-4, atol=0
        )


@pytest.mark.parametrize("reference", [0, 2, -1])
def test_gaussians_of_the_reference_alone_are_those_it_has_in_the_scene(model, reference):
    views = window(3)
    features = model.encode_views(views.images)
    alone = model.predict_gaussians(views, features, reference)
    depth = model.predict(views, features, reference)
    assert torch.equal(alone.depth.dense_depth_m, depth.dense_depth_m)
    assert torch.equal(alone.depth.confidence, depth.confidence)
    scene = model(views).gaussians
    pixels = 64 * 96
    own = slice(reference % 3 * pixels, (reference % 3 + 1) * pixels)
    for name in ("means_m", "scales_m", "rotations_wxyz", "opacities", "harmonics"):
        torch.testing.assert_close(
            getattr(alone.gaussians, name), getattr(scene, name)[:, own], rtol=1e-3, atol=1e-5
        )


def test_a_reference_may_be_counted_from_the_end(model):
    views = window(3)
    features = model.encode_views(views.images)
    assert torch.equal(
        model.predict(views, features, -1).dense_depth_m,
        model.predict(views, features, 2).dense_depth_m,
    )


def test_matched_depth_scales_with_the_poses(model):
    views = window(3)
    poses = views.world_from_camera.clone()
    poses[..., :3, 3] *= 2
    larger = replace(
        views, world_from_camera=poses, near_m=2 * views.near_m, far_m=2 * views.far_m
    )
    features = model.encode_views(views.images)
    # Only the matched depth: the learnt residual that is added to it is in 1/m, at any scale.
    torch.testing.assert_close(
        2 * model.match(larger, features).inverse_depth,
        model.match(views, features).inverse_depth,
        rtol=1e-3,
        atol=0,
    )


def test_depth_is_the_same_in_any_world_frame(model):
    views = window(4)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0))).Q
    world_from_world = torch.eye(4)
    world_from_world[:3, :3] = turn * torch.linalg.det(turn)
    world_from_world[:3, 3] = torch.tensor([3.0, -1.0, 2.0])
    moved = replace(views, world_from_camera=world_from_world @ views.world_from_camera)
    torch.testing.assert_close(model(moved).depth_m, model(views).depth_m, rtol=1e-3, atol=0)


def test_the_caller_may_choose_the_neighbours(model):
    views = window(4)
    chosen = torch.tensor([[[1, 2], [0, 2], [1, 3], [2, 1]]])
    assert torch.equal(
        predict_scene(model, views, neighbours=chosen).depth_m, model(views).depth_m
    )
    other = torch.tensor([[[3], [3], [0], [0]]])
    assert not torch.allclose(
        predict_scene(model, views, neighbours=other).depth_m, model(views).depth_m
    )


def test_windows_of_a_batch_do_not_mix(model):
    views = window(3, batch=2)
    together = model(views).depth_m
    for index in range(2):
        fields = ("images", "intrinsics", "world_from_camera", "near_m", "far_m")
        alone = type(views)(**{name: getattr(views, name)[index, None] for name in fields})
        torch.testing.assert_close(model(alone).depth_m[0], together[index], rtol=2e-4, atol=0)


def test_a_depth_network_has_no_gaussians():
    assert tiny_model(has_gaussians=False)(window(2)).gaussians is None


def test_one_view_is_refused(model):
    views = window(1)
    with pytest.raises(UnusableViews, match="1 view .* at least two"):
        model(views)


def test_a_size_that_does_not_fit_is_refused_with_the_multiple(model):
    with pytest.raises(UnusableViews, match="96 x 50 pixels .* multiples of 32"):
        model.encode_views(torch.zeros(1, 2, 3, 50, 96))


def test_an_estimate_at_an_end_of_the_range_is_no_evidence():
    inverse_depth = torch.tensor([[[2.0, 0.05, 1.0]]])
    prediction = depth_prediction(
        inverse_depth, torch.full((1, 1, 3), 0.4), torch.tensor([0.5]), torch.tensor([20.0])
    )
    assert prediction.depth_m.isnan().tolist() == [[[True, True, False]]]
    torch.testing.assert_close(prediction.confidence, torch.tensor([[[0.0, 0.0, 0.4]]]))
    torch.testing.assert_close(prediction.dense_depth_m, torch.tensor([[[0.5, 20.0, 1.0]]]))


def test_half_the_bits_give_nearly_the_same_depth(model):
    views = window(3)
    half = tiny_model().bfloat16()(views)
    assert half.depth_m.dtype == torch.float32
    assert half.gaussians.means_m.dtype == torch.float32
    assert (half.depth_m / model(views).depth_m - 1).abs().median() < 0.05
