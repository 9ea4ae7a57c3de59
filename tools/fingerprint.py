# SPDX-License-Identifier: Apache-2.0
"""Digests that tell whether something must be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(root: Path, entries: Iterable[str], *words: str) -> str:
    """A digest of files and folders below root, by names and contents, and of words."""
    state = hashlib.sha256(repr(words).encode())
    for path in _files(root, entries):
        state.update(repr((str(path.relative_to(root)), path.read_bytes())).encode())
    return state.hexdigest()


def file_names(root: Path, entries: Iterable[str]) -> list[str]:
    """The files of some folders below root, as paths relative to root."""
    return [str(path.relative_to(root)) for path in _files(root, entries)]


def _files(root: Path, entries: Iterable[str]) -> list[Path]:
    """The named files, and those below the named folders that are not Python's caches."""
    below = [path for entry in entries for path in (root / entry, *(root / entry).rglob("*"))]
    return sorted(path for path in below if path.is_file() and "__pycache__" not in path.parts)
