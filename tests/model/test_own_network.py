# SPDX-License-Identifier: Apache-2.0
"""What our own network does otherwise than the published ones, on seeded weights."""

import copy

import pytest
import torch
import torch.nn.functional as F
from model.tiny import OWN_NETWORK, enlarged, seeded_weights, window

from depthsplat_ros.model.config import TINY_DEPTH
from depthsplat_ros.model.cost_volume import match_views, select_neighbours, share_of_witnesses
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.resizing import resize


@pytest.fixture(scope="module")
def model():
    model = DepthSplat(OWN_NETWORK)
    model.load_state_dict(seeded_weights(model))
    return model.requires_grad_(False).eval()


def test_tiny_fits_into_sixteen_megabytes_at_half_precision():
    with torch.device("meta"):
        model = DepthSplat(TINY_DEPTH)
    count = sum(values.numel() for values in model.parameters())
    assert 3e6 < count < 6e6 and 2 * count < 16e6


def test_one_reference_alone_gets_the_depth_that_it_gets_among_all(model):
    views = window(4)
    features = model.encode_views(views.images)
    scene = model.predict_scene(views, features)
    for reference in range(4):
        alone = model.predict(views, features, reference)
        torch.testing.assert_close(
            alone.dense_depth_m, scene.depth_m[:, reference], atol=0, rtol=1e-4
        )
        is_inside = alone.confidence > 0
        assert is_inside.any()
        torch.testing.assert_close(
            alone.confidence[is_inside],
            scene.confidence[:, reference][is_inside],
            atol=1e-5,
            rtol=0,
        )


@pytest.mark.parametrize("scale", [0.1, 2.0, 10.0])
def test_depth_scales_with_the_unit_of_the_poses(model, scale):
    views = window(3)
    plain, other = model(views), model(enlarged(views, scale))
    torch.testing.assert_close(other.depth_m / scale, plain.depth_m, atol=0, rtol=1e-3)
    torch.testing.assert_close(other.confidence, plain.confidence, atol=1e-3, rtol=0)


def test_confidence_is_learnt_and_not_the_probability(model):
    scene = model(window(3))
    assert scene.confidence.shape == scene.depth_m.shape
    assert ((scene.confidence > 0) & (scene.confidence < 1)).all()
    # At full resolution, not in blocks of the matching scale's cells.
    assert scene.confidence[0, 0, :4, :4].unique().numel() > 4


def compare(model, views):
    depth, shape = model.depth, views.images.shape[:2]
    encoded = depth.encode(depth.look(views.images.flatten(0, 1)))
    features = {name: values.unflatten(0, shape) for name, values in encoded.items()}
    neighbours = select_neighbours(views.world_from_camera, model.config.neighbour_count)
    return depth.compare(views, features, neighbours)


@pytest.mark.parametrize("cell", range(4))
def test_finer_hypotheses_lie_around_the_coarser_cell_that_was_chosen(model, cell):
    model = copy.deepcopy(model)
    choice = model.depth.details[0].choice[-1]
    torch.nn.init.zeros_(choice.weight)
    choice.bias.copy_(100.0 * (torch.arange(4) == cell))
    coarse, fine = compare(model, window(3))
    row, column = divmod(cell, 2)
    shifted = F.pad(coarse.inverse_depth, (0, 1, 0, 1), mode="replicate")
    height, width = coarse.inverse_depth.shape[-2:]
    chosen = shifted[..., row : row + height, column : column + width]
    chosen = chosen.repeat_interleave(2, -1).repeat_interleave(2, -2)
    lowest, highest = fine.hypotheses[:, :, 0], fine.hypotheses[:, :, -1]
    assert ((lowest <= chosen + 1e-5) & (chosen <= highest + 1e-5)).all()
    # Where the range does not cut them they lie alike on both sides, but for half a step.
    centre = (fine.hypotheses[:, :, 3] + fine.hypotheses[:, :, 4 + 1]) / 2
    is_whole = highest - lowest > 0.99 * (highest - lowest).max()
    assert is_whole.any()
    torch.testing.assert_close(centre[is_whole], chosen[is_whole], atol=1e-5, rtol=0)


def test_finer_features_see_the_images_at_their_scale(model):
    changed = copy.deepcopy(model)
    torch.nn.init.zeros_(changed.depth.details[0].features.weight)
    views = window(3)
    (coarse, fine), (other_coarse, other_fine) = compare(model, views), compare(changed, views)
    assert torch.equal(coarse.logits, other_coarse.logits)
    assert not torch.allclose(fine.features, other_fine.features)


@pytest.mark.parametrize("stride", [2, 4])
def test_cells_lie_at_multiples_of_the_stride(stride):
    """A ramp over the pixels, seen at every stride-th pixel, comes back exactly."""
    ramp = torch.arange(32.0).expand(1, 1, 16, 32)
    seen = ramp[..., ::stride, ::stride]
    grown = resize(seen, (16, 32), is_stretched=False)
    last = 32 - stride
    torch.testing.assert_close(grown[..., : last + 1], ramp[..., : last + 1])
    assert (grown[..., last:] == last).all()
    assert not torch.allclose(resize(seen, (16, 32)), ramp, atol=0.5)


def test_witnesses_are_those_inside_whose_image_a_hypothesis_lies():
    """Two cameras side by side: a pixel moves left by focal * baseline / depth."""
    poses = torch.eye(4).repeat(1, 2, 1, 1)
    poses[0, 1, 0, 3] = 1.0
    intrinsics = torch.tensor([[10.0, 0, 8], [0, 10.0, 4], [0, 0, 1]]).repeat(1, 2, 1, 1)
    neighbours = torch.tensor([[[1], [0]]])
    inverse_depths = torch.tensor([0.1, 0.5]).reshape(1, 1, 2, 1, 1).expand(1, 2, 2, 1, 1)
    share = share_of_witnesses(neighbours, intrinsics, poses, inverse_depths, 8, 16)
    assert share.shape == (1, 2, 2, 8, 16)
    # At 1/10 a shift of one pixel, at 1/2 of five.
    for candidate, shift in ((0, 1), (1, 5)):
        expected = (torch.arange(16) >= shift).float().expand(8, 16)
        assert torch.equal(share[0, 0, candidate], expected)
        assert torch.equal(share[0, 1, candidate], expected.flip(1))


def test_matching_one_reference_equals_its_row_among_all():
    views = window(4)
    features = torch.randn((1, 4, 8, 8, 12), generator=torch.Generator().manual_seed(0))
    neighbours = select_neighbours(views.world_from_camera, 3)
    intrinsics = views.intrinsics * torch.tensor([12.0, 8.0, 1.0])[:, None]
    inverse_depths = torch.linspace(0.05, 2, 9).reshape(1, 1, 9, 1, 1).expand(1, 4, 9, 1, 1)
    whole = match_views(features, neighbours, intrinsics, views.world_from_camera, inverse_depths)
    for index in range(4):
        chosen = slice(index, index + 1)
        alone = match_views(
            features,
            neighbours[:, chosen],
            intrinsics,
            views.world_from_camera,
            inverse_depths[:, chosen],
            chosen,
        )
        torch.testing.assert_close(alone, whole[:, chosen], atol=1e-6, rtol=1e-5)
