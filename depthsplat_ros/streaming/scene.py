# SPDX-License-Identifier: Apache-2.0
"""The scene as others see it: one thread adds keyframes, any thread looks; numpy on both sides."""

import logging
import threading
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from depthsplat_ros import rendering
from depthsplat_ros.camera import Camera
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.frame import Frame
from depthsplat_ros.gaussians import Gaussians
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.rendering import RenderingConfig
from depthsplat_ros.scene_files import write_scene
from depthsplat_ros.streaming.device_errors import free_unused_memory, is_out_of_memory
from depthsplat_ros.streaming.gaussians_from_depth import gaussians_from_depth
from depthsplat_ros.streaming.observation import DepthMap, Observation
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.streaming.scene_map import SceneMap, empty_scene

logger = logging.getLogger(__name__)


class EmptySceneError(DepthSplatError):
    """There are no Gaussians yet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RenderedView:
    """A picture of the scene."""

    colour: UInt8[ndarray, "height width 3"]
    """RGB, the background where nothing is."""
    depth_m: Float32[ndarray, "height width"]
    """Along the optical axis, in the unit of the poses; NaN where nothing is."""
    opacity: Float32[ndarray, "height width"]
    """0 where only the background is seen, 1 where none of it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneUpdate:
    """What a keyframe adds to the scene."""

    frame: Frame
    """The keyframe at working size."""
    depth_m: Float32[ndarray, "height width"]
    """Measured, NaN where nothing was."""
    confidence: Float32[ndarray, "height width"]
    """Of the measured depth."""
    dense_depth_m: Float32[ndarray, "height width"]
    """The best guess everywhere."""
    gaussians: GaussianScene | None
    """One for each pixel, row by row, relative to the camera's centre and in the world's axes;
    None to have them made from the depth."""
    epoch: int
    """`Scene.epoch` when the keyframe was seen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    """What readers see; replaced as a whole, never changed."""

    map: SceneMap | None
    version: int
    stamp_ns: int | None
    epoch: int


class Scene:
    """The Gaussians of all keyframes so far.

    A reader takes what is there at one moment and works on it undisturbed, while the next
    keyframe is merged into what follows.
    """

    def __init__(self, config: SceneConfig, device: torch.device) -> None:
        """Start empty, on the device where Gaussians are made and rendered."""
        self.config = config
        self._device = device
        self._state = _State(map=None, version=0, stamp_ns=None, epoch=0)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many Gaussians there are now."""
        held = self._state.map
        return 0 if held is None else len(held)

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._state.version

    @property
    def epoch(self) -> int:
        """Grows when the scene is cleared; what was seen in an older epoch is not added."""
        return self._state.epoch

    @property
    def stamp_ns(self) -> int | None:
        """Of the newest keyframe in the scene; None while it is empty."""
        return self._state.stamp_ns

    @property
    def memory_bytes(self) -> int:
        """Taken by the Gaussians."""
        held = self._state.map
        if held is None:
            return 0
        gaussians = [getattr(held.gaussians, field.name) for field in fields(held.gaussians)]
        tensors = [*gaussians, held.weights, held.footprints_m, held.confirmed]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            before = self._state
            self._state = _State(
                map=None, version=before.version + 1, stamp_ns=None, epoch=before.epoch + 1
            )

    def add(self, update: SceneUpdate) -> None:
        """Merge a keyframe; one thread at a time.

        It is left out if the scene was cleared since it was seen.
        """
        before = self._state
        if update.epoch != before.epoch:
            return
        try:
            merged = self._merge(before, update)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            merged = None
        if merged is None:
            # Not above: there the error keeps all tensors of the failed merge alive.
            self._forget_half(before)
        else:
            self._replace(before, merged, update.frame.stamp_ns)

    def _merge(self, before: _State, update: SceneUpdate) -> SceneMap:
        frame, gaussians = update.frame, update.gaussians
        measured = torch.from_numpy(update.depth_m).to(self._device)
        trust = torch.from_numpy(update.confidence).to(self._device)
        if gaussians is None:
            image = torch.from_numpy(np.ascontiguousarray(frame.image)).to(self._device)
            dense = torch.from_numpy(update.dense_depth_m).to(self._device)
            gaussians = gaussians_from_depth(
                dense,
                trust,
                image.permute(2, 0, 1).float() / 255,
                frame.camera,
                frame.world_from_camera,
            )
        observation = Observation(
            depth=DepthMap(
                depth_m=measured, camera=frame.camera, world_from_camera=frame.world_from_camera
            ),
            confidence=trust,
            gaussians=gaussians,
        )
        held = before.map or empty_scene(
            self._device, gaussians.harmonics.shape[-1], frame.world_from_camera[:3, 3]
        )
        return held.merged_with(observation, self.config)

    def _forget_half(self, before: _State) -> None:
        """Keep the half that was confirmed last, and ask for no more from now on."""
        free_unused_memory()
        count = 0 if before.map is None else len(before.map)
        logger.warning(
            "%s has no memory for a scene of %d Gaussians: half of them are forgotten and no more "
            "are kept from now on; lower scene_maximum_gaussians",
            self._device,
            count,
        )
        self.config = replace(self.config, scene_maximum_gaussians=max(count // 2, 1))
        if before.map is not None and before.stamp_ns is not None:
            self._replace(before, before.map.newest(count // 2), before.stamp_ns)

    def _replace(self, before: _State, after: SceneMap, stamp_ns: int) -> None:
        with self._lock:
            # What was cleared meanwhile must not come back.
            if self._state is before:
                self._state = replace(
                    before, map=after, version=before.version + 1, stamp_ns=stamp_ns
                )

    def snapshot(self, maximum_gaussians: int = 0) -> Gaussians:
        """The Gaussians as they are now; of more than so many only those seen last, 0 for all."""
        held = self._state.map
        if held is None:
            held = empty_scene(torch.device("cpu"), 1, np.zeros(3))
        start = max(0, len(held) - maximum_gaussians) if maximum_gaussians else 0
        return Gaussians(
            origin_m=held.origin_m,
            **{
                field.name: getattr(held.gaussians, field.name)[start:].float().cpu().numpy()
                for field in fields(GaussianScene)
            },
        )

    def render(
        self,
        camera: Camera,
        world_from_camera: Float64[ndarray, "4 4"],
        config: RenderingConfig | None = None,
    ) -> RenderedView:
        """What a camera would see of the scene; the background if there is none yet.

        Raises:
            RenderingError: if this camera, this pose or this device cannot be served.
        """
        held = self._state.map
        if held is None:
            held = empty_scene(self._device, 1, np.zeros(3))
        return render_view(held.gaussians, held.origin_m, camera, world_from_camera, config)

    def save(self, path: Path) -> int:
        """Write a .ply or .splat file, whole or not at all; returns how many Gaussians.

        Raises:
            EmptySceneError: if there are none yet.
            SceneFileError: if the file cannot be written.
        """
        gaussians = self.snapshot()
        if len(gaussians) == 0:
            raise EmptySceneError(
                "the scene has no Gaussians yet: wait for the first depth map, and move the camera"
            )
        write_scene(path, gaussians)
        return len(gaussians)

    def warm_up(self) -> None:
        """Pay now for what the first picture would wait for.

        Raises:
            RenderingUnavailableError: if nothing can be rendered on this device.
        """
        rendering.warm_up(self._device)


def render_view(
    gaussians: GaussianScene,
    origin_m: Float64[ndarray, " 3"],
    camera: Camera,
    world_from_camera: Float64[ndarray, "4 4"],
    config: RenderingConfig | None,
) -> RenderedView:
    """A picture in numpy of Gaussians told relative to an origin.

    Raises:
        RenderingError: if this camera, this pose or this device cannot be served.
    """
    local = np.array(world_from_camera, np.float64)
    local[:3, 3] -= origin_m
    rendered = rendering.render(gaussians, camera, local, config)
    colour = (rendered.colour.clamp(0, 1) * 255).round().to(torch.uint8)
    return RenderedView(
        colour=colour.cpu().numpy(),
        depth_m=rendered.depth_m.cpu().numpy(),
        opacity=rendered.opacity.cpu().numpy(),
    )


def tensors_of(gaussians: Gaussians, device: torch.device) -> GaussianScene:
    """The same Gaussians for rendering, still relative to their origin."""
    return GaussianScene(
        **{
            field.name: torch.from_numpy(getattr(gaussians, field.name)).to(device)
            for field in fields(GaussianScene)
        }
    )
