# SPDX-License-Identifier: Apache-2.0
"""The facade: frames in, depth or the reason why not out; numpy on both sides."""

import logging
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.frame import Frame
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import DepthPrediction, DepthPredictor, ViewFeatures, Views
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.continuity import find_break
from depthsplat_ros.streaming.keyframes import reject_keyframe
from depthsplat_ros.streaming.skips import SkipReason
from depthsplat_ros.streaming.window import Keyframe, Window, choose_window
from depthsplat_ros.streaming.working_size import fit_to_working_size

logger = logging.getLogger(__name__)

SCENE_QUANTILES = (0.15, 0.5, 0.85)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reconstruction:
    """The depth of one keyframe."""

    frame: Frame
    """The reference at working size; its stamp is that of the image."""
    depth_m: Float32[ndarray, "height width"]
    """Along the optical axis, in the unit of the poses; NaN where unknown."""
    confidence: Float32[ndarray, "height width"]
    """A rank in [0, 1]; 0 where depth_m is NaN."""
    dense_depth_m: Float32[ndarray, "height width"]
    """The predictor's best guess at every pixel, for evaluation only."""
    partner_stamps_ns: tuple[int, ...]
    """The keyframes the reference was matched with, oldest first."""
    encode_s: float
    """Time spent on the newest image alone."""
    predict_s: float
    """Time spent on the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A frame that yields no depth, and why."""

    stamp_ns: int
    reason: SkipReason
    detail: str
    is_keyframe: bool = False
    """True if the frame was kept as a partner for later ones."""


