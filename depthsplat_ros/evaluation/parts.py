# SPDX-License-Identifier: Apache-2.0
"""The finished parts of an evaluation on disk: what is there need not be computed again."""

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from depthsplat_ros.evaluation.novel_views import ShownView
from depthsplat_ros.offline.output import OutputError, json_text, write_whole
from depthsplat_ros.offline.samples import RankedSample

_UNSAFE = re.compile(r"[^A-Za-z0-9._=-]+")
_SAMPLE_ARRAYS = ("image", "depth_m", "confidence", "true_depth_m")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownSample:
    """A depth map to be looked at, as it was kept."""

    rank: str
    """'best', 'median', 'worst' or in between, by error or, without truth, by coverage."""
    stamp_ns: int
    keyframe: int
    image: UInt8[ndarray, "height width 3"]
    depth_m: Float32[ndarray, "height width"]
    confidence: Float32[ndarray, "height width"]
    true_depth_m: Float32[ndarray, "height width"] | None


class PartStore:
    """One file of figures for each part, and one of samples for each model on a recording.

    A part is found again only if everything that it depends on is the same.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder, and make it if need be.

        Raises:
            OutputError: if it cannot be made.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write the output folder {folder} ({error.strerror}: {error.filename}); "
                "name another one with --output"
            ) from error

    def load(self, name: str, depends_on: Mapping[str, Any]) -> dict[str, Any] | None:
        """The figures of a part, or None if it has not been finished with the same inputs."""
        try:
            content = json.loads(self._path(name, depends_on, "json").read_text())
        except (OSError, ValueError):
            return None
        return content

    def save(self, name: str, depends_on: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
        """Keep the figures of a finished part."""
        write_whole(self._path(name, depends_on, "json"), json_text(figures).encode())

    def save_samples(
        self, name: str, depends_on: Mapping[str, Any], samples: Sequence[RankedSample]
    ) -> None:
        """Keep the depth maps worth showing; to be called before `save`, which ends the part."""
        arrays: dict[str, ndarray] = {}
        described = []
        for index, ranked in enumerate(samples):
            sample = ranked.sample
            described.append(
                {"rank": ranked.rank, "stamp_ns": sample.stamp_ns, "keyframe": sample.keyframe}
            )
            for key in _SAMPLE_ARRAYS:
                values = getattr(sample, key)
                if values is not None:
                    arrays[f"{key}_{index}"] = values
        self._save_arrays(name, depends_on, described, arrays)

    def load_samples(self, name: str, depends_on: Mapping[str, Any]) -> list[ShownSample]:
        """The depth maps kept with a finished part."""
        with np.load(self._path(name, depends_on, "npz")) as arrays:
            described = json.loads(arrays["described"].tobytes())
            return [
                ShownSample(
                    **entry,
                    **{key: arrays.get(f"{key}_{index}") for key in _SAMPLE_ARRAYS},
                )
                for index, entry in enumerate(described)
            ]

    def save_views(
        self, name: str, depends_on: Mapping[str, Any], views: Sequence[ShownView]
    ) -> None:
        """Keep the novel views worth showing."""
        arrays: dict[str, ndarray] = {}
        for index, view in enumerate(views):
            arrays[f"image_{index}"], arrays[f"rendered_{index}"] = view.image, view.rendered
        described = [
            {"rank": view.rank, "stamp_ns": view.stamp_ns, "psnr_db": view.psnr_db}
            for view in views
        ]
        self._save_arrays(f"{name}-novel", depends_on, described, arrays)

    def load_views(self, name: str, depends_on: Mapping[str, Any]) -> list[ShownView]:
        """The novel views kept with a finished part; none if none were."""
        path = self._path(f"{name}-novel", depends_on, "npz")
        if not path.is_file():
            return []
        with np.load(path) as arrays:
            return [
                ShownView(
                    **entry, image=arrays[f"image_{index}"], rendered=arrays[f"rendered_{index}"]
                )
                for index, entry in enumerate(json.loads(arrays["described"].tobytes()))
            ]

    def _save_arrays(
        self,
        name: str,
        depends_on: Mapping[str, Any],
        described: Sequence[Mapping[str, Any]],
        arrays: Mapping[str, ndarray],
    ) -> None:
        content = io.BytesIO()
        text = np.frombuffer(json.dumps(described).encode(), np.uint8)
        np.savez_compressed(content, described=text, **arrays)
        write_whole(self._path(name, depends_on, "npz"), content.getvalue())

    def _path(self, name: str, depends_on: Mapping[str, Any], suffix: str) -> Path:
        inputs = json.dumps(depends_on, sort_keys=True, default=str)
        digest = hashlib.sha256(inputs.encode()).hexdigest()[:12]
        return self._folder / f"{_UNSAFE.sub('_', name)[:80]}-{digest}.{suffix}"


def fingerprint(path: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of change of a file, or of the files in a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
