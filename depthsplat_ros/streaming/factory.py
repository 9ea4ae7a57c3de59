# SPDX-License-Identifier: Apache-2.0
"""From the words of a user (model, device) to a running reconstructor."""

import logging

import torch

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.plane_sweep import PlaneSweep
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor

logger = logging.getLogger(__name__)

PLANE_SWEEP = "plane-sweep"
MODELS = (PLANE_SWEEP,)
"""What `model` may be."""


class ModelError(DepthSplatError):
    """The model is unknown or cannot be loaded."""


class DeviceError(DepthSplatError):
    """The device does not exist or does not work."""


def resolve_device(device: str) -> str:
    """The torch device to use: 'auto' takes a working GPU, else the CPU.

    Raises:
        DeviceError: if a device other than 'auto' is asked for and does not work.
    """
    if device == "auto":
        if not torch.cuda.is_available():
            return "cpu"
        try:
            _try_device("cuda")
        except DeviceError as error:
            logger.warning("%s; using the CPU", error)
            return "cpu"
        return "cuda"
    _try_device(device)
    return device


def create_reconstructor(
    config: StreamingConfig, *, model: str, device: str
) -> StreamingReconstructor:
    """A reconstructor with the named model on the named device.

    Args:
        config: keyframe and window settings.
        model: one of `MODELS`.
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.

    Raises:
        ModelError: if the model is unknown.
        DeviceError: if the device does not work.
    """
    if model not in MODELS:
        raise ModelError(f"model is {model!r}; it must be one of {', '.join(MODELS)}")
    resolved = resolve_device(device)
    return StreamingReconstructor(PlaneSweep(), config, device=resolved)


def _try_device(device: str) -> None:
    try:
        torch.zeros(1, device=device).add_(1).item()
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise DeviceError(
            f"device {device!r} does not work here ({first_line}); use 'cpu' or 'auto'"
        ) from error
