# SPDX-License-Identifier: Apache-2.0
"""Asks a buffer server in another process, over the action `LookupTransform`."""

import threading
import time as system_time
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.action import ActionClient
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.action import LookupTransform
from tf2_msgs.msg import TF2Error
from tf2_py import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)
from tf2_py.buffer_core import NANOSECONDS_PER_SECOND, nanoseconds_of

from tf2_ros.buffer_interface import NO_WAIT, BufferInterface

EXCEPTIONS = {
    TF2Error.LOOKUP_ERROR: LookupException,
    TF2Error.CONNECTIVITY_ERROR: ConnectivityException,
    TF2Error.EXTRAPOLATION_ERROR: ExtrapolationException,
    TF2Error.INVALID_ARGUMENT_ERROR: InvalidArgumentException,
    TF2Error.TIMEOUT_ERROR: TimeoutException,
}


class BufferClient(BufferInterface):
    """A buffer that lives elsewhere. Its node must be spun by another thread."""

    def __init__(
        self,
        node: Node,
        ns: str,
        check_frequency: float = 10.0,
        timeout_padding: Duration = Duration(seconds=2.0),  # noqa: B008 (immutable)
    ) -> None:
        """Create the action client.

        Args:
            node: node to ask with.
            ns: name of the server's action.
            check_frequency: accepted for the sake of the signature; an answer is noticed at once.
            timeout_padding: added to each timeout, for the way there and back.
        """
        super().__init__()
        self.node = node
        self.action_client = ActionClient(node, LookupTransform, action_name=ns)
        self.check_frequency = check_frequency
        self.timeout_padding = timeout_padding

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_WAIT
    ) -> TransformStamped:
        """Pose of the source frame in the target frame; raises as `Buffer` does.

        Raises:
            TimeoutException: also if no server answers in time.
        """
        goal = LookupTransform.Goal(
            target_frame=target_frame,
            source_frame=source_frame,
            source_time=_as_message(time),
            timeout=timeout.to_msg(),
            advanced=False,
        )
        return self._ask(goal)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
    ) -> TransformStamped:
        """Pose of the source frame at one time in the target frame at another."""
        goal = LookupTransform.Goal(
            target_frame=target_frame,
            target_time=_as_message(target_time),
            source_frame=source_frame,
            source_time=_as_message(source_time),
            fixed_frame=fixed_frame,
            timeout=timeout.to_msg(),
            advanced=True,
        )
        return self._ask(goal)

    def can_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_WAIT
    ) -> bool:
        """Whether `lookup_transform` succeeds."""
        try:
            self.lookup_transform(target_frame, source_frame, time, timeout)
        except TransformException:
            return False
        return True

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = NO_WAIT,
    ) -> bool:
        """Whether `lookup_transform_full` succeeds."""
        try:
            self.lookup_transform_full(
                target_frame, target_time, source_frame, source_time, fixed_frame, timeout
            )
        except TransformException:
            return False
        return True

    def destroy(self) -> None:
        """Give the action client back."""
        self.action_client.destroy()

    def _ask(self, goal: LookupTransform.Goal) -> TransformStamped:
        if not self.action_client.server_is_ready():
            raise TimeoutException("The BufferServer is not ready.")
        allowed_ns = nanoseconds_of(goal.timeout, "duration") + self.timeout_padding.nanoseconds
        deadline_s = system_time.monotonic() + allowed_ns / NANOSECONDS_PER_SECOND
        handle = _result_by(deadline_s, self.action_client.send_goal_async(goal))
        if not handle.accepted:
            raise TimeoutException(
                "The LookupTransform goal sent to the BufferServer did not come back with "
                "accepted status. Something is likely wrong with the server."
            )
        result = _result_by(deadline_s, handle.get_result_async()).result
        error = result.error
        if error.error:  # 0 is "no error"
            raise EXCEPTIONS.get(error.error, TransformException)(error.error_string)
        return result.transform


def _as_message(time: Any) -> Any:
    return time.to_msg() if isinstance(time, Time) else time


def _result_by(deadline_s: float, future: Future) -> Any:
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(max(0.0, deadline_s - system_time.monotonic())):
        raise TimeoutException(
            "The LookupTransform goal sent to the BufferServer did not come back in the "
            "specified time. Something is likely wrong with the server."
        )
    return future.result()
