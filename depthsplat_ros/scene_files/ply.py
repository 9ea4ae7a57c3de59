# SPDX-License-Identifier: Apache-2.0
"""The .ply of 3D Gaussian splatting, as its authors' code and all viewers write and read it.

One `vertex` element of float properties: x y z, nx ny nz (zero), f_dc_0..2, f_rest_* colour by
colour, opacity before the sigmoid, scale_0..2 before the exponential, rot_0..3 = w x y z. The
colour seen is 0.5 + the sum of the harmonics.

Source: INRIA's gaussian-splatting, `GaussianModel.save_ply`.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.scene_files.errors import SceneFileError
from depthsplat_ros.scene_files.values import check_values

ORIGIN_COMMENT = "origin_m"
"""Followed by three numbers to be added to x, y and z: map coordinates do not fit floats."""
FAR_M = 1000.0
"""Scenes within so many metres of the world's origin are written in world coordinates."""
HEADER_LIMIT_BYTES = 1 << 16
SMALLEST_OPACITY, SMALLEST_SCALE_M = 1e-7, 1e-30
COEFFICIENTS = (1, 4, 9, 16, 25)
"""Of harmonics up to degree 0 to 4."""
BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
FLOATS = {"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"}

PLACE = ("x", "y", "z")
NORMAL = ("nx", "ny", "nz")
CONSTANT = ("f_dc_0", "f_dc_1", "f_dc_2")
SCALES = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")


def encode(gaussians: Gaussians) -> Iterator[bytes]:
    """The contents of the file, header first."""
    gaussians = gaussians.moved_to(origin_for(gaussians))
    rest = 3 * (gaussians.harmonics.shape[-1] - 1)
    opacities = gaussians.opacities.astype(np.float64)
    opacities = opacities.clip(SMALLEST_OPACITY, 1 - SMALLEST_OPACITY)
    columns = np.concatenate(
        [
            gaussians.means_m,
            np.zeros_like(gaussians.means_m),
            gaussians.harmonics[:, :, 0],
            gaussians.harmonics[:, :, 1:].reshape(len(gaussians), rest),
            np.log(opacities / (1 - opacities))[:, None],
            np.log(np.maximum(gaussians.scales_m, SMALLEST_SCALE_M)),
            gaussians.rotations_wxyz,
        ],
        axis=1,
    )
    names = [
        *PLACE,
        "nx",
        "ny",
        "nz",
        *CONSTANT,
        *_rest_names(rest),
        "opacity",
        *SCALES,
        *ROTATION,
    ]
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        "comment 3D Gaussians in the world frame, written by depthsplat_ros",
        *_origin_lines(gaussians.origin_m),
        f"element vertex {len(gaussians)}",
        *(f"property float {name}" for name in names),
        "end_header",
    ]
    yield "".join(f"{line}\n" for line in lines).encode("ascii")
    yield columns.astype("<f4").tobytes()


