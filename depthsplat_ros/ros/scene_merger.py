# SPDX-License-Identifier: Apache-2.0
"""The thread that adds keyframes to the scene, so that the next image does not wait for it."""

import logging
import threading
import traceback
from collections.abc import Callable

from depthsplat_ros.ros.mailbox import Mailbox
from depthsplat_ros.ros.periodic_thread import step_back
from depthsplat_ros.streaming.scene import Scene, SceneUpdate

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 1.5


class SceneMerger:
    """Runs from construction to `close`; where depth is faster, the newest keyframe wins."""

    def __init__(
        self, scene: Scene, *, on_dropped: Callable[[str, str], None], is_modest: bool
    ) -> None:
        """Start the thread.

        Args:
            scene: what is added to; by this thread alone.
            on_dropped: receives the cause and a text for every keyframe that was not added.
            is_modest: whether everything else may have the processor first.
        """
        self._scene = scene
        self._on_dropped = on_dropped
        self._is_modest = is_modest
        self._mailbox: Mailbox[SceneUpdate] = Mailbox()
        self._thread = threading.Thread(target=self._run, name="scene", daemon=True)
        self._thread.start()

    def put(self, update: SceneUpdate) -> None:
        """Leave the newest keyframe; one that still waits is dropped, and counted."""
        if self._mailbox.put(update) is not None:
            self._on_dropped("overtaken", "keyframes come faster than the scene takes them")

    def close(self) -> None:
        """End the thread; what is being added is given a moment to finish."""
        self._mailbox.close()
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        if self._is_modest:
            step_back()
        while (update := self._mailbox.take()) is not None:
            try:
                self._scene.add(update)
            except Exception as error:  # noqa: BLE001  the boundary: count it, say it, live on
                logger.error("%s", traceback.format_exc())
                self._on_dropped("internal_error", f"{type(error).__name__}: {error}")
