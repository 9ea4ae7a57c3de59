# SPDX-License-Identifier: Apache-2.0
"""Pictures of a scene from where no camera has been: a film, and one sheet to look at."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.offline.video import open_film
from depthsplat_ros.rendering import RenderingConfig, unavailable_reason
from depthsplat_ros.streaming.scene import RenderedView, render_view, tensors_of
from depthsplat_ros.visualisation import colour_depth, depth_scale

SHEET_PICTURES = 4
COLOURED_QUANTILES = (0.02, 0.98)


class ViewRenderer:
    """Renders a scene that does not change, on a device that can."""

    def __init__(
        self, gaussians: Gaussians, device: str, config: RenderingConfig | None = None
    ) -> None:
        """Take the Gaussians to the device, or to the CPU where the device cannot render."""
        usable = "cpu" if unavailable_reason(device) else device
        self._origin_m = gaussians.origin_m
        self._scene = tensors_of(gaussians, torch.device(usable))
        self._config = config

    def render(self, camera: Camera, world_from_camera: Float64[ndarray, "4 4"]) -> RenderedView:
        """What a camera would see.

        Raises:
            RenderingError: if the camera or its pose cannot be served.
        """
        return render_view(self._scene, self._origin_m, camera, world_from_camera, self._config)


def write_film(
    path: Path,
    renderer: ViewRenderer,
    camera: Camera,
    world_from_cameras: Float64[ndarray, "picture 4 4"],
    on_picture: Callable[[], None],
) -> list[RenderedView]:
    """Render along the poses into a film or a folder; a few of the pictures come back.

    Raises:
        OutputError: if it cannot be written.
        RenderingError: if the camera cannot be served.
    """
    count = len(world_from_cameras)
    kept = set(np.linspace(0, count - 1, SHEET_PICTURES + 2).round().astype(int)[1:-1].tolist())
    views = []
    with open_film(path, width_px=camera.width_px, height_px=camera.height_px) as film:
        for index, pose in enumerate(world_from_cameras):
            view = renderer.render(camera, pose)
            film.add(view.colour)
            if index in kept:
                views.append(view)
            on_picture()
    return views


def draw_sheet(views: list[RenderedView]) -> UInt8[ndarray, "height width 3"]:
    """The pictures side by side, their depths in colours below; one scale for all."""
    depths_m = np.concatenate([view.depth_m.reshape(-1) for view in views])
    known = depths_m[np.isfinite(depths_m)]
    near_m, far_m = np.quantile(known, COLOURED_QUANTILES) if known.size else (1.0, 2.0)
    scale = depth_scale(float(near_m), float(far_m))
    return np.vstack(
        [
            np.hstack([view.colour for view in views]),
            np.hstack([colour_depth(view.depth_m, scale) for view in views]),
        ]
    )
