# SPDX-License-Identifier: Apache-2.0
"""How exactly a network computes: float32 as the reference, or half the bits, much faster.

Places, depths and probabilities are float32 in both. In `FAST` the weights and feature maps are
float16: against float32 this moves the depth by 0.02 to 0.2 % in the median, see
`benchmarks/network_speed.py`; bfloat16, with three bits less, moved it eight times as far.
"""

import copy
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, replace
from enum import Enum

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from depthsplat_ros.model.depthsplat import DepthSplat, ScenePrediction
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.graphs import GraphedFunctions
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import (
    DepthPrediction,
    GaussianPrediction,
    ViewFeatures,
    Views,
)

logger = logging.getLogger(__name__)

_MOST_VALUES_IN_GRAPHS = 1 << 25
"""Of images with more values the GPU is busy for longer than Python takes to launch the kernels;
a graph would only hold memory."""
_VIEWS = tuple(field.name for field in fields(Views))
_DEPTH = tuple(field.name for field in fields(DepthPrediction))
_GAUSSIANS = tuple(field.name for field in fields(GaussianScene))


class Precision(Enum):
    """How exactly a network computes."""

    FLOAT32 = "float32"
    """All of float32, without TensorFloat-32: what the recordings of the official code show."""
    FAST = "fast"
    """float16, and TensorFloat-32 elsewhere; meant for GPUs, slow on CPUs."""


class PreciseDepthSplat:
    """A network on a device at a precision, for inference; falls back to float32 on overflow.

    On a GPU the fast network uses fused kernels and CUDA graphs where it can. Not thread-safe.
    """

    def __init__(
        self, network: DepthSplat, device: torch.device, precision: Precision, traits: Traits
    ) -> None:
        """Takes the network over; it is in float32, and moved to the device where that is used."""
        self.traits = replace(traits, size_multiple=network.config.size_multiple)
        self._network = network
        self._device = device
        self._fast: DepthSplat | None = None
        self._graphs: GraphedFunctions | None = None
        if precision is Precision.FAST:
            self._fast = copy.deepcopy(network).half().to(device)
            self._fast.to(memory_format=torch.channels_last)
            if device.type == "cuda":
                self._graphs = GraphedFunctions()
        else:
            self._network.to(device)

    @property
    def precision(self) -> Precision:
        """The precision in use, which is no longer that asked for after an overflow."""
        return Precision.FLOAT32 if self._fast is None else Precision.FAST

    @torch.inference_mode()
    def encode_views(self, images: Float[Tensor, "batch view 3 height width"]) -> ViewFeatures:
        """See `DepthSplat.encode_views`."""
        return ViewFeatures(maps=self._compute("encode_views", {"images": images}))

    @torch.inference_mode()
    def predict(self, views: Views, features: ViewFeatures, reference: int) -> DepthPrediction:
        """See `DepthSplat.predict`."""
        return DepthPrediction(**self._compute("predict", _inputs(views, features), reference))

    @property
    def gives_gaussians(self) -> bool:
        """Whether the weights are for more than depth."""
        return self._network.gaussians is not None

    @torch.inference_mode()
    def predict_gaussians(
        self, views: Views, features: ViewFeatures, reference: int
    ) -> GaussianPrediction:
        """See `DepthSplat.predict_gaussians`."""
        results = self._compute("predict_gaussians", _inputs(views, features), reference)
        return GaussianPrediction(
            depth=DepthPrediction(**{name: results[name] for name in _DEPTH}),
            gaussians=GaussianScene(**{name: results[name] for name in _GAUSSIANS}),
        )

    @torch.inference_mode()
    def predict_scene(self, views: Views, features: ViewFeatures) -> ScenePrediction:
        """See `DepthSplat.predict_scene`."""
        results = self._compute("predict_scene", _inputs(views, features))
        return ScenePrediction(
            depth_m=results["depth_m"],
            confidence=results["confidence"],
            gaussians=(
                GaussianScene(**{name: results[name] for name in _GAUSSIANS})
                if self.gives_gaussians
                else None
            ),
        )

    def _compute(
        self, method: str, inputs: Mapping[str, Tensor], *arguments: int
    ) -> dict[str, Tensor]:
        if self._fast is not None:
            results, is_finite = self._compute_fast(method, inputs, arguments)
            if is_finite:
                return results
            self._network.to(self._device)
        with tensor_float_32(False):
            results = _call(self._network, method, inputs, arguments)
        if self._fast is not None and _all_finite(results):
            # Where float32 fails too, the input is to blame and the next one may be fine.
            logger.warning("float16 overflowed in %s: computing in float32 from now on", method)
            self._fast = self._graphs = None
        return results

    def _compute_fast(
        self, method: str, inputs: Mapping[str, Tensor], arguments: tuple[int, ...]
    ) -> tuple[dict[str, Tensor], bool]:
        def function(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
            results = _call(self._fast, method, inputs, arguments)
            return results | {"is_finite": _all_finite(results)}

        with tensor_float_32(True), _current(self._device):
            if self._graphs is None or inputs["images"].numel() > _MOST_VALUES_IN_GRAPHS:
                results = function(inputs)
            else:
                try:
                    results = self._graphs((method, *arguments), function, inputs)
                except torch.OutOfMemoryError:
                    if not self._graphs.clear():
                        raise
                    results = function(inputs)
        is_finite = bool(results.pop("is_finite"))
        return results, is_finite


@contextmanager
def tensor_float_32(is_allowed: bool) -> Iterator[None]:
    """Whether CUDA may round the inputs of float32 products to 10 bits, in this block."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = is_allowed
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.allow_tf32 = value


def _current(device: torch.device) -> AbstractContextManager:
    """Makes a GPU the current one, where kernels of Triton and graphs go."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def _call(
    network: DepthSplat, method: str, inputs: Mapping[str, Tensor], arguments: tuple[int, ...]
) -> dict[str, Tensor]:
    """A method of the network, with tensors by name in and out."""
    if method == "encode_views":
        return dict(network.encode_views(inputs["images"]).maps)
    views = Views(**{name: inputs[name] for name in _VIEWS})
    features = ViewFeatures(
        maps={name: values for name, values in inputs.items() if name not in _VIEWS}
    )
    result = getattr(network, method)(views, features, *arguments)
    if isinstance(result, DepthPrediction):
        return _named(result, _DEPTH)
    if isinstance(result, GaussianPrediction):
        return _named(result.depth, _DEPTH) | _named(result.gaussians, _GAUSSIANS)
    named = _named(result, ("depth_m", "confidence"))
    return named if result.gaussians is None else named | _named(result.gaussians, _GAUSSIANS)


def _inputs(views: Views, features: ViewFeatures) -> dict[str, Tensor]:
    return _named(views, _VIEWS) | dict(features.maps)


def _named(values: object, names: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: getattr(values, name) for name in names}


def _all_finite(results: Mapping[str, Tensor]) -> Bool[Tensor, ""]:
    """Whether all that was computed is finite; depth may be NaN on purpose beside a dense one.

    A sum is finite if its terms are: of float16 in float32, and of depths and Gaussians in units
    of the poses, no sum overflows by itself.
    """
    is_sparse = "dense_depth_m" in results
    sums = [
        values.sum(dtype=torch.float32)
        for name, values in results.items()
        if not (is_sparse and name in ("depth_m", "confidence"))
    ]
    return torch.stack(sums).isfinite().all()
