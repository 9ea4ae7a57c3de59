# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from depthsplat_ros.model.fused import maps

ACTIVATIONS = {"none": lambda x: x, "relu": F.relu, "gelu": F.gelu, "silu": F.silu}


def noise(*shape, device, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(device)


def with_channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("has_residual", [True, False])
def test_bias_activation_and_sum_are_those_of_pytorch(activation, has_bias, has_residual, device):
    x = noise(2, 6, 5, 70, device=device)
    bias = noise(6, device=device, seed=1) if has_bias else None
    residual = noise(*x.shape, device=device, seed=2) if has_residual else None
    expected = ACTIVATIONS[activation](x if bias is None else x + bias[:, None, None])
    if residual is not None:
        expected = expected + residual
    found = maps.activate(with_channels_last(x), bias, residual, activation)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("border", [0, 1])
def test_parts_lie_side_by_side_within_a_repeated_border(border, device):
    parts = [noise(2, count, 5, 9, device=device, seed=count) for count in (6, 3, 1)]
    together = torch.cat([*parts, torch.zeros(2, 6, 5, 9, device=device)], dim=1)
    expected = F.pad(together, 4 * (border,), mode="replicate")
    parts[0] = with_channels_last(parts[0])
    found = maps.place_channels(parts, 16, border)
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(9, 13), (3, 4), (1, 1), (5, 7), (10, 14)])
def test_resized_maps_are_those_of_pytorch(size, device):
    x = noise(2, 70, 5, 7, device=device)
    expected = F.interpolate(x, size, mode="bilinear", align_corners=True)
    torch.testing.assert_close(maps.resize(x, size), expected, rtol=1e-4, atol=1e-5)
