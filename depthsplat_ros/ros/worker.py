# SPDX-License-Identifier: Apache-2.0
"""The one inference thread: takes the newest complete image, and owns the reconstructor."""

import logging
import threading
import time
import traceback
from collections.abc import Callable

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.frame import Frame
from depthsplat_ros.ros.frame_assembler import PosedImage
from depthsplat_ros.ros.health import FAILURE_CAUSE, OVERTAKEN_CAUSE
from depthsplat_ros.ros.mailbox import Mailbox
from depthsplat_ros.ros.statistics import Statistics
from depthsplat_ros.streaming.reconstructor import (
    Reconstruction,
    Skipped,
    StreamingReconstructor,
)
from depthsplat_ros.streaming.scene import SceneUpdate

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 1.5


class Worker:
    """Runs from construction to `close`; everything it does is counted."""

    def __init__(
        self,
        reconstructor: StreamingReconstructor,
        decode: Callable[[PosedImage], Frame],
        statistics: Statistics,
        *,
        publish: Callable[[Reconstruction, PosedImage], float],
        is_wanted: Callable[[], bool],
        is_scene_wanted: Callable[[], bool],
        add_to_scene: Callable[[SceneUpdate], None],
        report: Callable[[str, str], None],
    ) -> None:
        """Start the thread.

        Args:
            reconstructor: used by this thread alone from now on.
            decode: turns a message into a frame.
            statistics: where everything is counted.
            publish: publishes a result and returns its latency in seconds.
            is_wanted: whether anybody listens to the results.
            is_scene_wanted: whether anybody needs Gaussians, which takes depth as well.
            add_to_scene: receives what keyframes add to the scene, after their depth is out.
            report: receives the cause and a text for every image that is lost.
        """
        self._reconstructor = reconstructor
        self._decode = decode
        self._statistics = statistics
        self._publish = publish
        self._is_wanted = is_wanted
        self._is_scene_wanted = is_scene_wanted
        self._add_to_scene = add_to_scene
        self._report = report
        self._mailbox: Mailbox[PosedImage] = Mailbox()
        self._must_reset = threading.Event()
        self._job_started_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    @property
    def job_age_s(self) -> float:
        """For how long the current image has been worked on; 0 between images."""
        started_s = self._job_started_s
        return 0.0 if started_s is None else time.monotonic() - started_s

    def put(self, image: PosedImage) -> None:
        """Leave the newest image; one that nobody has taken yet is lost, and counted."""
        if self._mailbox.put(image) is not None:
            self._report(OVERTAKEN_CAUSE, "images arrive faster than they can be worked on")

    def reset(self) -> None:
        """Forget all keyframes before the next image."""
        if self._mailbox.clear() is not None:
            self._report("reset", "an image was waiting when the window was reset")
        self._must_reset.set()

    def close(self) -> None:
        """End the thread; a running inference is given a moment to finish."""
        self._mailbox.close()
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while (image := self._mailbox.take()) is not None:
            self._job_started_s = time.monotonic()
            try:
                self._work(image)
            except DepthSplatError as error:
                self._report(_snake_case(type(error).__name__), str(error))
            except Exception as error:  # noqa: BLE001  the boundary: count it, say it, live on
                logger.error("%s", traceback.format_exc())
                self._report(FAILURE_CAUSE, f"{type(error).__name__}: {error}")
            finally:
                self._job_started_s = None

    def _work(self, image: PosedImage) -> None:
        if self._must_reset.is_set():
            self._must_reset.clear()
            self._reconstructor.reset()
        frame = self._decode(image)
        is_scene_wanted = self._is_scene_wanted()
        updates: list[SceneUpdate] = []
        result = self._reconstructor.push(
            frame,
            is_wanted=is_scene_wanted or self._is_wanted(),
            is_scene_wanted=is_scene_wanted,
            add_to_scene=updates.append,
        )
        if isinstance(result, Skipped):
            self._statistics.count_skipped(result.reason.value, result.detail)
            if result.is_keyframe:
                self._statistics.count_keyframe(now_s=time.monotonic())
        else:
            self._hand_out(result, image)
        for update in updates:
            self._add_to_scene(update)

    def _hand_out(self, result: Reconstruction, image: PosedImage) -> None:
        self._statistics.count_keyframe(now_s=time.monotonic())
        latency_s = self._publish(result, image)
        self._statistics.count_prediction(
            now_s=time.monotonic(),
            latency_s=latency_s,
            inference_s=result.encode_s + result.predict_s,
        )


def _snake_case(name: str) -> str:
    """'PixelLayoutError' becomes 'pixel_layout_error'."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
