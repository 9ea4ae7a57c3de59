# SPDX-License-Identifier: Apache-2.0
"""Weights from files: the official layouts and our own, read without running anything in them.

This is the only file that knows the official names. It parses what it is given: whoever does not
trust a file opens it, verifies its bytes, rewinds it, and hands over the same open file.
"""

import json
import os
import pickle
import re
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model.config import (
    VIT_BASE,
    VIT_LARGE,
    VIT_SMALL,
    DepthSplatConfig,
    GaussianConfig,
    VitConfig,
)
from depthsplat_ros.model.depthsplat import DepthSplat

_CONFIG_ENTRY = "depthsplat_config"
_LISTED_DIFFERENCES = 8
_UNPICKLING_ERRORS = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    OSError,
    OverflowError,
    MemoryError,
    zipfile.BadZipFile,
    struct.error,
)
"""What torch raises on files that are cut short, altered or no checkpoints at all."""
_STORED_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_LARGEST_SIZE = 1 << 13
"""No channel count, layer count or other whole number of a network's description is above."""


class CheckpointError(DepthSplatError):
    """A file holds no weights this network can take; the text says what differs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """The tensors of a file under the names of our modules."""

    tensors: Mapping[str, Tensor]
    config: DepthSplatConfig | None
    """The network they are for, which our own files tell and the official ones do not."""


def build_depthsplat(checkpoint: Checkpoint, config: DepthSplatConfig | None = None) -> DepthSplat:
    """The network with exactly these weights; every one is used and none is left at random.

    Raises:
        CheckpointError: if keys or shapes differ, with a list of the differences, or if a weight
            is not finite.
    """
    config = config or checkpoint.config or infer_config(checkpoint.tensors)
    try:
        with torch.device("meta"):
            model = DepthSplat(config)
    except (ValueError, RuntimeError, ArithmeticError, TypeError, AssertionError) as error:
        raise CheckpointError(f"describes no network that can be built: {error}") from error
    expected = {name: tuple(values.shape) for name, values in model.state_dict().items()}
    found = {name: tuple(values.shape) for name, values in checkpoint.tensors.items()}
    if expected != found:
        raise CheckpointError(describe_differences(expected, found))
    # Not earlier: a weight may claim a shape far beyond what the file holds.
    for name, values in checkpoint.tensors.items():
        if not values.isfinite().all():
            raise CheckpointError(f"{name} holds numbers that are not finite")
    model.load_state_dict(
        {name: values.float() for name, values in checkpoint.tensors.items()}, assign=True
    )
    return model.requires_grad_(False).eval()


def load_state(file: BinaryIO, name: str) -> Checkpoint:
    """What an open file holds: a pickle of torch, of which only tensors are read, or safetensors.

    The file is read through its handle and not mapped into memory, so what was verified is what
    is parsed, and the weights cannot change under the running network. Messages call it `name`.

    Raises:
        CheckpointError: if it is damaged, holds more than tensors, or is of another network.
    """
    head = file.read(9)
    file.seek(-len(head), os.SEEK_CUR)
    try:
        tensors, config = (
            _read_safetensors(file) if head[8:] == b"{" else (_read_pickle(file), None)
        )
        return Checkpoint(tensors=our_names(tensors), config=config)
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error


def save_depthsplat(model: DepthSplat, path: Path) -> None:
    """Writes our own form, safetensors with the config inside; an old file survives a failure."""
    tensors = {name: values.detach().contiguous() for name, values in model.state_dict().items()}
    metadata = {_CONFIG_ENTRY: json.dumps(asdict(model.config))}
    data = safetensors.torch.save(tensors, metadata)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def describe_differences(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> str:
    """A readable list of missing, left-over and wrongly shaped weights."""
    missing = sorted(expected.keys() - found.keys())
    left_over = sorted(found.keys() - expected.keys())
    reshaped = [
        f"{name}: {found[name]}, the network needs {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    parts = [
        _list_some("missing", missing),
        _list_some("not part of the network", left_over),
        _list_some("of another shape", reshaped),
    ]
    return "these weights are for another network:\n" + "\n".join(part for part in parts if part)


def infer_config(tensors: Mapping[str, Tensor]) -> DepthSplatConfig:
    """The network a set of official weights belongs to, from telling shapes.

    The largest scale of a Gaussian is not in the weights. It is 0.1 for the models trained at
    448x768, which for the small one the shapes tell; the base one looks like that of 256x448, so
    it must be named.

    Raises:
        CheckpointError: if no published variant has such weights.
    """
    try:
        width = tensors["depth.single_view.vit.pos_embed"].shape[-1]
        fusion_channels = len(tensors["depth.head.reductions.0.weight"])
        joined_channels = tensors["depth.head.joins.2.weight"].shape[1]
        if fusion_channels == 0:
            raise IndexError("depth.head.reductions.0.weight is empty")
    except KeyError as error:
        raise CheckpointError(
            f"no DepthSplat checkpoint of the architecture of 2025: {error} is missing"
        ) from error
    except (IndexError, TypeError) as error:
        raise CheckpointError(
            f"no DepthSplat checkpoint: a weight has too few dimensions ({error})"
        ) from error
    vit = next((vit for vit in (VIT_SMALL, VIT_BASE, VIT_LARGE) if vit.channels == width), None)
    if vit is None:
        raise CheckpointError(
            f"its vision transformer is {width} channels wide; DepthSplat's are 384, 768 or 1024"
        )
    # At a lowest stride of 4 nothing but the vision transformer joins at an eighth of the size.
    lowest_stride = 4 if joined_channels == vit.channels // 2 else 8
    scale_count = 2 if any(name.startswith("depth.scales.1.") for name in tensors) else 1
    gaussians = None
    if "gaussians.features.reductions.0.weight" in tensors:
        is_for_large_images = lowest_stride == 8 and scale_count == 1
        gaussians = GaussianConfig(
            feature_channels=len(tensors["gaussians.features.reductions.0.weight"]),
            scale_limit=0.1 if is_for_large_images else 3.0,
        )
    return DepthSplatConfig(
        vit=vit,
        lowest_stride=lowest_stride,
        scale_count=scale_count,
        fusion_channels=fusion_channels,
        gaussians=gaussians,
    )


def our_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of any official layout under the names of our modules.

    Gaussian checkpoints prefix every name with `encoder.`, depth checkpoints hold the depth part
    alone and without a prefix. Names of our own pass unchanged; unknown ones too, so that the
    strict comparison can report them.
    """
    bare = {name.removeprefix("encoder."): values for name, values in tensors.items()}
    if len(bare) != len(tensors):
        raise CheckpointError("some weights are there twice, with and without `encoder.`")
    if any(name.startswith("depth.") for name in bare):
        return bare
    if not any(name.startswith("depth_predictor.") for name in bare):
        bare = {f"depth_predictor.{name}": values for name, values in bare.items()}
    return {rename(name): values for name, values in bare.items()}


