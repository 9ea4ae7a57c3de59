# SPDX-License-Identifier: Apache-2.0
"""`render`: what is asked for is checked, then drawn by the rasteriser of the scene's device."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.camera import Camera
from depthsplat_ros.frame import FrameError, check_rigid
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.rendering.config import RenderingConfig
from depthsplat_ros.rendering.types import (
    Rendering,
    RenderingError,
    RenderingUnavailableError,
)

HARMONIC_COUNTS = (1, 4, 9, 16, 25)


def render(
    scene: GaussianScene,
    camera: Camera,
    world_from_camera: Float[Tensor, "*camera 4 4"] | Float[ndarray, "*camera 4 4"],
    config: RenderingConfig | None = None,
) -> Rendering:
    """Pictures of a scene without batch axes, seen through one lens from one or several places.

    The scene's device decides who draws: gsplat on CUDA, our own rasteriser on a CPU. Both follow
    the same rules, so their pictures agree. An empty scene shows the background. No gradients.

    Raises:
        RenderingError: if poses are not rigid, the pictures are too large, or a Gaussian that
            would be drawn holds NaN or infinity.
        RenderingUnavailableError: if nothing can be rendered on the scene's device.
    """
    config = config or RenderingConfig()
    _check_scene(scene)
    poses = _check_poses(world_from_camera)
    cameras = tuple(poses.shape[:-2])
    pixels = math.prod(cameras) * camera.width_px * camera.height_px
    if pixels > config.maximum_pixels:
        raise RenderingError(
            f"{math.prod(cameras)} x {camera.width_px} x {camera.height_px} px are {pixels} "
            f"pixels, more than the {config.maximum_pixels} of maximum_pixels: render smaller or "
            "fewer pictures, or raise it"
        )
    device = scene.means_m.device
    if len(scene.means_m) == 0 or pixels == 0:
        rendering = _render_background((math.prod(cameras),), camera, config, device)
    elif device.type == "cuda":
        from depthsplat_ros.rendering.gpu import render_on_gpu

        rendering = render_on_gpu(scene, camera, poses.reshape(-1, 4, 4), config)
    elif device.type == "cpu":
        from depthsplat_ros.rendering.cpu import render_on_cpu

        rendering = render_on_cpu(scene, camera, poses.reshape(-1, 4, 4), config)
    else:
        raise RenderingUnavailableError(unavailable_reason(device))
    return Rendering(
        colour=rendering.colour.unflatten(0, cameras) if cameras else rendering.colour[0],
        depth_m=rendering.depth_m.unflatten(0, cameras) if cameras else rendering.depth_m[0],
        opacity=rendering.opacity.unflatten(0, cameras) if cameras else rendering.opacity[0],
    )


def unavailable_reason(device: torch.device | str) -> str | None:
    """Why nothing can be rendered on a device and what would help, or None where it can.

    The first question about a CUDA device compiles gsplat, which takes a minute or two.
    """
    kind = torch.device(device).type
    if kind == "cpu":
        return None
    if kind != "cuda":
        return f"nothing renders on {kind}: move the scene to the CPU or to a CUDA device"
    if not torch.cuda.is_available():
        return "torch finds no CUDA device: render on the CPU"
    from depthsplat_ros.rendering.gpu import find_problem

    return find_problem()


def warm_up(device: torch.device | str) -> None:
    """Compile what renders on a device now, so that the first picture need not wait for it.

    Raises:
        RenderingUnavailableError: if nothing can be rendered there.
    """
    reason = unavailable_reason(device)
    if reason is not None:
        raise RenderingUnavailableError(reason)
    camera = Camera(width_px=16, height_px=16, fx_px=16.0, fy_px=16.0, cx_px=7.5, cy_px=7.5)
    scene = GaussianScene(
        means_m=torch.tensor([[0.0, 0.0, 1.0]], device=device),
        scales_m=torch.full((1, 3), 0.1, device=device),
        rotations_wxyz=torch.tensor([[1.0, 0.0, 0.0, 0.0]], device=device),
        opacities=torch.tensor([0.5], device=device),
        harmonics=torch.zeros(1, 3, 1, device=device),
    )
    render(scene, camera, np.eye(4))


def _check_scene(scene: GaussianScene) -> None:
    if scene.means_m.ndim != 2:
        raise RenderingError(
            f"the scene has batch axes {tuple(scene.means_m.shape[:-2])}: render its parts one "
            "by one, or join them"
        )
    if scene.harmonics.shape[-1] not in HARMONIC_COUNTS:
        raise RenderingError(
            f"the scene has {scene.harmonics.shape[-1]} harmonics per colour; there must be "
            f"{', '.join(map(str, HARMONIC_COUNTS))} (degree 0 to 4)"
        )


def _check_poses(
    world_from_camera: Float[Tensor, "*camera 4 4"] | Float[ndarray, "*camera 4 4"],
) -> Float64[ndarray, "*camera 4 4"]:
    if isinstance(world_from_camera, Tensor):
        world_from_camera = world_from_camera.detach().cpu().numpy()
    poses = np.asarray(world_from_camera, np.float64)
    if poses.shape[-2:] != (4, 4):
        raise RenderingError(f"world_from_camera has shape {poses.shape}; it must end in 4, 4")
    for pose in poses.reshape(-1, 4, 4):
        try:
            check_rigid(pose)
        except FrameError as error:
            raise RenderingError(f"world_from_camera: {error}") from error
    return poses


def _render_background(
    cameras: tuple[int, ...], camera: Camera, config: RenderingConfig, device: torch.device
) -> Rendering:
    shape = (*cameras, camera.height_px, camera.width_px)
    background = torch.tensor(config.background, device=device)
    return Rendering(
        colour=background.repeat(*shape, 1),
        depth_m=torch.full(shape, torch.nan, device=device),
        opacity=torch.zeros(shape, device=device),
    )
