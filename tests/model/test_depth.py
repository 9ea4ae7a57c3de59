# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from model.tiny import tiny_config, tiny_model, window

from depthsplat_ros.model.cost_volume import select_neighbours
from depthsplat_ros.model.depth import scale_intrinsics
from depthsplat_ros.model.matching_scale import MatchingScale


@pytest.mark.parametrize("scale", [0, 1])
def test_both_halves_of_a_scale_make_the_one_that_concatenates_first(scale):
    torch.manual_seed(0)
    config = tiny_config()
    module = MatchingScale(config, scale).requires_grad_(False).eval()
    channels, height, width = config.matching_channels(scale), 16 << scale, 24 << scale
    scores, cnn, matching, mono = (
        torch.randn(2, count, height, width)
        for count in (
            config.candidates(scale),
            config.cnn_channels[-1 - scale],
            channels,
            config.mono_channels(scale),
        )
    )
    everything = torch.cat([scores, cnn, matching, mono], dim=1)
    x = torch.nn.functional.gelu(module.regressor_norm(module.regressor(everything)))
    x = module.regressor_output(module.unet(x, 2)) + module.shortcut(everything)
    encoded = module.encode(cnn, mono)
    torch.testing.assert_close(
        module(scores, matching, encoded["regressor"], encoded["shortcut"], 2),
        module.logits(x),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize(("lowest_stride", "scale_count"), [(8, 1), (4, 1), (8, 2), (4, 2)])
def test_depth_stays_between_near_and_far_at_every_step(lowest_stride, scale_count):
    model = tiny_model(lowest_stride=lowest_stride, scale_count=scale_count)
    views = window(3)
    maps = model.depth.encode(model.depth.look(views.images[0]))
    features = {name: values[None] for name, values in maps.items()}
    neighbours = select_neighbours(views.world_from_camera, 2)
    matching = model.depth.match(views, features, neighbours)
    stride = model.config.finest_stride
    assert matching.inverse_depth.shape == (1, 3, 64 // stride, 96 // stride)
    assert [values.shape[2] for values in matching.features] == [64, 32][:scale_count]

    refined = model.depth.refine(matching, features, views.near_m, views.far_m)
    assert refined.inverse_depth.shape == (1, 3, 64, 96)
    for inverse_depth in (matching.inverse_depth, refined.inverse_depth):
        assert (inverse_depth >= 1 / 20.0 - 1e-6).all()
        assert (inverse_depth <= 1 / 0.5 + 1e-6).all()
    assert (matching.probability > 0).all() and (matching.probability <= 1).all()


def test_intrinsics_are_scaled_and_not_moved_by_half_a_pixel():
    intrinsics = torch.tensor([[0.9, 0.1, 0.48], [0.0, 1.3, 0.53], [0.0, 0.0, 1.0]])[None, None]
    expected = torch.tensor([[18.0, 2.0, 9.6], [0.0, 13.0, 5.3], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(
        scale_intrinsics(intrinsics, width_px=20.0, height_px=10.0)[0, 0], expected
    )
