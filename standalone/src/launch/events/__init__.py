# SPDX-License-Identifier: Apache-2.0
"""Events: what happens while a launch runs."""

from dataclasses import dataclass
from typing import ClassVar

from launch.event import Event
from launch.events import process

__all__ = ["Event", "Shutdown", "process"]


@dataclass(frozen=True, kw_only=True)
class Shutdown(Event):
    """The launch is to end."""

    name: ClassVar[str] = "launch.events.Shutdown"

    reason: str = "reason not given"
    due_to_sigint: bool = False
