# SPDX-License-Identifier: Apache-2.0
"""Saving the scene on request: in one folder, under names of our own, never over another file."""

from pathlib import Path

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.streaming.scene import Scene

MAXIMUM_SAME_STAMP = 1000
"""Files of one scene: enough for people, a limit for what calls in a loop."""


class SavingError(DepthSplatError):
    """The scene cannot be saved."""


def save_scene(scene: Scene, directory: str, suffix: str) -> str:
    """Write the scene into a folder, which is made if need be; returns what a caller should know.

    The file is named after the newest keyframe's stamp; another one of that name stays.

    Raises:
        SavingError: if no folder was set, or nothing can be written there.
        EmptySceneError: if there are no Gaussians yet.
        SceneFileError: if the file cannot be written; then none is left.
    """
    if not directory:
        raise SavingError(
            "nothing may be saved: start the node with the parameter save_directory set to a "
            "folder, e.g. ~/.ros/depthsplat"
        )
    stamp_ns = scene.stamp_ns or 0
    folder = Path(directory).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _reserve(folder, f"gaussians_{stamp_ns // 10**9}_{stamp_ns % 10**9:09d}", suffix)
    except OSError as error:
        raise SavingError(
            f"{folder} cannot be written to ({error.strerror}); make room or permit it, or start "
            "the node with another save_directory"
        ) from error
    is_written = False
    try:
        count = scene.save(path)
        is_written = True
        size_mb = path.stat().st_size / 1e6
    except OSError as error:
        raise SavingError(f"{path} could not be written: {error.strerror}") from error
    finally:
        if not is_written:
            path.unlink(missing_ok=True)
    return f"{path}: {count} Gaussians, {size_mb:.1f} MB"


def _reserve(folder: Path, stem: str, suffix: str) -> Path:
    """Make an empty file that nobody else has; it will be replaced as a whole."""
    for number in range(1, MAXIMUM_SAME_STAMP + 1):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}_{number}{suffix}")
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise SavingError(
        f"{folder} has {MAXIMUM_SAME_STAMP} files of this very scene already; remove some"
    )
