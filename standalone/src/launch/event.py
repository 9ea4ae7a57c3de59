# SPDX-License-Identifier: Apache-2.0
"""Event: the base of everything that can happen while a launch runs."""

from typing import ClassVar


class Event:
    """Something that has happened."""

    name: ClassVar[str] = "launch.Event"
