# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from depthsplat_ros.model.fused.normalisation import normalise


def maps(channels, *, device, mean=0.0):
    # More pixels than one part holds, and no multiple of anything.
    generator = torch.Generator().manual_seed(0)
    return (mean + torch.randn(2, channels, 67, 71, generator=generator)).to(device)


@pytest.mark.parametrize("mean", [0.0, 100.0])
def test_an_instance_norm_is_that_of_pytorch_even_far_from_zero(mean, device):
    x = maps(24, device=device, mean=mean)
    found = normalise(x, 24, None, None, 1e-5, "relu", None)
    torch.testing.assert_close(found, F.relu(F.instance_norm(x)), rtol=1e-3, atol=1e-4)


def test_a_residual_is_added_before_a_last_relu(device):
    x = maps(24, device=device)
    residual = x.flip(1) - 0.5
    expected = F.relu(residual + F.relu(F.instance_norm(x)))
    found = normalise(x, 24, None, None, 1e-5, "relu", residual)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_group_norm_is_that_of_pytorch(device):
    x = maps(32, device=device)
    weight, bias = (
        torch.linspace(-1, 2, 32, device=device),
        torch.linspace(3, 0, 32, device=device),
    )
    found = normalise(x, 8, weight, bias, 1e-5, "silu", None)
    expected = F.silu(F.group_norm(x, 8, weight, bias))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
