# SPDX-License-Identifier: Apache-2.0
"""Whether the fused kernels can be used, found out once."""

import importlib
import logging
import subprocess
from functools import lru_cache
from types import ModuleType

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


def fused_kernels(values: Tensor) -> ModuleType | None:
    """The package `depthsplat_ros.model.fused` for what follows with these values, or None.

    It serves inference in float16 on a GPU. All else, float32 as the reference and training above
    all, goes through PyTorch.
    """
    if values.dtype is not torch.float16 or not values.is_cuda or torch.is_grad_enabled():
        return None
    return _working_kernels()


@lru_cache(maxsize=1)
def _working_kernels() -> ModuleType | None:
    """The kernels if a first one can be compiled, which takes Triton and a C compiler."""
    try:
        triton_error = importlib.import_module("triton.errors").TritonError
        fused = importlib.import_module("depthsplat_ros.model.fused")
    except (ImportError, OSError) as error:
        return _warn(error)
    try:
        probe = torch.ones(1, 8, 1, 1, dtype=torch.float16, device="cuda")
        fused.activate(probe, None, None, "relu").sum().item()
    except (OSError, RuntimeError, subprocess.SubprocessError, triton_error) as error:
        return _warn(error)
    return fused


def _warn(error: Exception) -> None:
    logger.warning(
        "fused GPU kernels cannot be compiled here (%s): the network runs without them, slower "
        "and with more memory; they need triton, a C compiler and Python's headers",
        (str(error).strip() or type(error).__name__).splitlines()[0],
    )
