# SPDX-License-Identifier: Apache-2.0
"""Faster twins of two parts of the network, for training on GPUs in bfloat16.

Matching along depth hypotheses (`cost_volume.match_views`) without warped copies of the features,
and normalisation (`GroupNorm`, `instance_norm`) without copies between memory layouts. The network
itself does not change: `accelerate` replaces the functions it calls.
"""

import ctypes
import types

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model import depth, layers
from depthsplat_ros.model.cost_volume import ALL_VIEWS, reference_to_neighbour
from training import native

LARGEST_DIFFERENCE = 0.03
"""Twins further than this from PyTorch's float32 are not used; bfloat16 alone makes 0.005."""
_EPSILON = 1e-5


class KernelError(DepthSplatError):
    """The GPU did not take a kernel."""


def accelerate(device: torch.device) -> dict[str, float]:
    """From now on all networks of this process train with those twins that agree on this device.

    Returns:
        By how much each twin's results and gradients differ from PyTorch's, relatively.

    Raises:
        BuildError: if they cannot be compiled.
    """
    _library()
    differences = {"match": _compare_matching(device), "norm": _compare_norms(device)}
    if differences["match"] < LARGEST_DIFFERENCE:
        depth.match_views = match_views
    if differences["norm"] < LARGEST_DIFFERENCE:
        nn.GroupNorm.forward = lambda self, x: normalise(
            x, self.num_groups, self.weight, self.bias
        )
        functions = types.SimpleNamespace(**vars(F))
        functions.instance_norm = lambda x: normalise(x, x.shape[1], None, None)
        layers.F = functions
    return differences


def match_views(
    features: Tensor,
    neighbours: Tensor,
    intrinsics_px: Tensor,
    world_from_camera: Tensor,
    inverse_depths: Tensor,
    references: slice = ALL_VIEWS,
) -> Tensor:
    """See `cost_volume.match_views`; no gradient flows to the hypotheses."""
    assert references == ALL_VIEWS, "in training every view is a reference"
    if features.dtype != torch.bfloat16:
        return _plain_match_views(
            features, neighbours, intrinsics_px, world_from_camera, inverse_depths
        )
    batch, views = features.shape[:2]
    matrix, offset = reference_to_neighbour(intrinsics_px, world_from_camera, neighbours)
    first = torch.arange(batch, device=features.device)[:, None, None] * views
    scores = _Match.apply(
        features.flatten(0, 1),
        matrix.flatten(0, 1).contiguous(),
        offset.flatten(0, 1).contiguous(),
        inverse_depths.detach().float().flatten(0, 1).contiguous(),
        (first + neighbours).flatten(0, 1).int().contiguous(),
    )
    return scores.unflatten(0, (batch, views))


