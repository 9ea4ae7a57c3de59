# SPDX-License-Identifier: Apache-2.0
"""Windows of procedural scenes: linear radiance, exact depth, poses, and what others see."""

import ctypes
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.errors import DepthSplatError
from training import native


class RenderingError(DepthSplatError):
    """The GPU did not take the rendering."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Render:
    """Windows as an ideal camera sees them."""

    radiance: Float[Tensor, "window view 3 height width"]
    """Linear light, of no particular unit."""
    depth_m: Float[Tensor, "window view height width"]
    """Along the optical axis through the centre of each pixel; 0 for the sky."""
    is_seen: Bool[Tensor, "window view height width"]
    """Whether another view of the window sees the point too."""
    intrinsics: Float[Tensor, "window view 3 3"]
    """Over the image's size; (0, 0) is the top-left corner."""
    world_from_camera: Float[Tensor, "window view 4 4"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenes:
    """Scenes with their cameras, in the memory of the host."""

    data: ndarray
    view_count: int
    aspect: float
    """Width over height of the images that the cameras are for."""


class Renderer:
    """Makes scenes from seeds and renders them, on a CPU or a GPU."""

    def __init__(self, device: torch.device, *, threads: int = 1) -> None:
        """Compiles the ray caster where that has not been done yet.

        Raises:
            BuildError: if that fails.
        """
        self._device = device
        self._threads = threads
        self._library = native.load("world/world.cu", with_cuda=device.type == "cuda")
        self._library.world_scene_bytes.restype = ctypes.c_longlong

    def make(self, seeds: list[int], view_count: int, aspect: float) -> Scenes:
        """One scene per seed, the same for the same seed; other Python threads run meanwhile."""
        data = np.zeros((len(seeds), self._library.world_scene_bytes()), np.uint8)
        keys = np.array(seeds, np.uint64).astype(np.uint32)
        self._library.world_make(
            _address(data),
            _address(keys),
            len(seeds),
            view_count,
            ctypes.c_float(aspect),
            self._threads,
        )
        return Scenes(data=data, view_count=view_count, aspect=aspect)

    def render(self, scenes: Scenes, height: int, width: int, *, samples: int = 4) -> Render:
        """The windows of these scenes, with so many rays a pixel.

        Raises:
            RenderingError: if the GPU refuses.
        """
        assert abs(width / height - scenes.aspect) < 1e-3, "cameras are for another aspect ratio"
        count, views, device = len(scenes.data), scenes.view_count, self._device
        shape = (count, views, height, width)
        radiance = torch.empty((count, views, 3, height, width), device=device)
        depth_m = torch.empty(shape, device=device)
        is_seen = torch.empty(shape, device=device, dtype=torch.bool)
        outputs = [ctypes.c_void_p(values.data_ptr()) for values in (radiance, depth_m, is_seen)]
        if device.type == "cuda":
            data = torch.from_numpy(scenes.data).pin_memory().to(device, non_blocking=True)
            stream = torch.cuda.current_stream(device).cuda_stream
            status = self._library.world_render_cuda(
                ctypes.c_void_p(data.data_ptr()),
                *(count, views, width, height, samples),
                *outputs,
                ctypes.c_void_p(stream),
            )
            if status:
                raise RenderingError(f"rendering {count} windows failed with CUDA error {status}")
        else:
            self._library.world_render(
                _address(scenes.data),
                *(count, views, width, height, samples),
                *outputs,
                self._threads,
            )
        intrinsics, world_from_camera = self._cameras(scenes)
        return Render(
            radiance=radiance,
            depth_m=depth_m,
            is_seen=is_seen,
            intrinsics=intrinsics.to(device, non_blocking=True),
            world_from_camera=world_from_camera.to(device, non_blocking=True),
        )

    def _cameras(self, scenes: Scenes) -> tuple[Tensor, Tensor]:
        count, views = len(scenes.data), scenes.view_count
        values = np.zeros((count, views, 16), np.float32)
        self._library.world_cameras(_address(scenes.data), count, views, _address(values))
        intrinsics = np.zeros((count, views, 3, 3), np.float32)
        for row, column, index in ((0, 0, 12), (1, 1, 13), (0, 2, 14), (1, 2, 15)):
            intrinsics[..., row, column] = values[..., index]
        intrinsics[..., 2, 2] = 1
        world_from_camera = np.zeros((count, views, 4, 4), np.float32)
        world_from_camera[..., :3, :] = values[..., :12].reshape(count, views, 3, 4)
        world_from_camera[..., 3, 3] = 1
        return torch.from_numpy(intrinsics), torch.from_numpy(world_from_camera)


def _address(values: ndarray) -> ctypes.c_void_p:
    return values.ctypes.data_as(ctypes.c_void_p)
