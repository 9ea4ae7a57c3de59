# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from model.tiny import tiny_config

from depthsplat_ros.model import vit
from depthsplat_ros.model.vit import SingleViewEncoder, interpolate_position_embedding


def embedding(side, channels=2):
    return torch.randn(1, 1 + side**2, channels, generator=torch.Generator().manual_seed(0))


def test_the_embedding_is_sampled_where_an_inflated_factor_says():
    learnt = embedding(37)
    resampled = interpolate_position_embedding(learnt, 20, 30)
    assert torch.equal(resampled[0, 0], learnt[0, 0])

    # Places on the learnt grid, from -1 at its left edge to 1 at its right.
    columns = 2 * (torch.arange(30) + 0.5) / 30.1 - 1
    rows = 2 * (torch.arange(20) + 0.5) / 20.1 - 1
    places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[None]
    expected = torch.nn.functional.grid_sample(
        learnt[:, 1:].unflatten(1, (37, 37)).movedim(-1, 1),
        places,
        mode="bicubic",
        padding_mode="border",
        align_corners=False,
    )
    torch.testing.assert_close(
        resampled[:, 1:].unflatten(1, (20, 30)).movedim(-1, 1), expected, rtol=0, atol=1e-4
    )


def test_the_embedding_of_the_learnt_size_is_taken_as_it_is():
    assert interpolate_position_embedding(embedding(5), 5, 5).equal(embedding(5))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return SingleViewEncoder(tiny_config().vit).requires_grad_(False).eval()


def test_there_is_one_map_per_tapped_block_on_the_grid_of_patches(encoder):
    # 64 x 100 pixels hold 4 x 7 patches of 14.
    maps = encoder(torch.randn(2, 3, 64, 100))
    assert [tuple(values.shape) for values in maps] == 4 * [(2, 32, 4, 7)]


def test_every_map_is_normed(encoder):
    for values in encoder(torch.randn(1, 3, 56, 56)):
        torch.testing.assert_close(values.mean(dim=1), torch.zeros(1, 4, 4), atol=1e-5, rtol=0)


def test_the_embedding_is_resampled_once_per_size(encoder, monkeypatch):
    sizes = []

    def resample(embedding, rows, columns):
        sizes.append((rows, columns))
        return interpolate_position_embedding(embedding, rows, columns)

    monkeypatch.setattr(vit, "interpolate_position_embedding", resample)
    for height, width in ((56, 84), (56, 84), (84, 56), (56, 84)):
        encoder(torch.randn(1, 3, height, width))
    assert sizes == [(4, 6), (6, 4)]


def test_new_weights_bring_a_new_embedding(encoder):
    images = torch.randn(1, 3, 56, 84)
    before = encoder(images)[0]
    weights = {name: values.clone() for name, values in encoder.state_dict().items()}
    weights["vit.pos_embed"] += torch.randn_like(weights["vit.pos_embed"])
    encoder.load_state_dict(weights)
    assert not torch.allclose(encoder(images)[0], before)


def test_an_embedding_in_training_is_never_remembered():
    encoder = SingleViewEncoder(tiny_config().vit)
    encoder(torch.randn(1, 3, 56, 84))[3].sum().backward()
    assert encoder.vit.pos_embed.grad is not None
    assert encoder._position_embeddings == {}