def rename(official: str) -> str:
    """Our name of an official weight (without `encoder.`); an unknown name comes back as it is."""
    for prefix, ours, rules in _MODULES:
        if official.startswith(prefix):
            rest = official.removeprefix(prefix)
            for pattern, replacement in rules:
                rest = re.sub(pattern, replacement, rest)
            return ours + rest
    return official


def _numbered(pattern: str, replacement: str, count: int) -> list[tuple[str, str]]:
    """Rules for names that count from 1 there and from 0 here; `#` stands for the number."""
    return [
        (pattern.replace("#", str(index + 1)), replacement.replace("#", str(index)))
        for index in range(count)
    ]


_BACKBONE = [
    (r"^conv1\.", "stem."),
    (r"^conv2\.", "output."),
    *_numbered(r"^layer#\.", "stages.#.", 3),
    (r"\.downsample\.0\.", ".shortcut."),
]
_TRANSFORMER = [
    (r"\.self_attn\.", ".self_attention."),
    (r"\.cross_attn_ffn\.mlp\.", ".feed_forward."),
    (r"\.cross_attn_ffn\.norm2\.", ".feed_forward_norm."),
    (r"\.cross_attn_ffn\.", ".cross_attention."),
    (r"\.q_proj\.", ".query."),
    (r"\.k_proj\.", ".key."),
    (r"\.v_proj\.", ".value."),
    (r"\.norm1\.", ".norm."),
]
_REGRESSOR = [
    (r"^(\d)\.0\.", r"\1.regressor."),
    (r"^(\d)\.1\.", r"\1.regressor_norm."),
    (r"^(\d)\.3\.", r"\1.unet."),
    (r"^(\d)\.4\.", r"\1.regressor_output."),
    (r"\.input_blocks\.0\.0\.", ".descent.0."),
    (r"\.input_blocks\.(\d+)\.0\.op\.", r".descent.\1."),
    (r"\.input_blocks\.(\d+)\.0\.", r".descent.\1.residual."),
    (r"\.input_blocks\.(\d+)\.1\.", r".descent.\1.attention."),
    (r"\.middle_block\.0\.", ".middle.0."),
    (r"\.middle_block\.2\.", ".middle.1."),
    (r"\.output_blocks\.(\d+)\.0\.", r".ascent.\1.residual."),
    (r"\.output_blocks\.(\d+)\.\d\.conv\.", r".ascent.\1.upsampling."),
    (r"\.output_blocks\.(\d+)\.1\.", r".ascent.\1.attention."),
    (r"\.out\.0\.", ".output_norm."),
    (r"\.out\.2\.", ".output."),
    (r"\.in_layers\.0\.", ".norm1."),
    (r"\.in_layers\.2\.", ".conv1."),
    (r"\.out_layers\.0\.", ".norm2."),
    (r"\.out_layers\.3\.", ".conv2."),
    (r"\.skip_connection\.", ".shortcut."),
    (r"\.qkv\.", ".query_key_value."),
    (r"\.proj_out\.", ".output."),
]
_DPT = [
    (r"^projects\.", "projections."),
    (r"^resize_layers\.", "resizers."),
    (r"^concat_projects\.", "joins."),
    *_numbered(r"^scratch\.layer#_rn\.", "reductions.#.", 4),
    *_numbered(r"^scratch\.refinenet#\.", "fusions.#.", 4),
    (r"\.resConfUnit1\.", ".skip."),
    (r"\.resConfUnit2\.", ".refine."),
    (r"\.out_conv\.", ".output."),
]
_MODULES: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("depth_predictor.backbone.", "depth.backbone.", _BACKBONE),
    ("depth_predictor.pretrained.", "depth.single_view.vit.", []),
    ("depth_predictor.transformer.", "depth.transformer.", _TRANSFORMER),
    ("depth_predictor.mv_pyramid.stages.1.", "depth.matching_pyramid.0.", []),
    ("depth_predictor.mono_pyramid.stages.1.", "depth.mono_pyramid.0.", []),
    ("depth_predictor.regressor.", "depth.scales.", _REGRESSOR),
    ("depth_predictor.regressor_residual.", "depth.scales.", [(r"^(\d)\.", r"\1.shortcut.")]),
    ("depth_predictor.depth_head.", "depth.scales.", [(r"^(\d)\.", r"\1.logits.")]),
    ("depth_predictor.upsampler.scratch.output_conv.", "depth.residual.", []),
    ("depth_predictor.upsampler.", "depth.head.", _DPT),
    ("feature_upsampler.", "gaussians.features.", _DPT),
    ("gaussian_regressor.", "gaussians.regressor.", []),
    ("gaussian_head.", "gaussians.output.", []),
]
"""Official prefix, our prefix, and the rules for what follows; the first fitting line counts."""


