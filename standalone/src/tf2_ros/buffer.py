# SPDX-License-Identifier: Apache-2.0
"""`Buffer`: the transform tree with waiting, in the caller's thread or for a future."""

import threading
import time as system_time
from collections.abc import Callable
from functools import partial

import rclpy.logging
from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.srv import FrameGraph
from tf2_py import BufferCore, TransformException
from tf2_py.buffer_core import DEFAULT_CACHE_TIME, NANOSECONDS_PER_SECOND, nanoseconds_of

from tf2_ros.buffer_interface import NO_WAIT, BufferInterface

BACKWARD_JUMP = Duration(seconds=-1)


class Buffer(BufferCore, BufferInterface):
    """Transforms over time; a listener fills it, anybody may ask it.

    Emptied (but for static transforms) when its clock jumps back by a second or more, or changes
    between real and simulated time.
    """

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        """Start empty.

        Args:
            cache_time: how far back moving frames are remembered; 10 s by default.
            node: whose clock to watch for jumps, and which offers the service `tf2_frames` with
                the tree as YAML. Without it simulated time is not noticed.
        """
        BufferCore.__init__(self, DEFAULT_CACHE_TIME if cache_time is None else cache_time)
        BufferInterface.__init__(self)
        self._changed = threading.Condition(self._lock)
        self._waiting: list[tuple[Future, Callable[[], TransformStamped]]] = []
        self.clock = Clock() if node is None else node.get_clock()
        if node is not None:
            self.srv = node.create_service(FrameGraph, "tf2_frames", self._answer_frame_graph)
        threshold = JumpThreshold(
            min_forward=None, min_backward=BACKWARD_JUMP, on_clock_change=True
        )
        self.jump_handle = self.clock.create_jump_callback(
            threshold, post_callback=self.time_jump_callback
        )

    def time_jump_callback(self, time_jump: TimeJump) -> None:
        """Empty the buffer: what it holds belongs to a time that is over."""
        rclpy.logging.get_logger("tf2_buffer").warning(
            "Detected jump back in time. Clearing tf buffer."
        )
        self.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Take over a transform of a moving frame and wake those who wait for it."""
        super().set_transform(transform, authority)
        self._announce_change()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Take over a transform that holds at all times and wake those who wait for it."""
        super().set_transform_static(transform, authority)
        self._announce_change()

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_WAIT
    ) -> TransformStamped:
        """Pose of the source frame in the target frame.

        Args:
            target_frame: frame the answer is expressed in.
            source_frame: frame whose pose is wanted.
            time: when; 0 for the latest common time.
            timeout: how long to wait, in the caller's thread; useless in the only thread of the
                executor that should receive the transform.

        Raises:
            InvalidArgumentException: if a name is empty or starts with a slash.
            LookupException: if a frame is unknown or the tree has a loop.
            ConnectivityException: if no path leads from one to the other.
            ExtrapolationException: if the buffer does not reach to that time.
        """
        if nanoseconds_of(timeout, "duration") > 0:
            self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
    ) -> TransformStamped:
        """Pose of the source frame at one time in the target frame at another.

        `fixed_frame` is the frame taken not to move in between; else as `lookup_transform`.
        """
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        if nanoseconds_of(timeout, "duration") > 0:
            self.can_transform_full(*query, timeout)
        return self.lookup_transform_full_core(*query)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = NO_WAIT,
        return_debug_tuple: bool = False,
    ) -> int | tuple[int, str]:
        """1 if the lookup would succeed within the timeout, else 0; or (0, reason) if wanted."""
        ask = partial(self.can_transform_core, target_frame, source_frame, time)
        answer = self._ask_until(ask, timeout)
        return answer if return_debug_tuple else answer[0]

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
        return_debug_tuple: bool = False,
    ) -> int | tuple[int, str]:
        """The same for `lookup_transform_full`."""
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        answer = self._ask_until(partial(self.can_transform_full_core, *query), timeout)
        return answer if return_debug_tuple else answer[0]

    async def lookup_transform_async(
        self, target_frame: str, source_frame: str, time: Time
    ) -> TransformStamped:
        """Pose of the source frame in the target frame, as soon as it is known."""
        await self.wait_for_transform_async(target_frame, source_frame, time)
        return self.lookup_transform_core(target_frame, source_frame, time)

    async def lookup_transform_full_async(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> TransformStamped:
        """The same between two times; see `lookup_transform_full`."""
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        await self.wait_for_transform_full_async(*query)
        return self.lookup_transform_full_core(*query)

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Time) -> Future:
        """A future that gets the transform as its result, as soon as it is known.

        It is done in the thread that adds the transform. Cancel it to stop waiting.
        """
        return self._future(partial(self.lookup_transform_core, target_frame, source_frame, time))

    def wait_for_transform_full_async(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> Future:
        """The same between two times; see `lookup_transform_full`."""
        query = (target_frame, target_time, source_frame, source_time, fixed_frame)
        return self._future(partial(self.lookup_transform_full_core, *query))

    def _answer_frame_graph(
        self, request: FrameGraph.Request, response: FrameGraph.Response
    ) -> FrameGraph.Response:
        response.frame_yaml = self.all_frames_as_yaml()
        return response

    def _ask_until(self, ask: Callable[[], tuple[int, str]], timeout: Duration) -> tuple[int, str]:
        """First positive answer, or the last one when the time is up."""
        # Not the ROS clock: with simulated time a pause would never end.
        deadline_s = (
            system_time.monotonic() + nanoseconds_of(timeout, "duration") / NANOSECONDS_PER_SECOND
        )
        with self._changed:
            while not (answer := ask())[0]:
                remaining_s = deadline_s - system_time.monotonic()
                if remaining_s <= 0.0:
                    break
                self._changed.wait(min(remaining_s, threading.TIMEOUT_MAX))
        return answer

    def _future(self, lookup: Callable[[], TransformStamped]) -> Future:
        future = Future()
        with self._lock:
            finish = _attempt(future, lookup)
            if finish is None:
                self._waiting.append((future, lookup))
        if finish is not None:
            finish()
        return future

    def _announce_change(self) -> None:
        finishes = []
        with self._changed:
            self._changed.notify_all()
            if self._waiting:
                still_waiting = []
                for future, lookup in self._waiting:
                    if future.cancelled():
                        continue
                    finish = _attempt(future, lookup)
                    if finish is None:
                        still_waiting.append((future, lookup))
                    else:
                        finishes.append(finish)
                self._waiting = still_waiting
        # Outside the lock: it runs the callbacks of others.
        for finish in finishes:
            finish()


def _attempt(future: Future, lookup: Callable[[], TransformStamped]) -> Callable[[], None] | None:
    """What finishes the future, None as long as the transform is not known."""
    try:
        return partial(future.set_result, lookup())
    except TransformException:
        return None
    except Exception as error:  # noqa: BLE001 (whoever awaits the future is to see it)
        return partial(future.set_exception, error)
