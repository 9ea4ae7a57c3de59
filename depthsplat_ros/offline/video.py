# SPDX-License-Identifier: Apache-2.0
"""Pictures one after another into a film that browsers play, or into a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from depthsplat_ros.offline.output import OutputError, write_whole

CODECS = {".mp4": ("vp09", "mp4v"), ".webm": ("VP90", "VP80")}
"""By suffix, the best one first. Browsers play all but mp4v, which every OpenCV can write."""
FRAMES_PER_SECOND = 24.0


class Film(Protocol):
    """Takes pictures of one size."""

    def add(self, picture: UInt8[ndarray, "height width 3"]) -> None:
        """The next picture, RGB."""
        ...


@contextmanager
def open_film(path: Path, *, width_px: int, height_px: int) -> Iterator[Film]:
    """A film at `path` if it ends in .mp4 or .webm, else a folder of numbered PNG files.

    A film appears under its name when it is complete. Its sides must be even; an odd last row or
    column is left out.

    Raises:
        OutputError: if it cannot be written.
    """
    suffix = path.suffix.lower()
    if not suffix:
        yield _Folder(path)
        return
    if suffix not in CODECS:
        raise OutputError(
            f"{path.name!r} names no kind of film; end it with {' or '.join(CODECS)}, or name a "
            "folder for single pictures"
        )
    size = (width_px - width_px % 2, height_px - height_px % 2)
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = _open_writer(unfinished, CODECS[suffix], size)
        try:
            yield _Film(writer, size)
        finally:
            writer.release()
        unfinished.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error.strerror})") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


class _Film:
    def __init__(self, writer: cv2.VideoWriter, size: tuple[int, int]) -> None:
        self._writer = writer
        self._size = size

    def add(self, picture: UInt8[ndarray, "height width 3"]) -> None:
        width_px, height_px = self._size
        self._writer.write(np.ascontiguousarray(picture[:height_px, :width_px, ::-1]))


class _Folder:
    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {path} ({error.strerror})") from error
        self._path = path
        self._count = 0

    def add(self, picture: UInt8[ndarray, "height width 3"]) -> None:
        is_encoded, content = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
        assert is_encoded
        write_whole(self._path / f"{self._count:06d}.png", content.tobytes())
        self._count += 1


def _open_writer(path: Path, codecs: tuple[str, ...], size: tuple[int, int]) -> cv2.VideoWriter:
    for codec in codecs:
        writer = cv2.VideoWriter(
            str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), FRAMES_PER_SECOND, size
        )
        if writer.isOpened():
            return writer
        writer.release()
    raise OutputError(
        f"OpenCV cannot write {path.suffix} films here (tried {', '.join(codecs)}), or the folder "
        "cannot be written; name a folder for single pictures"
    )
