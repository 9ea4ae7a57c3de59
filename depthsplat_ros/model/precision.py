# SPDX-License-Identifier: Apache-2.0
"""How exactly a network computes: float32 as the reference, or half the bits and twice the speed.

Places, depths and probabilities are float32 in both. In `FAST` the weights and feature maps are
float16: against float32 this moves the depth by 0.1 % in the median (synthetic weights, models
depth-small and depth-base); bfloat16, with three bits less, moves it by 0.8 %.
"""

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.depthsplat import DepthSplat, ScenePrediction
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import DepthPrediction, ViewFeatures, Views

logger = logging.getLogger(__name__)


class Precision(Enum):
    """How exactly a network computes."""

    FLOAT32 = "float32"
    """All of float32, without TensorFloat-32: what the recordings of the official code show."""
    FAST = "fast"
    """float16, and TensorFloat-32 elsewhere; meant for GPUs, slow on CPUs."""


class PreciseDepthSplat:
    """A network on a device at a precision, for inference; falls back to float32 on overflow."""

    def __init__(
        self, network: DepthSplat, device: torch.device, precision: Precision, traits: Traits
    ) -> None:
        """Takes the network over; it is in float32, and moved to the device where that is used."""
        self.traits = replace(traits, size_multiple=network.config.size_multiple)
        self._network = network
        self._device = device
        self._fast: DepthSplat | None = None
        if precision is Precision.FAST:
            self._fast = copy.deepcopy(network).half().to(device)
            self._fast.to(memory_format=torch.channels_last)
        else:
            self._network.to(device)

    @property
    def precision(self) -> Precision:
        """The precision in use, which is no longer that asked for after an overflow."""
        return Precision.FLOAT32 if self._fast is None else Precision.FAST

    @torch.inference_mode()
    def encode_views(self, images: Float[Tensor, "batch view 3 height width"]) -> ViewFeatures:
        """See `DepthSplat.encode_views`."""
        return self._compute("encode_views", images)

    @torch.inference_mode()
    def predict(self, views: Views, features: ViewFeatures, reference: int) -> DepthPrediction:
        """See `DepthSplat.predict`."""
        return self._compute("predict", views, features, reference)

    @torch.inference_mode()
    def predict_scene(self, views: Views, features: ViewFeatures) -> ScenePrediction:
        """See `DepthSplat.predict_scene`."""
        return self._compute("predict_scene", views, features)

    def _compute(self, method: str, *arguments: object) -> object:
        if self._fast is not None:
            with tensor_float_32(True):
                result = getattr(self._fast, method)(*arguments)
            if _is_finite(result):
                return result
            self._network.to(self._device)
        with tensor_float_32(False):
            result = getattr(self._network, method)(*arguments)
        if self._fast is not None and _is_finite(result):
            # Where float32 fails too, the input is to blame and the next one may be fine.
            logger.warning("float16 overflowed in %s: computing in float32 from now on", method)
            self._fast = None
        return result


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


def _is_finite(result: object) -> bool:
    """Whether all that was computed is finite; depth_m alone may be NaN on purpose."""
    if isinstance(result, ViewFeatures):
        values = list(result.maps.values())
    elif isinstance(result, DepthPrediction):
        values = [result.dense_depth_m]
    else:
        values = [result.depth_m]
        if result.gaussians is not None:
            values += [getattr(result.gaussians, field.name) for field in fields(result.gaussians)]
    return bool(torch.stack([value.isfinite().all() for value in values]).all())
