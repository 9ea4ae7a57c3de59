# SPDX-License-Identifier: Apache-2.0
"""Functions of tensors replayed as CUDA graphs: thousands of kernels with one launch.

At small sizes a GPU finishes a kernel faster than Python can launch the next one.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from depthsplat_ros.model.constants import constants_in_use

logger = logging.getLogger(__name__)

Tensors = Mapping[str, Tensor]
_GRAPHS_HELD = 8
"""Each keeps its inputs and outputs; a stream has one for images and one per size of window."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Recorded:
    replay: Callable[[], None]
    inputs: Tensors
    outputs: Tensors
    constants: list[Tensor]


class GraphedFunctions:
    """Records a function at the second call with the same shapes, and replays it from then on.

    The first call warms up what is made once: compiled kernels, constants, plans of convolutions.
    All graphs share the memory of intermediate results, since one is replayed at a time. Where
    recording fails, for want of memory or because an operation cannot be recorded, the function is
    called as usual. Not thread-safe; other threads may use the GPU meanwhile.
    """

    def __init__(self) -> None:
        """Start without graphs."""
        self._recorded: OrderedDict[Hashable, _Recorded | None] = OrderedDict()
        self._unrecordable: set[Hashable] = set()
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(
        self, name: Hashable, function: Callable[[Tensors], Tensors], inputs: Tensors
    ) -> Tensors:
        """`function(inputs)`; the results are the caller's to keep.

        Args:
            name: says which function it is; equal names and shapes replay the same graph.
            function: of its inputs alone; it may not look at values from the host.
            inputs: on one GPU.
        """
        key = (name, *((label, x.shape, x.stride(), x.dtype) for label, x in inputs.items()))
        if key in self._unrecordable:
            return function(inputs)
        if key not in self._recorded:
            self._remember(key, None)
            return function(inputs)
        recorded = self._recorded[key]
        if recorded is None:
            recorded = self._record(function, inputs)
            if recorded is None:
                self._unrecordable.add(key)
                return function(inputs)
            self._remember(key, recorded)
        self._recorded.move_to_end(key)
        for label, values in inputs.items():
            recorded.inputs[label].copy_(values)
        recorded.replay()
        return {label: values.clone() for label, values in recorded.outputs.items()}

    def clear(self) -> bool:
        """Give the memory of all graphs back; False if there was none."""
        had_graphs = any(recorded is not None for recorded in self._recorded.values())
        self._recorded.clear()
        if had_graphs:
            torch.cuda.empty_cache()
        return had_graphs

    def _remember(self, key: Hashable, recorded: _Recorded | None) -> None:
        self._recorded[key] = recorded
        while len(self._recorded) > _GRAPHS_HELD:
            self._recorded.popitem(last=False)

    def _record(self, function: Callable[[Tensors], Tensors], inputs: Tensors) -> _Recorded | None:
        graph = torch.cuda.CUDAGraph()
        try:
            held = {label: values.clone() for label, values in inputs.items()}
            with (
                constants_in_use() as constants,
                torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"),
            ):
                outputs = function(held)
        except RuntimeError as error:
            logger.warning(
                "the network cannot be recorded as a CUDA graph (%s): it runs without, slower",
                str(error).splitlines()[0],
            )
            return None
        return _Recorded(replay=graph.replay, inputs=held, outputs=outputs, constants=constants)
