# SPDX-License-Identifier: Apache-2.0
"""Gaussians as files that viewers of 3D Gaussian splatting open; the suffix says the format."""

import logging
import os
import tempfile
from pathlib import Path

from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.scene_files import ply, splat
from depthsplat_ros.scene_files.errors import SceneFileError

__all__ = ["SUFFIXES", "SceneFileError", "check_suffix", "read_scene", "write_scene"]

logger = logging.getLogger(__name__)

_ENCODERS = {".ply": ply.encode, ".splat": splat.encode}
_READERS = {".ply": ply.read, ".splat": splat.read}
SUFFIXES = tuple(_ENCODERS)


def write_scene(path: Path, gaussians: Gaussians) -> None:
    """Write a scene whole or not at all; an older file of that name is replaced.

    Raises:
        SceneFileError: if the suffix names no format, or the file cannot be written.
    """
    content = _ENCODERS[check_suffix(path)](gaussians)
    unfinished: Path | None = None
    try:
        # Of a name of its own: two writers at once must not mix.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        unfinished = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            for part in content:
                file.write(part)
        unfinished.replace(path)
    except OSError as error:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
        raise SceneFileError(
            f"cannot write {path} ({error.strerror}); free space or name another folder"
        ) from error
    logger.info("%d Gaussians written to %s", len(gaussians), path)


def read_scene(path: Path) -> Gaussians:
    """The Gaussians of a .ply or .splat file, all checked.

    Raises:
        SceneFileError: if the file cannot be read or holds no Gaussians as we know them.
    """
    reader = _READERS[check_suffix(path)]
    try:
        with path.open("rb") as file:
            return reader(file, path)
    except OSError as error:
        raise SceneFileError(f"cannot read {path} ({error.strerror})") from error


def check_suffix(path: Path) -> str:
    """The suffix, in lower case.

    Raises:
        SceneFileError: if it names no format.
    """
    suffix = path.suffix.lower()
    if suffix not in _ENCODERS:
        raise SceneFileError(
            f"{path.name!r} names no format for Gaussians; end it with {' or '.join(SUFFIXES)}"
        )
    return suffix
