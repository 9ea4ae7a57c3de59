# SPDX-License-Identifier: Apache-2.0
"""The folder a job fills: which files lie in it, in which form."""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from plyfile import PlyData, PlyElement

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.fusion import ColouredCloud

OLD_FILES = (
    *("summary.json", "keyframes.json", "contact_sheet.png"),
    *("scene.ply", "novel_views.mp4", "novel_views.png"),
)
"""What would be wrong beside the results of a job that does not write it again."""
STAMPED_FILE = re.compile(r"\d{19}\.(png|tiff)")


class OutputError(DepthSplatError):
    """The output folder cannot be written."""


class OutputFolder:
    """The files of one job; those of an earlier job in the same folder are replaced.

        depth/STAMP.png        depth in colours, with the bar that explains them
        depth_raw/STAMP.tiff   32-bit float metres along the optical axis, NaN where unknown
        cloud.ply              fused coloured points in the world frame
        cloud.png              the cloud from above and from the top
        scene.ply              3D Gaussians in the world frame, for viewers and `depthsplat render`
        novel_views.mp4        the scene along a smoothed way of the camera
        novel_views.png        four pictures of it, and their depths
        contact_sheet.png      image, depth, truth and error of some keyframes
        keyframes.json         camera, pose, partners and figures of every depth map
        summary.json           counts, times and figures of the recording; written last

    STAMP is the image's time in nanoseconds, 19 digits.
    """

    def __init__(self, path: Path) -> None:
        """Make the folder, and remove depth images of an earlier job.

        Raises:
            OutputError: if it cannot be made or written.
        """
        self.path = path
        self._depth = path / "depth"
        self._raw = path / "depth_raw"
        try:
            for folder in (self._depth, self._raw):
                folder.mkdir(parents=True, exist_ok=True)
                for old in folder.iterdir():
                    if STAMPED_FILE.fullmatch(old.name):
                        old.unlink()
            for name in OLD_FILES:
                (path / name).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot write the output folder {path} ({error.strerror}: {error.filename}); "
                "name another one with --output"
            ) from error

    def write_raw_depth(self, stamp_ns: int, depth_m: Float32[ndarray, "height width"]) -> None:
        """Keep a depth map without any loss."""
        write_whole(self._raw / f"{stamp_ns:019d}.tiff", _encode(".tiff", depth_m))

    def read_raw_depth(self, stamp_ns: int) -> Float32[ndarray, "height width"]:
        """A depth map written before."""
        depth_m = cv2.imread(str(self._raw / f"{stamp_ns:019d}.tiff"), cv2.IMREAD_UNCHANGED)
        assert depth_m is not None
        return depth_m

    def write_depth_picture(
        self, stamp_ns: int, picture: UInt8[ndarray, "height width 3"]
    ) -> None:
        """Write the picture of a depth map."""
        write_whole(self._depth / f"{stamp_ns:019d}.png", _encode(".png", picture[..., ::-1]))

    def write_picture(self, name: str, picture: UInt8[ndarray, "height width 3"]) -> None:
        """Write an RGB picture as PNG."""
        write_whole(self.path / name, _encode(".png", picture[..., ::-1]))

    def write_cloud(self, cloud: ColouredCloud) -> None:
        """Write cloud.ply, binary little-endian.

        Coordinates are doubles: single precision holds map coordinates (UTM) only to half a metre.
        """
        vertices = np.empty(
            len(cloud.points_m),
            [("x", "<f8"), ("y", "<f8"), ("z", "<f8")]
            + [("red", "u1"), ("green", "u1"), ("blue", "u1")],
        )
        for axis, name in enumerate("xyz"):
            vertices[name] = cloud.points_m[:, axis]
        for channel, name in enumerate(("red", "green", "blue")):
            vertices[name] = cloud.colours[:, channel]
        ply = PlyData([PlyElement.describe(vertices, "vertex")], text=False, byte_order="<")
        path = self.path / "cloud.ply"
        try:
            ply.write(str(path))
        except OSError as error:
            raise _write_error(path, error) from error

    def write_json(self, name: str, content: Any) -> None:
        """Write a document; NaN and infinity, which JSON does not know, become null."""
        write_whole(self.path / name, json_text(content).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise _write_error(path, error) from error


def json_text(content: Any) -> str:
    """A document; NaN and infinity, which JSON does not know, become null."""
    return json.dumps(_finite(content), indent=2, allow_nan=False)


def _encode(extension: str, pixels: ndarray) -> bytes:
    is_encoded, content = cv2.imencode(extension, np.ascontiguousarray(pixels))
    assert is_encoded
    return content.tobytes()


def _write_error(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path} ({error.strerror}); free space or name another folder"
    )


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
