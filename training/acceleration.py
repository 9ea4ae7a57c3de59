"""Faster twins of some parts of the network, for training on GPUs in bfloat16.

Matching along depth hypotheses (`cost_volume.match_views`) without warped copies of the features,
normalisation with the activation after it, resizing and repeated borders; maps stay channels-last
in memory. The network itself does not change: `accelerate` replaces the functions it calls.
"""

import ctypes
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model import backbone, cost_volume, depth, dpt, layers, resizing
from depthsplat_ros.model.cost_volume import ALL_VIEWS, reference_to_neighbour
from depthsplat_ros.model.layers import Activation
from training import native

LARGEST_DIFFERENCE = 0.03
"""Twins further than this from PyTorch's float32 are not used; bfloat16 alone makes 0.005."""
_ACTIVATIONS: tuple[Activation, ...] = ("none", "relu", "gelu", "silu")
"""In the order of the kernels."""


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
    twins = {
        "match": (_compare_matching, _use_matching),
        "norm": (_compare_norms, _use_norms),
        "resize": (_compare_resizing, _use_resizing),
        "border": (_compare_borders, _use_borders),
    }
    differences = {}
    for name, (compare, use) in twins.items():
        differences[name] = compare(device)
        if differences[name] < LARGEST_DIFFERENCE:
            use()
    return differences


def _use_matching() -> None:
    depth.match_views = match_views
    depth.share_of_witnesses = share_of_witnesses


def _use_norms() -> None:
    layers.GroupNorm.forward = lambda self, x, activation="none": normalise(
        x, self.num_groups, self.weight, self.bias, activation
    )
    backbone.instance_norm = instance_norm


def _use_resizing() -> None:
    dpt.resize = resize


def _use_borders() -> None:
    layers.Convolution._conv_forward = _convolve


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


def share_of_witnesses(
    neighbours: Tensor,
    intrinsics_px: Tensor,
    world_from_camera: Tensor,
    inverse_depths: Tensor,
    height: int,
    width: int,
    references: slice = ALL_VIEWS,
) -> Tensor:
    """See `cost_volume.share_of_witnesses`; no gradient flows to the hypotheses."""
    assert references == ALL_VIEWS, "in training every view is a reference"
    matrix, offset = reference_to_neighbour(intrinsics_px, world_from_camera, neighbours)
    batch, views, candidates = inverse_depths.shape[:3]
    shares = matrix.new_empty((batch, views, candidates, height, width))
    _call(
        "match_witnesses",
        (
            None,
            matrix.contiguous(),
            offset.contiguous(),
            inverse_depths.detach().float().contiguous(),
            None,
        ),
        (
            *(batch * views, neighbours.shape[-1], candidates, height, width),
            *(0, int(inverse_depths.shape[-1] != 1)),
        ),
        shares,
    )
    return shares


def normalise(
    x: Tensor,
    group_count: int,
    weight: Tensor | None,
    bias: Tensor | None,
    activation: Activation = "none",
) -> Tensor:
    """Group normalisation and activation; with a group per channel, instance normalisation."""
    if x.dtype != torch.bfloat16 or x.ndim != 4:
        return layers._ACTIVATIONS[activation](F.group_norm(x, group_count, weight, bias))
    return _Normalise.apply(x, group_count, weight, bias, activation)


def instance_norm(
    x: Tensor, activation: Activation = "none", residual: Tensor | None = None
) -> Tensor:
    """See `layers.instance_norm`."""
    x = normalise(x, x.shape[1], None, None, activation)
    return x if residual is None else F.relu(residual + x)


def resize(values: Tensor, size: tuple[int, int], *, is_stretched: bool = True) -> Tensor:
    """See `resizing.resize`."""
    factor = size[0] // values.shape[-2]
    if values.dtype != torch.bfloat16 or is_stretched:
        return resizing.resize(values, size, is_stretched=is_stretched)
    return _Mapping.apply(values, "grow", factor, tuple(size))