def normalise(x: Tensor, group_count: int, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Group normalisation; with as many groups as channels, instance normalisation."""
    if x.dtype != torch.bfloat16 or x.ndim != 4:
        return F.group_norm(x, group_count, weight, bias, _EPSILON)
    return _Normalise.apply(x, group_count, weight, bias)


_plain_match_views = depth.match_views


class _Match(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, matrix, offset, inverse, source):  # noqa: ANN001, ANN205
        images, channels, height, width = features.shape
        features = features.permute(0, 2, 3, 1).contiguous()
        candidates = inverse.shape[1]
        is_per_pixel = int(inverse.shape[-1] != 1)
        shape = (images, source.shape[1], candidates, height, width, channels, is_per_pixel)
        scores = features.new_empty((images, candidates, height, width), dtype=torch.float32)
        _call("match_forward", (features, matrix, offset, inverse, source), shape, scores)
        ctx.save_for_backward(features, matrix, offset, inverse, source)
        ctx.shape = shape
        return scores

    @staticmethod
    def backward(ctx, slopes):  # noqa: ANN001, ANN205
        features = ctx.saved_tensors[0]
        gradient = torch.zeros_like(features, dtype=torch.float32)
        _call(
            "match_backward", ctx.saved_tensors, ctx.shape, slopes.float().contiguous(), gradient
        )
        return gradient.to(features.dtype).permute(0, 3, 1, 2), None, None, None, None


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, group_count, weight, bias):  # noqa: ANN001, ANN205
        x = x.contiguous(memory_format=torch.channels_last)
        images, channels, height, width = x.shape
        sums = x.new_zeros((images, channels, 2), dtype=torch.float32)
        _call("norm_sums", (x, None), (images, height * width, channels), sums)
        size = channels // group_count
        count = height * width * size
        mean, square = (sums.view(images, group_count, size, 2).sum(2) / count).unbind(-1)
        deviation = (square - mean * mean).clamp(min=0).add(_EPSILON).rsqrt()
        mean, deviation = (values.repeat_interleave(size, dim=1) for values in (mean, deviation))
        scale = deviation if weight is None else deviation * weight.float()
        shift = -mean * scale if bias is None else bias.float() - mean * scale
        result = torch.empty_like(x)
        shape = (images, height * width, channels)
        _call("norm_apply", (x, None, scale.contiguous(), shift.contiguous(), None), shape, result)
        ctx.save_for_backward(x, mean, deviation, weight)
        ctx.size = size
        return result

    @staticmethod
    def backward(ctx, slopes):  # noqa: ANN001, ANN205
        x, mean, deviation, weight = ctx.saved_tensors
        slopes = slopes.contiguous(memory_format=torch.channels_last)
        images, channels, height, width = x.shape
        shape = (images, height * width, channels)
        sums = x.new_zeros((images, channels, 2), dtype=torch.float32)
        _call("norm_sums", (x, slopes), shape, sums)
        plain = sums[..., 0]
        normed = (sums[..., 1] - mean * plain) * deviation
        gain = 1.0 if weight is None else weight.float()
        count = height * width * ctx.size
        group_plain, group_normed = (
            (values * gain)
            .view(images, -1, ctx.size)
            .sum(-1)
            .div(count)
            .repeat_interleave(ctx.size, dim=1)
            for values in (plain, normed)
        )
        # dx = deviation * (gain * g - mean(gain g) - normed x * mean(gain g normed x))
        tilt = deviation * deviation * group_normed
        shift = deviation * group_plain - mean * tilt
        scale = (deviation * gain).contiguous()
        result = torch.empty_like(x)
        tensors = (x, slopes, scale, shift.contiguous(), tilt.contiguous())
        _call("norm_apply", tensors, shape, result)
        if weight is None:
            return result, None, None, None
        return result, None, normed.sum(0).to(weight.dtype), plain.sum(0).to(weight.dtype)


def _compare_matching(device: torch.device) -> float:
    """Largest relative difference of scores and gradients over both kinds of hypotheses."""
    generator = torch.Generator(device).manual_seed(0)
    poses = torch.eye(4, device=device).repeat(2, 3, 1, 1)
    poses[..., :3, 3] = torch.randn((2, 3, 3), device=device, generator=generator) * 0.1
    intrinsics = torch.tensor([[20.0, 0, 15.5], [0, 20.0, 11.5], [0, 0, 1]], device=device)
    neighbours = torch.tensor([[1, 2], [2, 0], [0, 1]], device=device).repeat(2, 1, 1)
    shared = torch.linspace(0.1, 2.0, 32, device=device).reshape(1, 1, 32, 1, 1)
    local = shared * torch.rand((2, 3, 1, 24, 32), device=device, generator=generator)
    worst = 0.0
    for channels, inverse_depths in ((80, shared.expand(2, 3, -1, -1, -1)), (40, local + 0.05)):
        values = torch.randn((2, 3, channels, 24, 32), device=device, generator=generator)
        slopes = torch.randn((2, 3, 32, 24, 32), device=device, generator=generator)
        results = []
        for twin, dtype in ((match_views, torch.bfloat16), (_plain_match_views, torch.float32)):
            features = values.bfloat16().to(dtype).detach().requires_grad_()
            scores = twin(
                features, neighbours, intrinsics.expand(2, 3, 3, 3), poses, inverse_depths
            )
            (gradient,) = torch.autograd.grad(scores, features, slopes)
            results.append((scores.detach(), gradient))
        worst = max(worst, *(_difference(a, b) for a, b in zip(*results, strict=True)))
    return worst


def _compare_norms(device: torch.device) -> float:
    generator = torch.Generator(device).manual_seed(0)
    worst = 0.0
    for channels, groups, is_affine in ((48, 48, False), (80, 8, True), (40, 8, True)):
        values = torch.randn((6, channels, 40, 56), device=device, generator=generator) * 2 + 1
        slopes = torch.randn(values.shape, device=device, generator=generator)
        gains = torch.randn((2, channels), device=device, generator=generator)
        results = []
        for twin, dtype in ((normalise, torch.bfloat16), (F.group_norm, torch.float32)):
            inputs = [values.bfloat16().to(dtype).detach().requires_grad_()]
            if is_affine:
                inputs += [row.bfloat16().to(dtype).detach().requires_grad_() for row in gains]
            weight, bias = inputs[1:] if is_affine else (None, None)
            result = twin(inputs[0], groups, weight, bias)
            gradients = torch.autograd.grad(result, inputs, slopes.bfloat16().to(dtype))
            results.append((result.detach(), *gradients))
        worst = max(worst, *(_difference(a, b) for a, b in zip(*results, strict=True)))
    return worst


def _difference(found: Tensor, expected: Tensor) -> float:
    """Infinite where something is not finite."""
    difference = ((found.float() - expected).abs().mean() / expected.abs().mean()).item()
    return difference if difference == difference else float("inf")


def _library() -> ctypes.CDLL:
    global _loaded
    if _loaded is None:
        _loaded = native.load("kernels/kernels.cu", with_cuda=True)
    return _loaded


_loaded: ctypes.CDLL | None = None


def _call(
    name: str, tensors: tuple[Tensor | None, ...], shape: tuple[int, ...], *results: Tensor
) -> None:
    stream = torch.cuda.current_stream().cuda_stream
    status = getattr(_library(), name)(
        *(ctypes.c_void_p(0 if values is None else values.data_ptr()) for values in tensors),
        *shape,
        *(ctypes.c_void_p(values.data_ptr()) for values in results),
        ctypes.c_void_p(stream),
    )
    if status:
        raise KernelError(f"{name} failed with CUDA error {status} for sizes {shape}")
