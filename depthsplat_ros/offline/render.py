# SPDX-License-Identifier: Apache-2.0
"""`depthsplat render`: a file of Gaussians becomes a film, along a path of one's choice."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from rich.console import Console

from depthsplat_ros.camera import Camera
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.frame import FrameError, check_rigid
from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.offline import camera_paths
from depthsplat_ros.offline.novel_views import ViewRenderer, write_film
from depthsplat_ros.offline.progress import image_progress
from depthsplat_ros.rendering import RenderingConfig
from depthsplat_ros.scene_files import SceneFileError, read_scene
from depthsplat_ros.streaming.factory import resolve_device

KEYFRAMES_FILE = "keyframes.json"


class CameraPathError(DepthSplatError):
    """The camera cannot take this path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOrder:
    """Everything a person may decide about a film."""

    scene: Path
    output: Path
    """A film (.mp4, .webm) or a folder."""
    path: str
    """follow, orbit, spiral, or auto."""
    keyframes: Path | None
    """The recorded cameras; None takes keyframes.json beside the scene, if there is one."""
    width_px: int
    height_px: int
    field_of_view_deg: float
    """From the left edge to the right one."""
    pictures: int
    device: str
    rendering: RenderingConfig


def render_file(order: RenderOrder, console: Console) -> None:
    """Read the scene, render along the path and write the film.

    Raises:
        DepthSplatError: if a file, an option or the output cannot be used.
    """
    device = resolve_device(order.device)
    gaussians = read_scene(order.scene)
    if len(gaussians) == 0:
        raise SceneFileError(f"{order.scene} holds no Gaussians; there is nothing to see")
    cameras = _read_cameras(order)
    poses = choose_path(gaussians, cameras, order.path, order.pictures)
    focal_px = order.width_px / 2 / math.tan(math.radians(order.field_of_view_deg) / 2)
    camera = Camera(
        width_px=order.width_px,
        height_px=order.height_px,
        fx_px=focal_px,
        fy_px=focal_px,
        cx_px=(order.width_px - 1) / 2,
        cy_px=(order.height_px - 1) / 2,
    )
    console.print(f"{len(gaussians):,} Gaussians from [bold]{order.scene}[/]", highlight=False)
    renderer = ViewRenderer(gaussians, device, order.rendering)
    with image_progress(console) as progress:
        task = progress.add_task("rendering", total=len(poses))
        write_film(order.output, renderer, camera, poses, lambda: progress.advance(task))
    console.print(f"written to [bold]{order.output}[/]", highlight=False)


def choose_path(
    gaussians: Gaussians,
    world_from_cameras: Float64[ndarray, "keyframe 4 4"] | None,
    path: str,
    pictures: int,
) -> Float64[ndarray, "picture 4 4"]:
    """Poses of the virtual camera.

    Raises:
        CameraPathError: if the path needs recorded cameras and none are known.
    """
    if path == "auto":
        path = "orbit" if world_from_cameras is None else "follow"
    points_m = gaussians.means_m + gaussians.origin_m
    if path == "orbit":
        return camera_paths.orbit_around(points_m, pictures)
    if world_from_cameras is None:
        raise CameraPathError(
            f"the path {path!r} needs the recorded cameras: name their {KEYFRAMES_FILE}, or take "
            "the path 'orbit'"
        )
    middle = world_from_cameras[len(world_from_cameras) // 2]
    distance_m = camera_paths.distance_ahead_m(points_m, middle)
    if path == "spiral":
        return camera_paths.spiral(middle, distance_m, pictures)
    return camera_paths.follow(world_from_cameras, distance_m, pictures)


def _read_cameras(order: RenderOrder) -> Float64[ndarray, "keyframe 4 4"] | None:
    path = order.keyframes
    if path is None:
        path = order.scene.with_name(KEYFRAMES_FILE)
        if not path.is_file():
            return None
    try:
        records = json.loads(path.read_text())
        poses = np.array([record["world_from_camera"] for record in records], np.float64)
        for pose in poses:
            check_rigid(pose)
    except OSError as error:
        raise CameraPathError(f"cannot read {path} ({error.strerror})") from error
    except (ValueError, TypeError, KeyError, FrameError) as error:
        raise CameraPathError(f"{path} is no {KEYFRAMES_FILE} of ours: {error!r}") from error
    return poses if len(poses) else None
