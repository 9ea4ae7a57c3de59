# SPDX-License-Identifier: Apache-2.0
"""The predictor on its device: frames become tensors, and its device's failures get answers."""

from collections.abc import Callable
from dataclasses import fields
from typing import TypeVar

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.frame import Frame
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import (
    DepthPrediction,
    DepthPredictor,
    GaussianPrediction,
    GaussianPredictor,
    ViewFeatures,
    Views,
)
from depthsplat_ros.streaming.device_errors import (
    DeviceLostError,
    device_lost,
    free_unused_memory,
    is_device_lost,
    is_out_of_memory,
)
from depthsplat_ros.streaming.window import Window

Result = TypeVar("Result")


class Inference:
    """Calls a predictor; None comes back where the device's memory does not suffice.

    A device that failed for good is not touched again: every later call raises the first error.
    """

    def __init__(self, predictor: DepthPredictor, device: torch.device) -> None:
        """Wrap the predictor, which must live on `device`."""
        self._predictor = predictor
        self._device = device
        self._lost: DeviceLostError | None = None

    @property
    def traits(self) -> Traits:
        """What the predictor can take."""
        return self._predictor.traits

    def encode(self, frame: Frame) -> ViewFeatures | None:
        """What the predictor finds in a single image.

        Raises:
            DeviceLostError: if the device failed for good.
        """
        return self._compute(lambda: self._predictor.encode_views(self._image_tensor(frame)))

    def predict(self, window: Window, *, near_m: float, far_m: float) -> DepthPrediction | None:
        """Depth of the window's reference, in main memory.

        Raises:
            DeviceLostError: if the device failed for good.
        """

        def predict() -> DepthPrediction:
            return _in_main_memory(
                self._predictor.predict(
                    self._views(window, near_m, far_m), _features(window), window.reference
                )
            )

        return self._compute(predict)

    @property
    def gives_gaussians(self) -> bool:
        """Whether the predictor makes Gaussians of its own."""
        return isinstance(self._predictor, GaussianPredictor) and self._predictor.gives_gaussians

    def predict_gaussians(
        self, window: Window, *, near_m: float, far_m: float
    ) -> GaussianPrediction | None:
        """Depth of the window's reference in main memory, and its Gaussians on the device.

        They are unbatched and relative to the reference camera's centre.

        Raises:
            DeviceLostError: if the device failed for good.
        """

        def predict() -> GaussianPrediction:
            assert isinstance(self._predictor, GaussianPredictor)
            found = self._predictor.predict_gaussians(
                self._views(window, near_m, far_m), _features(window), window.reference
            )
            return GaussianPrediction(
                depth=_in_main_memory(found.depth),
                gaussians=GaussianScene(
                    **{
                        field.name: getattr(found.gaussians, field.name)[0].float()
                        for field in fields(GaussianScene)
                    }
                ),
            )

        return self._compute(predict)

    def _compute(self, function: Callable[[], Result]) -> Result | None:
        if self._lost is not None:
            raise self._lost
        try:
            with torch.inference_mode():
                return function()
        except RuntimeError as error:
            if is_device_lost(error):
                self._lost = device_lost(error, str(self._device))
                raise self._lost from error
            if not is_out_of_memory(error):
                raise
        # Not above: there the error keeps all tensors of the failed call alive.
        free_unused_memory()
        return None

    def _views(self, window: Window, near_m: float, far_m: float) -> Views:
        """The window as tensors, with the origin at the reference camera's centre.

        Map coordinates may be millions of metres (UTM); float32 would lose the baseline in them.
        """
        frames = [keyframe.frame for keyframe in window.keyframes]
        poses = np.stack([frame.world_from_camera for frame in frames])
        poses[:, :3, 3] -= poses[window.reference, :3, 3].copy()
        intrinsics = np.stack([frame.camera.normalised() for frame in frames])
        count = len(frames)
        return Views(
            images=torch.cat([self._image_tensor(frame) for frame in frames], dim=1),
            intrinsics=self._tensor(intrinsics),
            world_from_camera=self._tensor(poses),
            near_m=self._tensor(np.full(count, near_m)),
            far_m=self._tensor(np.full(count, far_m)),
        )

    def _image_tensor(self, frame: Frame) -> Tensor:
        image = torch.from_numpy(np.ascontiguousarray(frame.image)).to(self._device)
        return image.permute(2, 0, 1)[None, None].float() / 255.0

    def _tensor(self, values: ndarray) -> Tensor:
        """Values of one window as float32 with a batch axis, on the predictor's device."""
        return torch.from_numpy(values.astype(np.float32))[None].to(self._device)


def _features(window: Window) -> ViewFeatures:
    return ViewFeatures.concatenate([keyframe.features for keyframe in window.keyframes])


def _in_main_memory(found: DepthPrediction) -> DepthPrediction:
    # Here at the latest the device says what went wrong.
    return DepthPrediction(
        depth_m=found.depth_m.float().cpu(),
        confidence=found.confidence.float().cpu(),
        dense_depth_m=found.dense_depth_m.float().cpu(),
    )