def _convolve(self: layers.Convolution, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if self.padding_mode != "replicate" or x.dtype != torch.bfloat16 or x.shape[1] % 2:
        return nn.Conv2d._conv_forward(self, x, weight, bias)
    assert self.padding == (1, 1)
    size = (x.shape[-2] + 2, x.shape[-1] + 2)
    return F.conv2d(_Mapping.apply(x, "pad", 1, size), weight, bias, self.stride)


_plain_match_views = cost_volume.match_views


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
    def forward(ctx, x, group_count, weight, bias, activation):  # noqa: ANN001, ANN205
        x = x.contiguous(memory_format=torch.channels_last)
        images, channels, height, width = x.shape
        ctx.shape = (images, height * width, channels, group_count, _ACTIVATIONS.index(activation))
        sums = x.new_zeros((images, channels, 2), dtype=torch.float32)
        numbers = x.new_empty((4, images, channels), dtype=torch.float32)
        result = torch.empty_like(x)
        _call("norm_forward", (x, weight, bias), ctx.shape, sums, numbers, result)
        ctx.save_for_backward(x, weight, numbers)
        return result

    @staticmethod
    def backward(ctx, slopes):  # noqa: ANN001, ANN205
        x, weight, numbers = ctx.saved_tensors
        slopes = slopes.contiguous(memory_format=torch.channels_last)
        images, channels = x.shape[:2]
        sums = x.new_zeros((images, channels, 2), dtype=torch.float32)
        bends = x.new_empty((2, images, channels), dtype=torch.float32)
        own = None if weight is None else x.new_zeros((2, channels), dtype=torch.float32)
        result = torch.empty_like(x)
        rows = (None, None) if own is None else own.unbind()
        tensors = (x, slopes, weight, numbers)
        _call("norm_backward", tensors, ctx.shape, sums, bends, result, *rows)
        if own is None:
            return result, None, None, None, None
        own = own.to(weight.dtype)
        return result, None, own[0], own[1], None


class _Mapping(torch.autograd.Function):
    """Channels-last maps gathered from maps of another size."""

    @staticmethod
    def forward(ctx, x, name, factor, size):  # noqa: ANN001, ANN205
        x = x.contiguous(memory_format=torch.channels_last)
        images, channels, height, width = ctx.shape = x.shape
        ctx.name, ctx.factor = name, factor
        result = _empty_map((images, channels, *size), x)
        _call(f"{name}_forward", (x,), (images, height, width, channels, factor), result)
        return result

    @staticmethod
    def backward(ctx, slopes):  # noqa: ANN001, ANN205
        slopes = slopes.contiguous(memory_format=torch.channels_last)
        images, channels, height, width = ctx.shape
        result = _empty_map(ctx.shape, slopes)
        sizes = (images, height, width, channels, ctx.factor)
        _call(f"{ctx.name}_backward", (slopes,), sizes, result)
        return result, None, None, None


def _empty_map(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


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
        geometry = (neighbours, intrinsics.expand(2, 3, 3, 3), poses, inverse_depths, 24, 32)
        results[0] += (share_of_witnesses(*geometry),)
        results[1] += (cost_volume.share_of_witnesses(*geometry),)
        worst = max(worst, *(_difference(a, b) for a, b in zip(*results, strict=True)))
    return worst


def _compare_norms(device: torch.device) -> float:
    generator = torch.Generator(device).manual_seed(0)
    worst = 0.0
    for channels, groups, activation in (
        (48, 48, "relu"), (80, 8, "gelu"), (40, 8, "silu"), (160, 8, "silu"), (80, 8, "none"),
    ):  # fmt: skip
        values = torch.randn((6, channels, 40, 56), device=device, generator=generator) * 2 + 1
        gains = torch.randn((2, channels), device=device, generator=generator)

        def plain(x, *rows, groups=groups, activation=activation):  # noqa: ANN001, ANN002, ANN202
            return layers._ACTIVATIONS[activation](F.group_norm(x, groups, *rows))

        def twin(x, *rows, groups=groups, activation=activation):  # noqa: ANN001, ANN002, ANN202
            return normalise(x, groups, *(rows or (None, None)), activation)

        inputs = [values] if groups == channels else [values, *gains]
        worst = max(worst, _compare(twin, plain, inputs, generator))
    return worst


def _compare_resizing(device: torch.device) -> float:
    generator = torch.Generator(device).manual_seed(0)
    values = torch.randn((3, 32, 12, 20), device=device, generator=generator)
    return max(
        _compare(
            lambda x, f=factor: resize(x, (f * 12, f * 20), is_stretched=False),
            lambda x, f=factor: resizing.resize(x, (f * 12, f * 20), is_stretched=False),
            [values],
            generator,
        )
        for factor in (2, 4)
    )


def _compare_borders(device: torch.device) -> float:
    generator = torch.Generator(device).manual_seed(0)
    values = torch.randn((3, 32, 12, 20), device=device, generator=generator)
    return _compare(
        lambda x: _Mapping.apply(x, "pad", 1, (14, 22)),
        lambda x: F.pad(x, (1, 1, 1, 1), mode="replicate"),
        [values],
        generator,
    )


def _compare(
    twin: Callable[..., Tensor],
    plain: Callable[..., Tensor],
    inputs: list[Tensor],
    generator: torch.Generator,
) -> float:
    """Largest relative difference of result and gradients: bfloat16 against float32."""
    results = []
    slopes = None
    for function, dtype in ((twin, torch.bfloat16), (plain, torch.float32)):
        own = [values.bfloat16().to(dtype).detach().requires_grad_() for values in inputs]
        result = function(*own)
        if slopes is None:
            slopes = torch.randn(result.shape, device=result.device, generator=generator)
        gradients = torch.autograd.grad(result, own, slopes.bfloat16().to(dtype))
        results.append((result.detach(), *gradients))
    return max(_difference(a, b) for a, b in zip(*results, strict=True))


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
    name: str, tensors: tuple[Tensor | None, ...], shape: tuple[int, ...], *results: Tensor | None
) -> None:
    stream = torch.cuda.current_stream().cuda_stream
    status = getattr(_library(), name)(
        *map(_address, tensors), *shape, *map(_address, results), ctypes.c_void_p(stream)
    )
    if status:
        raise KernelError(f"{name} failed with CUDA error {status} for sizes {shape}")


def _address(values: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(0 if values is None else values.data_ptr())
