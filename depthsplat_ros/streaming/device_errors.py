# SPDX-License-Identifier: Apache-2.0
"""Errors of the device under the predictor: those that less work answers, and the final ones."""

import torch

from depthsplat_ros.errors import DepthSplatError

# How libraries under torch say it in a plain RuntimeError; the last is the allocator of the CPU.
_OUT_OF_MEMORY_MARKS = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "can't allocate memory",
)


class DeviceLostError(DepthSplatError):
    """The device computes no more in this process: a fault that every later call only repeats."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether the computation would go through if it needed less memory."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        mark in str(error) for mark in _OUT_OF_MEMORY_MARKS
    )


def is_device_lost(error: RuntimeError) -> bool:
    """Whether the device's context is broken: illegal access, uncorrectable memory, unplugged."""
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def device_lost(error: RuntimeError, device: str) -> DeviceLostError:
    """What a person should know of it."""
    first_line = str(error).strip().splitlines()[0]
    return DeviceLostError(
        f"{device} failed and cannot be used by this process any more ({first_line}); restart it, "
        "or use the CPU (device cpu)"
    )


def free_unused_memory() -> None:
    """Give back what torch holds on GPUs without using it."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
