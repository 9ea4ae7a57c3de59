# SPDX-License-Identifier: Apache-2.0
"""Gradients of a loss from CUDA graphs: one per size of windows, recorded when it first comes.

A step starts thousands of small kernels; replayed from a graph, they no longer wait for Python.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from depthsplat_ros.model.constants import constants_in_use
from depthsplat_ros.model.types import Views
from training.losses import Truth

Parts = dict[str, Tensor]
"""Of a loss, by name; "loss" is their sum."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Recording:
    graph: torch.cuda.CUDAGraph
    views: Views
    truth: Truth
    parts: Parts
    gradients: list[Tensor | None]
    constants: list[Tensor]
    """Kept alive: the graph knows only where they lie."""


class Gradients:
    """Puts the gradients of a loss into parameters; on a CPU simply so."""

    def __init__(
        self, loss_parts: Callable[[Views, Truth], Parts], parameters: Sequence[nn.Parameter]
    ) -> None:
        self._loss_parts = loss_parts
        self._parameters = parameters
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}
        self._pool: tuple[int, int] | None = None

    def __call__(self, views: Views, truth: Truth) -> Parts:
        """The loss of these windows in parts, valid until the next call."""
        if not views.images.is_cuda:
            return self._compute(views, truth)
        shapes = tuple(values.shape for values in _tensors(views, truth))
        recording = self._recordings.get(shapes)
        if recording is None:
            recording = self._recordings[shapes] = self._record(views, truth)
        for own, new in zip(
            _tensors(recording.views, recording.truth), _tensors(views, truth), strict=True
        ):
            own.copy_(new)
        recording.graph.replay()
        for values, gradient in zip(self._parameters, recording.gradients, strict=True):
            values.grad = gradient
        return recording.parts

    def _compute(self, views: Views, truth: Truth) -> Parts:
        for values in self._parameters:
            values.grad = None
        parts = self._loss_parts(views, truth)
        parts["loss"].backward()
        return {name: value.detach() for name, value in parts.items()}

    def _record(self, views: Views, truth: Truth) -> _Recording:
        views, truth = _copy(views), _copy(truth)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._compute(views, truth)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Of this thread alone: the one that watches over the other GPUs may ask what it likes.
        recording = torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local")
        with constants_in_use() as constants, recording:
            parts = self._compute(views, truth)
        # No two graphs run at once, and nothing outlives the next: they share their memory.
        self._pool = graph.pool()
        return _Recording(
            graph=graph,
            views=views,
            truth=truth,
            parts=parts,
            gradients=[values.grad for values in self._parameters],
            constants=constants,
        )


def _tensors(views: Views, truth: Truth) -> list[Tensor]:
    return [getattr(part, field.name) for part in (views, truth) for field in fields(part)]


def _copy(part: Views | Truth) -> Views | Truth:
    return type(part)(**{field.name: getattr(part, field.name).clone() for field in fields(part)})
