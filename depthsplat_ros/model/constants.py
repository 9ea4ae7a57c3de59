# SPDX-License-Identifier: Apache-2.0
"""Tensors that depend on sizes only, made once per size and device."""

from collections.abc import Callable
from functools import lru_cache, wraps

import torch
from torch import Tensor


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

    return remembered
