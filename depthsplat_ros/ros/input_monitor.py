# SPDX-License-Identifier: Apache-2.0
"""Checks, beside the depth, whether the poses belong to the images; with a thread of its own."""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from tf2_ros import Buffer

from depthsplat_ros.frame import Frame
from depthsplat_ros.input_checks.checker import InputChecker, view_of
from depthsplat_ros.input_checks.mistakes import NO_OFFSET, OFFSETS_S
from depthsplat_ros.input_checks.verdicts import Verdict
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.mailbox import Mailbox
from depthsplat_ros.ros.poses import MissingPose, look_up_pose

logger = logging.getLogger(__name__)

MOST_PAIRS = 60
"""The verdicts are on the latest pairs of views: a mistake may appear, and may be mended."""
EAGER_PAIRS = 20
"""Until so many pairs of views have spoken, no frame is missed: a mistake is named in seconds."""
BURST_FRAMES = 4
"""Afterwards so many frames are looked at one after another: what is far apart does not match."""
REST_FACTOR = 9.0
"""After each burst the thread rests so many times longer than it worked: a tenth of one core."""
LATER_POSE_TIMEOUT_S = 1.0
"""How long a view waits for the poses after it, with which other clocks are tried."""
POLL_PERIOD_S = 0.02
JOIN_TIMEOUT_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Watched:
    """A frame and the name of its optical frame in TF."""

    frame: Frame
    camera_frame: str


class InputMonitor:
    """Takes the newest frame whenever it has time; the others are none of its business."""

    def __init__(self, buffer: Buffer, config: Callable[[], NodeConfig]) -> None:
        """Start the thread.

        Args:
            buffer: the transforms.
            config: returns the settings in force now.
        """
        self._buffer = buffer
        self._config = config
        self._checker = InputChecker(most_pairs=MOST_PAIRS)
        self._mailbox: Mailbox[_Watched] = Mailbox()
        self._must_reset = threading.Event()
        self._must_end = threading.Event()
        self.verdicts: tuple[Verdict, ...] = tuple(self._checker.verdicts())
        """What the evidence says now; replaced as a whole."""
        self._thread = threading.Thread(target=self._run, name="input checks", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame, camera_frame: str) -> None:
        """Leave a frame and the name of its optical frame in TF; never waits."""
        self._mailbox.put(_Watched(frame=frame, camera_frame=camera_frame))

    def reset(self) -> None:
        """Forget the evidence before the next frame."""
        self._mailbox.clear()
        self._must_reset.set()

    def close(self) -> None:
        """End the thread; what it is doing is given a moment to finish."""
        self._must_end.set()
        self._mailbox.close()
        self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        worked_s, frames = 0.0, 0
        while (watched := self._mailbox.take()) is not None:
            poses = self._poses_around(watched)
            started_s = time.monotonic()
            try:
                self._check(watched.frame, poses)
            except Exception:  # noqa: BLE001  the boundary: depth must not suffer from a check
                logger.error("%s", traceback.format_exc())
            worked_s += time.monotonic() - started_s
            frames += 1
            if self._checker.pairs < EAGER_PAIRS or frames < BURST_FRAMES:
                continue
            if self._must_end.wait(REST_FACTOR * worked_s):
                return
            # What was left meanwhile has waited too long: its poses may be forgotten.
            self._mailbox.clear()
            worked_s, frames = 0.0, 0

    def _check(self, frame: Frame, poses: Float64[ndarray, "offset 4 4"]) -> None:
        if self._must_reset.is_set():
            self._must_reset.clear()
            self._checker.reset()
        self._checker.add(
            view_of(
                stamp_ns=frame.stamp_ns,
                image=frame.image,
                camera=frame.camera,
                world_from_camera=poses,
            )
        )
        self.verdicts = tuple(self._checker.verdicts())

    def _poses_around(self, watched: _Watched) -> Float64[ndarray, "offset 4 4"]:
        """The poses with which other clocks are tried, NaN where they stay unknown."""
        frame = watched.frame
        stamps_ns = [frame.stamp_ns + round(offset_s * 1e9) for offset_s in OFFSETS_S]
        deadline_s = time.monotonic() + LATER_POSE_TIMEOUT_S
        while self._pose_at(stamps_ns[-1], watched.camera_frame) is None:
            if time.monotonic() > deadline_s or self._must_end.wait(POLL_PERIOD_S):
                break
        unknown = np.full((4, 4), np.nan)
        poses = [self._pose_at(stamp_ns, watched.camera_frame) for stamp_ns in stamps_ns]
        # The frame's own pose is the one that the depth is made with.
        poses[NO_OFFSET] = frame.world_from_camera
        return np.array([unknown if pose is None else pose for pose in poses])

    def _pose_at(self, stamp_ns: int, camera_frame: str) -> Float64[ndarray, "4 4"] | None:
        """The pose that an image with this stamp would get."""
        config = self._config()
        pose = look_up_pose(
            self._buffer,
            world_frame=config.world_frame,
            camera_frame=camera_frame,
            stamp_ns=stamp_ns + round(config.time_offset_s * 1e9),
            pose_scale=config.pose_scale,
        )
        return None if isinstance(pose, MissingPose) else pose
