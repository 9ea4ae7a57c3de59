# SPDX-License-Identifier: Apache-2.0
"""Events of launched processes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from launch.event import Event

if TYPE_CHECKING:
    from launch.actions.process import ExecuteProcess


@dataclass(frozen=True, kw_only=True, eq=False)
class RunningProcessEvent(Event):
    """Something has happened to a process."""

    name: ClassVar[str] = "launch.events.process.RunningProcessEvent"

    action: "ExecuteProcess"
    process_name: str
    cmd: list[str]
    cwd: str | None
    env: dict[str, str]
    pid: int


class ProcessStarted(RunningProcessEvent):
    """A process has started."""

    name: ClassVar[str] = "launch.events.process.ProcessStarted"


@dataclass(frozen=True, kw_only=True, eq=False)
class ProcessExited(RunningProcessEvent):
    """A process has ended; a negative returncode is the signal that ended it."""

    name: ClassVar[str] = "launch.events.process.ProcessExited"

    returncode: int