def _read_pickle(file: BinaryIO) -> dict[str, Tensor]:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except _UNPICKLING_ERRORS as error:
        raise CheckpointError(
            "cannot be read as a file of plain tensors: it is damaged, or it holds other objects, "
            f"which are never run ({str(error).splitlines()[0] if str(error) else type(error)}); "
            "fetch it again from where it was published"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"holds a {type(content).__name__}, not named weights")
    return _check_tensors(content)


def _read_safetensors(file: BinaryIO) -> tuple[dict[str, Tensor], DepthSplatConfig | None]:
    data = file.read()
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, ValueError, LookupError, RuntimeError) as error:
        raise CheckpointError(f"is a damaged safetensors file ({error})") from error
    stored = (header.get("__metadata__") or {}).get(_CONFIG_ENTRY)
    return _check_tensors(tensors), None if stored is None else _config_from_json(stored)


def _check_tensors(content: Mapping) -> dict[str, Tensor]:
    for name, values in content.items():
        if not isinstance(name, str):
            raise CheckpointError(f"names a weight {name!r}, which is no text")
        if (
            not isinstance(values, Tensor)
            or values.dtype not in _STORED_DTYPES
            or values.layout is not torch.strided
            or values.device.type != "cpu"
        ):
            raise CheckpointError(f"{name} is no plain tensor of floating-point numbers")
    return dict(content)


def _config_from_json(text: str) -> DepthSplatConfig:
    try:
        values = json.loads(text)
        _check_sizes(values)
        vit = values.pop("vit")
        gaussians = values.pop("gaussians")
        return DepthSplatConfig(
            vit=(
                None
                if vit is None
                else VitConfig(**vit | {"tapped_blocks": tuple(vit["tapped_blocks"])})
            ),
            gaussians=None if gaussians is None else GaussianConfig(**gaussians),
            cnn_channels=tuple(values.pop("cnn_channels")),
            **values,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"its description of the network cannot be read: {error}") from error


def _check_sizes(described: object) -> None:
    """Refuse numbers that no network has, before anything is made of them."""
    if isinstance(described, dict | list):
        parts = described.values() if isinstance(described, dict) else described
        for part in parts:
            _check_sizes(part)
    elif isinstance(described, int | float) and not 0 <= described <= _LARGEST_SIZE:
        raise ValueError(f"{described} is no size that a network has")


def _list_some(title: str, names: Iterable[str]) -> str:
    names = list(names)
    shown = [f"  {name}" for name in names[:_LISTED_DIFFERENCES]]
    if len(names) > _LISTED_DIFFERENCES:
        shown.append(f"  ... and {len(names) - _LISTED_DIFFERENCES} more")
    return "\n".join([f"{title} ({len(names)}):", *shown]) if names else ""
