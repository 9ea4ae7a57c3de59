# SPDX-License-Identifier: Apache-2.0
"""From the words of a user (model, device, precision) to a running reconstructor."""

import logging
from pathlib import Path

import torch

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model import zoo
from depthsplat_ros.model.loading import load_network
from depthsplat_ros.model.precision import PreciseDepthSplat, Precision
from depthsplat_ros.model.trained_unit import TrainedUnit
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import DepthPredictor
from depthsplat_ros.plane_sweep import PlaneSweep
from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.config import PLANE_SWEEP, PRECISIONS, StreamingConfig
from depthsplat_ros.streaming.device_errors import (
    device_lost,
    free_unused_memory,
    is_device_lost,
    is_out_of_memory,
)
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor
from depthsplat_ros.streaming.scene_config import SceneConfig

logger = logging.getLogger(__name__)

MODELS = (PLANE_SWEEP, *zoo.ALIASES)
"""What a model may be called, besides the path of a checkpoint."""
UNKNOWN_NETWORK = Traits(
    minimum_views=2,
    maximum_views=10,
    preferred_views=zoo.PREFERRED_VIEWS,
    longer_side_px=640,
    size_multiple=1,
    near_m=0.5,
    far_m=100.0,
    minimum_confidence=0.0,
)
"""What is assumed of a network about which nothing is known."""


class ModelError(DepthSplatError):
    """There is no such model."""


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
    config: StreamingConfig,
    *,
    model: str,
    device: str,
    precision: str = "auto",
    scene: SceneConfig | None = None,
) -> StreamingReconstructor:
    """A reconstructor with the named model on the named device.

    Args:
        config: keyframe and window settings.
        model: 'plane-sweep', the alias of a known checkpoint, or the path of a checkpoint.
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.
        precision: 'float32', 'fast', or 'auto', which is fast on a GPU; for networks alone.
        scene: how Gaussians are gathered into a scene; None makes none.

    Raises:
        ModelError: if the model is unknown.
        ZooError: if its file is nowhere to be found.
        TamperedFileError: if the file is not what its name promises.
        CheckpointError: if the file holds no weights for this network.
        DeviceError: if the device does not work, or has no memory for the weights.
        DeviceLostError: if the device fails while the weights are put there or warmed up.
        SettingError: if the settings ask for what the model cannot take, or the precision is
            unknown.
    """
    if precision not in PRECISIONS:
        raise SettingError(
            f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}"
        )
    if Path(model).name == model and not Path(model).suffix and model not in MODELS:
        raise ModelError(
            f"model is {model!r}; it must be a checkpoint's path or one of {', '.join(MODELS)}"
        )
    resolved = resolve_device(device)
    if model == PLANE_SWEEP:
        predictor: DepthPredictor = PlaneSweep()
    else:
        predictor = _load_network(model, resolved, precision)
    reconstructor = StreamingReconstructor(predictor, config, device=resolved, scene=scene)
    if resolved != "cpu":
        reconstructor.warm_up()
    return reconstructor


def _load_network(model: str, device: str, precision: str) -> DepthPredictor:
    network, entry = load_network(model)
    if precision == "auto":
        precision = "float32" if device == "cpu" else "fast"
    if precision == "fast" and device == "cpu":
        logger.warning("precision 'fast' is meant for GPUs; on a CPU it is the slower one")
    traits = UNKNOWN_NETWORK if entry is None else zoo.traits_of(entry)
    try:
        precise = PreciseDepthSplat(network, torch.device(device), Precision(precision), traits)
        # Without the published habits depth and Gaussians scale with the world by themselves.
        return TrainedUnit(precise) if network.config.keeps_published_habits else precise
    except RuntimeError as error:
        if is_device_lost(error):
            raise device_lost(error, device) from error
        if not is_out_of_memory(error):
            raise
    free_unused_memory()
    raise DeviceError(
        f"{device} has no memory for the weights of {model}; free it from other programs and try "
        "again, or take a smaller model or device 'cpu'"
    )


def _try_device(device: str) -> None:
    try:
        torch.zeros(1, device=device).add_(1).item()
    except (RuntimeError, AssertionError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise DeviceError(
            f"device {device!r} does not work here ({first_line}); use 'cpu' or 'auto'"
        ) from error
