# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from depthsplat_ros.model.layers import Convolution, Convolutions, GroupNorm, instance_norm

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
CONVOLUTIONS = [
    {"in_channels": 64, "out_channels": 64, "kernel_size": 3, "padding": 1},
    {
        "in_channels": 37,
        "out_channels": 37,
        "kernel_size": 3,
        "padding": 1,
        "padding_mode": "replicate",
    },
    {"in_channels": 3, "out_channels": 64, "kernel_size": 7, "padding": 3, "stride": 2},
    {"in_channels": 16, "out_channels": 1, "kernel_size": 1},
    {"in_channels": 96, "out_channels": 128, "kernel_size": 1, "stride": 2, "bias": False},
]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def frozen(layer):
    return layer.requires_grad_(False).eval()


def test_a_convolution_takes_its_inputs_side_by_side_and_adds_last():
    layer = frozen(Convolution(5, 4, 3, padding=1))
    parts = [noise(2, 2, 6, 7), noise(2, 3, 6, 7, seed=1)]
    residual = noise(2, 4, 6, 7, seed=2)
    plain = F.conv2d(torch.cat(parts, dim=1), layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(*parts), plain)
    torch.testing.assert_close(
        layer(*parts, activation="relu", residual=residual), F.relu(plain) + residual
    )


def test_a_chain_of_convolutions_has_gelus_between_and_none_at_the_end():
    chain = frozen(
        Convolutions(Convolution(5, 4, 3, padding=1), torch.nn.GELU(), Convolution(4, 2, 1))
    )
    parts = [noise(2, 2, 6, 7), noise(2, 3, 6, 7, seed=1)]
    expected = chain[2](F.gelu(chain[0](torch.cat(parts, dim=1))))
    torch.testing.assert_close(chain(*parts), expected)


def test_norms_are_followed_by_their_activation():
    x = noise(2, 16, 5, 6)
    norm = frozen(GroupNorm(8, 16))
    torch.testing.assert_close(norm(x, "silu"), F.silu(F.group_norm(x, 8)))
    torch.testing.assert_close(instance_norm(x, "relu"), F.relu(F.instance_norm(x)))
    torch.testing.assert_close(
        instance_norm(x, "relu", residual=x), F.relu(x + F.relu(F.instance_norm(x)))
    )


@needs_gpu
@pytest.mark.parametrize("settings", CONVOLUTIONS)
@torch.inference_mode()
def test_a_fused_convolution_says_what_the_exact_one_says(settings):
    layer = frozen(Convolution(**settings))
    x = noise(2, settings["in_channels"], 33, 41)
    exact = layer(x, activation="gelu")
    residual = noise(*exact.shape, seed=1)
    fast = layer.half().cuda()(x.half().cuda(), activation="gelu", residual=residual.half().cuda())
    torch.testing.assert_close(fast.cpu().float(), exact + residual, rtol=1e-2, atol=1e-2)


@needs_gpu
@torch.inference_mode()
def test_fused_norms_say_what_the_exact_ones_say():
    x = noise(2, 64, 33, 41)
    norm = frozen(GroupNorm(8, 64))
    for layer in (lambda x: norm(x, "silu"), lambda x: instance_norm(x, "relu", residual=x)):
        norm.float().cpu()
        exact = layer(x)
        norm.half().cuda()
        fast = layer(x.half().cuda())
        torch.testing.assert_close(fast.cpu().float(), exact, rtol=1e-2, atol=1e-2)
