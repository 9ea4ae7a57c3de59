# SPDX-License-Identifier: Apache-2.0
"""Rendering with gsplat on a CUDA device."""

import functools
import logging

import torch
from jaxtyping import Float64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.rendering.config import RenderingConfig
from depthsplat_ros.rendering.types import (
    Rendering,
    RenderingError,
    RenderingUnavailableError,
    check_none_broken,
)

logger = logging.getLogger(__name__)

REMEDY = (
    "install gsplat 1.5.3 or later and a CUDA toolkit (nvcc) of the version torch was built "
    "with, or render on the CPU"
)


def render_on_gpu(
    scene: GaussianScene,
    camera: Camera,
    world_from_cameras: Float64[ndarray, "camera 4 4"],
    config: RenderingConfig,
) -> Rendering:
    """A picture per camera.

    Raises:
        RenderingUnavailableError: if gsplat is missing, cannot be compiled or fails.
        RenderingError: if a Gaussian holds NaN or infinity, or memory does not suffice.
    """
    problem = find_problem()
    if problem is not None:
        raise RenderingUnavailableError(problem)
    _check_finite(scene)
    device = scene.means_m.device
    # Relative to the first camera, float32 suffices far from the origin too.
    origin = torch.from_numpy(world_from_cameras[0, :3, 3].copy()).to(device)
    rigid = torch.from_numpy(world_from_cameras).to(device)
    rotation = rigid[:, :3, :3].mT
    camera_from_local = torch.eye(4, dtype=torch.float64, device=device).repeat(len(rigid), 1, 1)
    camera_from_local[:, :3, :3] = rotation
    camera_from_local[:, :3, 3:] = rotation @ (origin - rigid[:, :3, 3])[..., None]
    intrinsics = torch.from_numpy(camera.matrix()).to(device).repeat(len(rigid), 1, 1)
    intrinsics[:, :2, 2] += 0.5  # gsplat counts from the corner of the image
    try:
        colour, opacity = _rasterise(
            scene, camera, scene.means_m.double() - origin, camera_from_local, intrinsics, config
        )
    except torch.OutOfMemoryError as error:
        raise RenderingError(
            f"GPU memory does not suffice for {len(rigid)} x {camera.width_px} x "
            f"{camera.height_px} px of {len(scene.means_m)} Gaussians: render fewer or smaller "
            "images, or prune the scene"
        ) from error
    except RuntimeError as error:
        raise RenderingUnavailableError(f"gsplat failed ({error}): {REMEDY}") from error
    opacity = opacity[..., 0]
    return Rendering(
        colour=colour[..., :3],
        depth_m=torch.where(opacity > 0, colour[..., 3], torch.nan),
        opacity=opacity,
    )


@functools.cache
def find_problem() -> str | None:
    """Why gsplat cannot be used here, or None; compiles it at first, and says once why not."""
    try:
        import gsplat  # noqa: F401
    except ImportError as error:
        problem = f"gsplat cannot be imported ({error}): {REMEDY}"
    else:
        problem = _find_build_problem()
    if problem is not None:
        logger.warning("no rendering on the GPU: %s", problem)
    return problem


def _find_build_problem() -> str | None:
    """Why gsplat's kernels are not there, or None; minutes when they are compiled."""
    try:
        from gsplat.cuda import _backend
    # A compiler driven by torch's build tools fails in ways that no list of errors holds.
    except Exception as error:  # noqa: BLE001
        return f"gsplat cannot be compiled ({error}): {REMEDY}"
    if _backend._C is None:
        return f"gsplat finds no CUDA toolkit: {REMEDY}"
    return None


@torch.no_grad()
def _rasterise(
    scene: GaussianScene,
    camera: Camera,
    local_means: Tensor,
    camera_from_local: Tensor,
    intrinsics: Tensor,
    config: RenderingConfig,
) -> tuple[Tensor, Tensor]:
    """Colours with the depth behind them, and opacities."""
    from gsplat import rasterization

    terms = scene.harmonics.shape[-1]
    colour, opacity, _ = rasterization(
        means=local_means.float(),
        quats=scene.rotations_wxyz.float(),
        scales=scene.scales_m.float(),
        opacities=scene.opacities.float(),
        colors=scene.harmonics.float().mT.contiguous(),
        viewmats=camera_from_local.float(),
        Ks=intrinsics.float(),
        width=camera.width_px,
        height=camera.height_px,
        near_plane=config.near_m,
        far_plane=config.far_m,
        sh_degree=round(terms**0.5) - 1,
        packed=False,
        backgrounds=local_means.new_tensor(config.background).float().repeat(len(intrinsics), 1),
        render_mode="RGB+ED",
        rasterize_mode="antialiased" if config.antialiased else "classic",
    )
    return colour, opacity


def _check_finite(scene: GaussianScene) -> None:
    is_finite = (
        torch.isfinite(scene.means_m).all(-1)
        & torch.isfinite(scene.scales_m).all(-1)
        & torch.isfinite(scene.rotations_wxyz).all(-1)
        & (scene.rotations_wxyz != 0).any(-1)
        & torch.isfinite(scene.opacities)
        & torch.isfinite(scene.harmonics).flatten(1).all(-1)
    )
    check_none_broken(int((~is_finite).sum()), len(is_finite))
