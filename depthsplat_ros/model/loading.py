# SPDX-License-Identifier: Apache-2.0
"""From a name to a network: found, verified, and only then parsed."""

import os
from pathlib import Path

from depthsplat_ros.model import zoo
from depthsplat_ros.model.checkpoint import (
    Checkpoint,
    CheckpointError,
    build_depthsplat,
    infer_config,
    load_state,
)
from depthsplat_ros.model.depthsplat import DepthSplat


def load_network(name: str) -> tuple[DepthSplat, zoo.ZooEntry | None]:
    """The network of an alias or a file, verified before anything in it is parsed.

    Args:
        name: an alias, the name of a published file, or a path. A hash in the path's name is
            verified, as is what lies in this package; files of one's own may go without.

    Returns:
        The network on the CPU, and what is known about it: None for a file whose content,
        description and name are of no known one. Its variant is then inferred from the weights.

    Raises:
        ZooError: if it is nowhere to be found or cannot be read.
        TamperedFileError: if the content does not fit the promised hash.
        CheckpointError: if the file holds no weights for this network.
    """
    path = _locate(name)
    try:
        with path.open("rb") as file:
            sha256 = zoo.verify_open_file(file, path)
            file.seek(0)
            checkpoint = load_state(file, path.name)
    except OSError as error:
        raise zoo.ZooError(
            f"{path} cannot be read ({error.strerror}); mend its permissions or its disk"
        ) from error
    entry = zoo.entry_told_by(path.name, sha256, checkpoint.config)
    try:
        network = build_depthsplat(
            checkpoint, checkpoint.config or (entry.config if entry else None)
        )
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}{_explain(entry, checkpoint)}: {error}") from error
    return network, entry


def _explain(entry: zoo.ZooEntry | None, checkpoint: Checkpoint) -> str:
    """Why the weights were taken for those of a variant, and which they look like instead."""
    if entry is None or checkpoint.config is not None:
        return ""
    told = f" (taken for {entry.alias} by its name"
    try:
        config = infer_config(checkpoint.tensors)
    except CheckpointError:
        return f"{told})"
    alike = [other.alias for other in zoo.ZOO if other.config == config]
    return f"{told}, but it looks like {' or '.join(alike)})" if alike else f"{told})"


def _locate(name: str) -> Path:
    path = Path(name).expanduser()
    if path.suffix and os.path.isfile(path):
        return path
    is_known = name in [entry.file_name for entry in zoo.ZOO]
    if os.sep in name or (path.suffix and not is_known):
        raise zoo.ZooError(
            f"there is no file {name}; give a .pth or .safetensors file, or one of: "
            f"{', '.join(zoo.ALIASES)}"
        )
    return zoo.require(zoo.entry_named(name))
