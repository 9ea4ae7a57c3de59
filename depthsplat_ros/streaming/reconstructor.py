# SPDX-License-Identifier: Apache-2.0
"""The facade: frames in, depth or the reason why not out; numpy on both sides."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.frame import Frame
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import DepthPrediction, DepthPredictor
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.continuity import find_break
from depthsplat_ros.streaming.device_errors import free_unused_memory
from depthsplat_ros.streaming.inference import Inference
from depthsplat_ros.streaming.keyframes import reject_keyframe
from depthsplat_ros.streaming.scene import Scene, SceneUpdate
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.streaming.skips import SkipReason
from depthsplat_ros.streaming.window import Keyframe, Window, choose_window
from depthsplat_ros.streaming.working_size import fit_to_working_size

logger = logging.getLogger(__name__)

SCENE_QUANTILES = (0.15, 0.5, 0.85)
WARM_UP_ASPECT = 0.75
"""Height over width of the images of a warm-up: that of most robot cameras."""


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

    Not thread-safe, but for its scene: one thread pushes. Memory is bounded by `keyframes_held`
    and by the settings of the scene.
    """

    def __init__(
        self,
        predictor: DepthPredictor,
        config: StreamingConfig,
        *,
        device: str = "cpu",
        scene: SceneConfig | None = None,
    ) -> None:
        """Start empty.

        Args:
            predictor: what turns views into depth; it must live on `device`.
            config: keyframe and window settings.
            device: torch device of the predictor.
            scene: how Gaussians are gathered into a scene; None makes none.

        Raises:
            SettingError: if the settings ask for what the predictor cannot take.
        """
        self._inference = Inference(predictor, torch.device(device))
        self.device = str(torch.device(device))
        self.scene = None if scene is None else Scene(scene, torch.device(device))
        self.config = config
        self._held: deque[Keyframe] = deque()
        self._previous: Frame | None = None
        self._measured_depths_m: tuple[float, ...] | None = None

    @property
    def traits(self) -> Traits:
        """What the predictor can take."""
        return self._inference.traits

    @property
    def config(self) -> StreamingConfig:
        """The settings in force, suited to the predictor; may be replaced between two frames."""
        return self._config

    @config.setter
    def config(self, config: StreamingConfig) -> None:
        self._config = config.suited_to(self._inference.traits)
        self._views_that_fit = self._config.window_views

    @property
    def window_views(self) -> int:
        """Views matched together: as many as wanted, or fewer where the memory asks for it."""
        return self._views_that_fit

    @property
    def keyframes_held(self) -> int:
        """How many keyframes are kept as possible partners."""
        return len(self._held)

    def reset(self) -> None:
        """Forget every keyframe; the next frame starts a new window."""
        self._held.clear()
        self._previous = None
        self._measured_depths_m = None
        self._views_that_fit = self._config.window_views

    def warm_up(self) -> None:
        """Compute one full window of noise, so that no image waits for what happens only once.

        That is, on a GPU, to load kernels, to choose among them and to reserve memory. Nothing of
        the window is kept.

        Raises:
            DeviceLostError: if the device failed for good.
        """
        generator = np.random.default_rng(0)
        width_px = self.config.longer_side_px
        height_px = max(1, round(WARM_UP_ASPECT * width_px))
        camera = Camera(
            width_px=width_px,
            height_px=height_px,
            fx_px=float(width_px),
            fy_px=float(width_px),
            cx_px=(width_px - 1) / 2,
            cy_px=(height_px - 1) / 2,
        )
        for index in range(self.config.window_views):
            world_from_camera = np.eye(4)
            world_from_camera[0, 3] = index * self.config.near_m / 10
            image = generator.integers(0, 256, (height_px, width_px, 3), np.uint8)
            self._keep(
                Frame(
                    stamp_ns=index + 1,
                    image=image,
                    camera=camera,
                    world_from_camera=world_from_camera,
                )
            )
        keyframes = tuple(self._held)
        self.reset()
        if len(keyframes) >= self._inference.traits.minimum_views:
            self._predict(
                Window(keyframes=keyframes, reference=len(keyframes) - 1),
                self.scene is not None and self._inference.gives_gaussians,
            )

    def push(
        self,
        frame: Frame,
        *,
        is_wanted: bool = True,
        is_scene_wanted: bool = True,
        add_to_scene: Callable[[SceneUpdate], None] | None = None,
    ) -> Reconstruction | Skipped:
        """Take the next frame: depth of the reference keyframe, or why there is none.

        Args:
            frame: the next frame in time.
            is_wanted: False if nobody would use the depth; keyframes are kept all the same.
            is_scene_wanted: False leaves the scene as it is.
            add_to_scene: receives what the keyframe adds to the scene, to pass it on to
                `Scene.add` when it suits; by default that is done before the depth is returned.

        Raises:
            WorkingSizeError: if the image is too small for the predictor.
            DeviceLostError: if the device failed for good, now or with an earlier frame.
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
                if interruption.reason is SkipReason.POSE_JUMP and self.scene is not None:
                    # The world frame itself may have moved under what was seen in it.
                    self.scene.clear()
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
        if encode_s is None:
            return self._make_room(frame)
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
        scene = self.scene if is_scene_wanted else None
        return self._reconstruct(frame, scene_depths_m, encode_s, scene, add_to_scene)

    def _keep(self, frame: Frame) -> float | None:
        """Encode the frame and hold it as the newest keyframe; returns the time it took.

        None if the memory does not suffice; then the frame is not held.
        """
        started_s = time.perf_counter()
        working = fit_to_working_size(
            frame, self.config.longer_side_px, self._inference.traits.size_multiple
        )
        features = self._inference.encode(working)
        if features is None:
            return None
        self._held.append(Keyframe(frame=working, features=features))
        while len(self._held) > self.config.keyframes_held:
            self._held.popleft()
        return time.perf_counter() - started_s

    def _make_room(self, frame: Frame) -> Skipped:
        """Forget the older half of the keyframes, whose features fill the memory."""
        held = len(self._held)
        for _ in range(held // 2):
            self._held.popleft()
        free_unused_memory()
        return Skipped(
            stamp_ns=frame.stamp_ns,
            reason=SkipReason.OUT_OF_MEMORY,
            detail=f"{self.device} has no memory for a keyframe besides the {held} held, of which "
            "the older half was forgotten; lower longer_side_px or keyframes_held",
        )

    def _reconstruct(
        self,
        frame: Frame,
        scene_depths_m: tuple[float, ...],
        encode_s: float,
        scene: Scene | None,
        add_to_scene: Callable[[SceneUpdate], None] | None,
    ) -> Reconstruction | Skipped:
        started_s = time.perf_counter()
        reference = self._held[-1 if self.config.reference == "newest" else -2]
        window = self._choose_window(reference, scene_depths_m)
        needed = self._inference.traits.minimum_views
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
        wants_gaussians = scene is not None and self._inference.gives_gaussians
        predicted = self._predict(window, wants_gaussians)
        while predicted is None and self._lower_views(len(window.keyframes)):
            window = self._choose_window(reference, scene_depths_m)
            assert window is not None, "fewer of the same partners are still partners"
            predicted = self._predict(window, wants_gaussians)
        if predicted is None:
            return Skipped(
                stamp_ns=frame.stamp_ns,
                reason=SkipReason.OUT_OF_MEMORY,
                detail=f"{self.device} has no memory for {len(window.keyframes)} views, and the "
                f"model needs {needed}; lower longer_side_px or keyframes_held",
                is_keyframe=True,
            )
        prediction, gaussians = predicted
        depth_m, confidence, dense_depth_m = (
            values[0].numpy()
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
        reconstruction = Reconstruction(
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
        if scene is not None:
            (add_to_scene or scene.add)(
                SceneUpdate(
                    frame=reference.frame,
                    depth_m=reconstruction.depth_m,
                    confidence=reconstruction.confidence,
                    dense_depth_m=dense_depth_m,
                    gaussians=gaussians,
                    epoch=scene.epoch,
                )
            )
        return reconstruction

    def _choose_window(
        self, reference: Keyframe, scene_depths_m: tuple[float, ...]
    ) -> Window | None:
        config = replace(self.config, window_views=self._views_that_fit)
        return choose_window(self._held, reference, scene_depths_m, config)

    def _predict(
        self, window: Window, wants_gaussians: bool
    ) -> tuple[DepthPrediction, GaussianScene | None] | None:
        near_m, far_m = self.config.near_m, self.config.far_m
        if wants_gaussians:
            both = self._inference.predict_gaussians(window, near_m=near_m, far_m=far_m)
            return None if both is None else (both.depth, both.gaussians)
        depth = self._inference.predict(window, near_m=near_m, far_m=far_m)
        return None if depth is None else (depth, None)

    def _lower_views(self, views: int) -> bool:
        """Match fewer views than these from now on; False if the model takes no fewer."""
        if views <= self._inference.traits.minimum_views:
            return False
        self._views_that_fit = views - 1
        logger.warning(
            "%s has no memory for %d views of this size: %d are matched until the next reset; "
            "lower longer_side_px or window_views",
            self.device,
            views,
            views - 1,
        )
        return True

    def _scene_depths_m(self) -> tuple[float, ...]:
        """Depths where the scene is expected: the last measured ones, else between the limits."""
        if self._measured_depths_m is not None:
            return self._measured_depths_m
        ratio = self.config.far_m / self.config.near_m
        return tuple(self.config.near_m * ratio**quantile for quantile in SCENE_QUANTILES)
