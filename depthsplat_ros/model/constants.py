# SPDX-License-Identifier: Apache-2.0
"""Tensors that depend on sizes only, made once per size and device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps

import torch
from torch import Tensor

_in_use: ContextVar[list[Tensor] | None] = ContextVar("constants in use", default=None)


def constant_tensor(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Remembers the last few results of a function of sizes, device and dtype.

    Uploading a small constant at every call would make a GPU wait for the host. The tensors serve
    training too, even when they were first asked for in inference mode.
    """

    @lru_cache(maxsize=8)
    @wraps(make)
    def remembered(*arguments: object) -> Tensor:
        with torch.inference_mode(False), torch.no_grad():
            return make(*arguments)

    @wraps(make)
    def noted(*arguments: object) -> Tensor:
        constant = remembered(*arguments)
        in_use = _in_use.get()
        if in_use is not None:
            in_use.append(constant)
        return constant

    return noted


@contextmanager
def constants_in_use() -> Iterator[list[Tensor]]:
    """Collects the constants that are asked for in this block.

    For who refers to them by their address alone, as a CUDA graph does, and has to hold them.
    """
    collected: list[Tensor] = []
    token = _in_use.set(collected)
    try:
        yield collected
    finally:
        _in_use.reset(token)
