# SPDX-License-Identifier: Apache-2.0
"""The whole state of a training run in files of less than 16 MiB, from which it goes on exactly.

Moments are stored with 8 bits, and the running average of the weights, which is what gets shipped,
with 16. What is stored is put back into the running training, so going on in the same process and
resuming in another give the same numbers.
"""

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model.checkpoint import save_depthsplat
from depthsplat_ros.model.depthsplat import DepthSplat

_PART_BYTES = 14 << 20
_LARGEST_FLOAT8 = 448.0
_SMALLEST_FLOAT8 = 2.0**-9


class StateError(DepthSplatError):
    """The files of a training run are incomplete or of another network."""


@dataclass(kw_only=True, eq=False)
class TrainingState:
    """Everything that changes while training; tensors by the names of the weights, float32."""

    step: int
    seconds: float
    """Of training so far, over all pieces."""
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    first_moment: dict[str, Tensor]
    second_moment: dict[str, Tensor]


def start(model: DepthSplat) -> TrainingState:
    """The state before the first step."""
    weights = {name: values.detach().float().clone() for name, values in model.named_parameters()}

    def copies(scale: float) -> dict[str, Tensor]:
        return {name: values.clone() * scale for name, values in weights.items()}

    return TrainingState(
        step=0,
        seconds=0.0,
        weights=weights,
        average=copies(1.0),
        first_moment=copies(0.0),
        second_moment=copies(0.0),
    )


def round_to_stored(state: TrainingState) -> None:
    """Rounds the state, in place, to what the files can hold."""
    for name in state.weights:
        state.average[name].copy_(state.average[name].half().float())
        state.first_moment[name].copy_(_unpack(*_pack(state.first_moment[name])))
        root = state.second_moment[name].sqrt()
        state.second_moment[name].copy_(_unpack(*_pack_root(root)) ** 2)


def save(state: TrainingState, model: DepthSplat, folder: Path) -> None:
    """Writes a rounded state: `state.N` with weights and moments, `tiny.safetensors` to ship."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "step": state.step,
        "seconds": state.seconds,
        "weights": _on_cpu(state.weights),
        "first": {name: _pack(values.cpu()) for name, values in state.first_moment.items()},
        "second": {
            name: _pack_root(values.cpu().sqrt()) for name, values in state.second_moment.items()
        },
        "average": {name: values.half() for name, values in _on_cpu(state.average).items()},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getvalue()
    parts = [data[begin : begin + _PART_BYTES] for begin in range(0, len(data), _PART_BYTES)]
    for index, part in enumerate(parts):
        _replace(folder / f"state.{index}", part)
    for stale in _parts(folder)[len(parts) :]:
        stale.unlink()
    shipped = DepthSplat(model.config)
    shipped.load_state_dict(_on_cpu(state.average))
    save_depthsplat(shipped.half(), folder / "tiny.safetensors")


def load(folder: Path, device: torch.device) -> TrainingState:
    """The state that `save` wrote.

    Raises:
        StateError: if parts are missing or of different saves.
    """
    data = b"".join(part.read_bytes() for part in _parts(folder))
    try:
        content = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise StateError(
            f"{folder} holds no whole training state; copy all its state.N of one save ({error})"
        ) from error
    return TrainingState(
        step=content["step"],
        seconds=content["seconds"],
        weights=content["weights"],
        average={name: values.float() for name, values in content["average"].items()},
        first_moment={name: _unpack(*packed) for name, packed in content["first"].items()},
        second_moment={name: _unpack(*packed) ** 2 for name, packed in content["second"].items()},
    )


def exists(folder: Path) -> bool:
    """Whether a run left a state there, whole or not."""
    return bool(_parts(folder))


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("state.[0-9]"))


def _pack(values: Tensor) -> tuple[Tensor, Tensor]:
    scale = values.abs().amax().clamp(min=1e-30) / _LARGEST_FLOAT8
    return (values / scale).to(torch.float8_e4m3fn), scale


def _pack_root(root: Tensor) -> tuple[Tensor, Tensor]:
    """Like `_pack`, but nothing that divides a step is rounded down to zero."""
    scale = root.amax().clamp(min=1e-30) / _LARGEST_FLOAT8
    lifted = torch.where(root > 0, (root / scale).clamp(min=_SMALLEST_FLOAT8), 0)
    return lifted.to(torch.float8_e4m3fn), scale


def _unpack(values: Tensor, scale: Tensor) -> Tensor:
    return values.float() * scale


def _on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.detach().cpu() for name, values in tensors.items()}


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    temporary.replace(path)