class StreamingReconstructor:
    """Turns a stream of posed frames into depth, one keyframe at a time.

    Not thread-safe: one thread pushes. Memory is bounded by `keyframes_held`.
    """

    def __init__(
        self, predictor: DepthPredictor, config: StreamingConfig, *, device: str = "cpu"
    ) -> None:
        """Start empty.

        Args:
            predictor: what turns views into depth; it must live on `device`.
            config: keyframe and window settings.
            device: torch device of the predictor.

        Raises:
            SettingError: if the settings ask for what the predictor cannot take.
        """
        self._predictor = predictor
        self._device = torch.device(device)
        self.device = str(self._device)
        self.config = config
        self._held: deque[Keyframe] = deque()
        self._previous: Frame | None = None
        self._measured_depths_m: tuple[float, ...] | None = None

    @property
    def traits(self) -> Traits:
        """What the predictor can take."""
        return self._predictor.traits

    @property
    def config(self) -> StreamingConfig:
        """The settings in force, suited to the predictor; may be replaced between two frames."""
        return self._config

    @config.setter
    def config(self, config: StreamingConfig) -> None:
        self._config = config.suited_to(self._predictor.traits)

    @property
    def keyframes_held(self) -> int:
        """How many keyframes are kept as possible partners."""
        return len(self._held)

    def reset(self) -> None:
        """Forget every keyframe; the next frame starts a new window."""
        self._held.clear()
        self._previous = None
        self._measured_depths_m = None

    def push(self, frame: Frame, *, is_wanted: bool = True) -> Reconstruction | Skipped:
        """Take the next frame: depth of the reference keyframe, or why there is none.

        Args:
            frame: the next frame in time.
            is_wanted: False if nobody would use the depth; keyframes are kept all the same.

        Raises:
            WorkingSizeError: if the image is too small for the predictor.
        """
        reset_detail = ""
        reset_reason = None
        if self._previous is not None:
            interruption = find_break(self._previous, frame, self.config)
            if interruption is not None and not interruption.is_reset:
                return Skipped(
                    stamp_ns=frame.stamp_ns,
                    reason=interruption.reason,
                    detail=interruption.detail,
                )
            if interruption is not None:
                self.reset()
                reset_reason = interruption.reason
                reset_detail = f"{interruption.detail}; the window was emptied"
        scene_depths_m = self._scene_depths_m()
        rejection = reject_keyframe(
            frame, [keyframe.frame for keyframe in self._held], scene_depths_m, self.config
        )
        self._previous = frame
        if rejection is not None:
            return Skipped(
                stamp_ns=frame.stamp_ns, reason=rejection.reason, detail=rejection.detail
            )
        encode_s = self._keep(frame)
        if len(self._held) == 1:
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=reset_reason or SkipReason.WAITING_FOR_PARTNER,
                detail=reset_detail or "the first keyframe; waiting for a second view",
                is_keyframe=True,
            )
        if not is_wanted:
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=SkipReason.NOT_WANTED,
                detail="nobody listens to the results",
                is_keyframe=True,
            )
        return self._reconstruct(frame, scene_depths_m, encode_s)

    def _keep(self, frame: Frame) -> float:
        """Encode the frame and hold it as the newest keyframe; returns the time it took."""
        started_s = time.perf_counter()
        working = fit_to_working_size(
            frame, self.config.longer_side_px, self._predictor.traits.size_multiple
        )
        with torch.inference_mode():
            features = self._predictor.encode_views(self._image_tensor(working))
        self._held.append(Keyframe(frame=working, features=features))
        while len(self._held) > self.config.keyframes_held:
            self._held.popleft()
        return time.perf_counter() - started_s

    def _reconstruct(
        self, frame: Frame, scene_depths_m: tuple[float, ...], encode_s: float
    ) -> Reconstruction | Skipped:
        started_s = time.perf_counter()
        reference = self._held[-1 if self.config.reference == "newest" else -2]
        window = choose_window(self._held, reference, scene_depths_m, self.config)
        needed = self._predictor.traits.minimum_views
        if window is not None and len(window.keyframes) < needed:
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=SkipReason.WAITING_FOR_PARTNER,
                detail=f"{len(window.keyframes)} keyframes see the scene; the model needs "
                f"{needed}",
                is_keyframe=True,
            )
        if window is None:
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=SkipReason.NO_OVERLAP,
                detail=f"none of the {len(self._held) - 1} other keyframes sees enough of the "
                "scene from a different direction",
                is_keyframe=True,
            )
        try:
            prediction = self._predict(window)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=SkipReason.OUT_OF_MEMORY,
                detail=f"{error}; lower longer_side_px or window_views",
                is_keyframe=True,
            )
        depth_m, confidence, dense_depth_m = (
            values[0].float().cpu().numpy()
            for values in (prediction.depth_m, prediction.confidence, prediction.dense_depth_m)
        )
        if not np.isfinite(dense_depth_m).any():
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=SkipReason.NOT_FINITE,
                detail="the predictor returned no finite depth",
                is_keyframe=True,
            )
        is_published = np.isfinite(depth_m) & (confidence >= self.config.minimum_confidence)
        if not is_published.any():
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=SkipReason.NO_EVIDENCE,
                detail="no pixel's depth is backed by the images; is the scene textured and "
                "within near_m and far_m, and do the poses belong to the images?",
                is_keyframe=True,
            )
        self._measured_depths_m = tuple(
            float(value) for value in np.quantile(depth_m[is_published], SCENE_QUANTILES)
        )
        return Reconstruction(
            frame=reference.frame,
            depth_m=np.where(is_published, depth_m, np.float32(np.nan)),
            confidence=np.where(is_published, confidence, np.float32(0)),
            dense_depth_m=dense_depth_m,
            partner_stamps_ns=tuple(
                keyframe.frame.stamp_ns
                for keyframe in window.keyframes
                if keyframe is not reference
            ),
            encode_s=encode_s,
            predict_s=time.perf_counter() - started_s,
        )

    def _predict(self, window: Window) -> DepthPrediction:
        features = ViewFeatures.concatenate([keyframe.features for keyframe in window.keyframes])
        with torch.inference_mode():
            return self._predictor.predict(
                self._views(window), features, reference=window.reference
            )

    def _views(self, window: Window) -> Views:
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
            near_m=self._tensor(np.full(count, self.config.near_m)),
            far_m=self._tensor(np.full(count, self.config.far_m)),
        )

    def _scene_depths_m(self) -> tuple[float, ...]:
        """Depths where the scene is expected: the last measured ones, else between the limits."""
        if self._measured_depths_m is not None:
            return self._measured_depths_m
        ratio = self.config.far_m / self.config.near_m
        return tuple(self.config.near_m * ratio**quantile for quantile in SCENE_QUANTILES)

    def _image_tensor(self, frame: Frame) -> Tensor:
        image = torch.from_numpy(np.ascontiguousarray(frame.image)).to(self._device)
        return image.permute(2, 0, 1)[None, None].float() / 255.0

    def _tensor(self, values: ndarray) -> Tensor:
        """Values of one window as float32 with a batch axis, on the predictor's device."""
        return torch.from_numpy(values.astype(np.float32))[None].to(self._device)
