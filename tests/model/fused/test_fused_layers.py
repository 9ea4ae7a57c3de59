# SPDX-License-Identifier: Apache-2.0
"""The layers' way through the fused kernels, in float32 so that it can be compared closely."""

import pytest
import torch

from depthsplat_ros.model import fused, layers
from depthsplat_ros.model.layers import Convolution, GroupNorm, instance_norm


@pytest.fixture
def fuse(monkeypatch):
    """Calling it turns the fused kernels on."""
    return lambda: monkeypatch.setattr(layers, "fused_kernels", lambda _: fused)


def noise(*shape, device, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(device)


@pytest.mark.parametrize(
    ("part_channels", "settings"),
    [
        ((16,), {"out_channels": 8, "kernel_size": 3, "padding": 1}),
        ((37,), {"out_channels": 37, "kernel_size": 3, "padding": 1}),
        ((3, 1, 16, 8), {"out_channels": 5, "kernel_size": 3, "padding": 1}),
        ((3,), {"out_channels": 16, "kernel_size": 7, "padding": 3, "stride": 2}),
        ((16,), {"out_channels": 8, "kernel_size": 1, "stride": 2, "bias": False}),
    ],
)
@pytest.mark.parametrize("padding_mode", ["zeros", "replicate"])
@torch.inference_mode()
def test_a_convolution_is_the_same(part_channels, settings, padding_mode, device, fuse):
    if padding_mode == "replicate" and settings.get("stride", 1) > 1:
        pytest.skip("no network has one")
    torch.manual_seed(0)
    layer = Convolution(sum(part_channels), padding_mode=padding_mode, **settings).to(device)
    parts = [noise(2, count, 6, 9, device=device, seed=count) for count in part_channels]
    plain = layer(*parts)
    residual = noise(*plain.shape, device=device, seed=1)
    expected = layer(*parts, activation="gelu", residual=residual)
    fuse()
    torch.testing.assert_close(layer(*parts), plain, rtol=1e-3, atol=1e-3)
    found = layer(*parts, activation="gelu", residual=residual)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_norms_are_the_same(device, fuse):
    x = noise(2, 16, 6, 9, device=device)
    layer = GroupNorm(8, 16).to(device)
    expected = layer(x, "silu"), instance_norm(x, "relu", residual=x)
    fuse()
    found = layer(x, "silu"), instance_norm(x, "relu", residual=x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_group_norm_of_odd_width_has_no_kernel_and_is_the_same(device, fuse):
    x = noise(2, 80, 6, 9, device=device)
    layer = GroupNorm(8, 80).to(device)
    expected = layer(x, "silu")
    fuse()
    torch.testing.assert_close(layer(x, "silu"), expected)
