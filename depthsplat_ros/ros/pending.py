# SPDX-License-Identifier: Apache-2.0
"""Images waiting for their transform: in order, bounded, blocking nobody (no ROS here)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from depthsplat_ros.ros.poses import MissingPose

Item = TypeVar("Item")
Pose = TypeVar("Pose")

MAXIMUM_PENDING = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waiting(Generic[Item]):
    """An item and the monotonic time until which it may wait."""

    item: Item
    deadline_s: float


class PendingPoses(Generic[Item, Pose]):
    """Hands items on, in order, as soon as their pose is known; drops those for which none comes.

    The first in line holds back the others: transforms arrive in order, so a later image cannot
    have its pose before an earlier one unless the earlier one never gets it.
    """

    def __init__(
        self,
        look_up: Callable[[Item], Pose | MissingPose],
        hand_on: Callable[[Item, Pose], None],
        drop: Callable[[str, str], None],
    ) -> None:
        """Start empty.

        Args:
            look_up: the pose of an item, or why it is missing; must not wait.
            hand_on: receives items with their poses.
            drop: receives the cause and a text for every item that is lost.
        """
        self._look_up = look_up
        self._hand_on = hand_on
        self._drop = drop
        self._waiting: deque[Waiting[Item]] = deque()

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._waiting)

    def add(self, item: Item, *, deadline_s: float, now_s: float) -> None:
        """Take an item and hand on whatever is ready."""
        if len(self._waiting) == MAXIMUM_PENDING:
            self._waiting.popleft()
            self._drop(
                "too_many_wait_for_pose",
                f"more than {MAXIMUM_PENDING} images wait for their transforms",
            )
        self._waiting.append(Waiting(item=item, deadline_s=deadline_s))
        self.retry(now_s=now_s)

    def retry(self, *, now_s: float) -> None:
        """Hand on what is ready by now and drop what is overdue."""
        while self._waiting:
            first = self._waiting[0]
            pose = self._look_up(first.item)
            if isinstance(pose, MissingPose):
                if pose.may_come and now_s < first.deadline_s:
                    return
                self._waiting.popleft()
                self._drop(pose.problem.value, pose.detail)
            else:
                self._waiting.popleft()
                self._hand_on(first.item, pose)

    def clear(self) -> int:
        """Forget everything that waits; returns how many items that were."""
        count = len(self._waiting)
        self._waiting.clear()
        return count