def read(file: BinaryIO, path: Path) -> Gaussians:
    """The Gaussians of an open file; header and size are checked before anything is allocated.

    Raises:
        SceneFileError: naming what is wrong with the file.
    """
    header = _read_header(file, path)
    needed = header.count * header.row.itemsize
    available = os.fstat(file.fileno()).st_size - file.tell()
    if available < needed:
        raise SceneFileError(
            f"{path} is cut off: its header promises {header.count} Gaussians in {needed} bytes, "
            f"and {available} bytes follow"
        )
    rows = np.frombuffer(file.read(needed), header.row)

    def columns(*names: str) -> ndarray:
        values = [rows[name].astype(np.float32) for name in names]
        return np.stack(values, axis=-1) if values else np.empty((len(rows), 0), np.float32)

    rest = sum(name.startswith("f_rest_") for name in header.row.names or ())
    coefficients = 1 + rest // 3
    with np.errstate(over="ignore"):
        opacities = 1 / (1 + np.exp(-columns("opacity")[:, 0]))
        scales_m = np.exp(columns(*SCALES))
    return check_values(
        Gaussians(
            origin_m=header.origin_m,
            means_m=columns(*PLACE),
            scales_m=scales_m,
            rotations_wxyz=columns(*ROTATION),
            opacities=opacities,
            harmonics=np.concatenate(
                [
                    columns(*CONSTANT)[:, :, None],
                    columns(*_rest_names(rest)).reshape(len(rows), 3, coefficients - 1),
                ],
                axis=-1,
            ),
        ),
        path,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Header:
    row: "np.dtype[np.void]"
    count: int
    origin_m: Float64[ndarray, " 3"]


def _read_header(file: BinaryIO, path: Path) -> _Header:
    lines = _header_lines(file, path)
    byte_order: str | None = None
    count: int | None = None
    origin_m = np.zeros(3)
    fields: dict[str, str] = {}
    for line in lines[1:]:
        match line.split():
            case ["format", name, _]:
                byte_order = BYTE_ORDERS.get(name)
                if byte_order is None:
                    raise SceneFileError(
                        f"{path} has the format {name!r}; convert it to binary_little_endian"
                    )
            case ["comment", word, *numbers] if word == ORIGIN_COMMENT:
                origin_m = _parse_origin(numbers, path)
            case ["comment" | "obj_info", *_] | []:
                pass
            case ["element", "vertex", number] if count is None and number.isdecimal():
                count = int(number)
            case ["property", kind, name] if count is not None and kind in FLOATS:
                if name in fields:
                    raise SceneFileError(f"{path} names the property {name!r} twice")
                fields[name] = FLOATS[kind]
            case _:
                raise SceneFileError(
                    f"{path} holds {line[:80]!r}; of Gaussians one 'vertex' element with float "
                    "properties is expected: export it as an uncompressed 3DGS .ply"
                )
    if byte_order is None or count is None:
        raise SceneFileError(f"{path} does not say its format, or has no 'vertex' element")
    rest = sum(name.startswith("f_rest_") for name in fields)
    needed = [*PLACE, *CONSTANT, *_rest_names(rest), "opacity", *SCALES, *ROTATION]
    missing = [name for name in needed if name not in fields]
    if missing:
        raise SceneFileError(
            f"{path} holds no 3D Gaussians: it lacks the properties {', '.join(missing[:8])}"
        )
    if rest % 3 or 1 + rest // 3 not in COEFFICIENTS:
        raise SceneFileError(
            f"{path} has {rest} f_rest properties; harmonics up to degree 0 to 4 have "
            f"{', '.join(str(3 * (each - 1)) for each in COEFFICIENTS)}"
        )
    row = np.dtype([(name, byte_order + kind) for name, kind in fields.items()])
    return _Header(row=row, count=count, origin_m=origin_m)


def _header_lines(file: BinaryIO, path: Path) -> list[str]:
    """The lines before `end_header`; the file then stands at the first byte after it."""
    lines: list[str] = []
    left = HEADER_LIMIT_BYTES
    while left > 0:
        raw = file.readline(left)
        left -= len(raw)
        line = raw.decode("ascii", errors="replace").rstrip("\r\n")
        if line == "end_header":
            return lines
        if not raw.endswith(b"\n") or (not lines and line != "ply"):
            break
        lines.append(line)
    raise SceneFileError(f"{path} has no header of a .ply file")


def _parse_origin(numbers: list[str], path: Path) -> Float64[ndarray, " 3"]:
    try:
        origin_m = np.array([float(number) for number in numbers])
    except ValueError:
        origin_m = np.empty(0)
    if origin_m.shape != (3,) or not np.isfinite(origin_m).all():
        raise SceneFileError(
            f"{path} has the origin {' '.join(numbers)[:80]!r}; three numbers are expected"
        )
    return origin_m


def _origin_lines(origin_m: Float64[ndarray, " 3"]) -> list[str]:
    if not origin_m.any():
        return []
    return [f"comment {ORIGIN_COMMENT} {' '.join(repr(float(value)) for value in origin_m)}"]


def origin_for(gaussians: Gaussians) -> Float64[ndarray, " 3"]:
    """The world's own origin if floats reach from there, else whole metres near the scene."""
    if len(gaussians) == 0 or math.dist(gaussians.origin_m, (0, 0, 0)) < FAR_M:
        return np.zeros(3)
    return np.round(gaussians.origin_m)


def _rest_names(rest: int) -> list[str]:
    return [f"f_rest_{index}" for index in range(rest)]
