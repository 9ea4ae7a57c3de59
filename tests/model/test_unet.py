# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from depthsplat_ros.model.unet import CrossViewUnet


def unet(level_count):
    torch.manual_seed(0)
    return CrossViewUnet(32, level_count).eval().requires_grad_(False)


def images(count):
    return torch.randn(count, 32, 16, 24, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("level_count", [3, 4])
def test_the_shape_is_kept(level_count):
    assert unet(level_count)(images(2), 2).shape == (2, 32, 16, 24)


def test_attention_stands_at_the_coarsest_level_only():
    network = unet(3)
    with_attention = [
        name for name, module in network.named_modules() if name.endswith("attention")
    ]
    assert with_attention == ["descent.5.attention", "ascent.0.attention", "ascent.1.attention"]


def test_every_view_sees_all_views_of_its_window():
    network, x = unet(3), images(3)
    before = network(x, 3)
    x[2] += 1
    after = network(x, 3)
    assert not torch.allclose(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_windows_of_a_batch_do_not_mix():
    network, x = unet(3), images(4)
    torch.testing.assert_close(network(x, 2), torch.cat([network(x[:2], 2), network(x[2:], 2)]))


def test_the_order_of_the_views_does_not_matter():
    network, x = unet(3), images(3)
    torch.testing.assert_close(network(x, 3).flip(0), network(x.flip(0), 3))
