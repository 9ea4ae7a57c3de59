# SPDX-License-Identifier: Apache-2.0
"""How a filter finds the time of a message."""

from collections.abc import Callable
from typing import Any

from rclpy.time import Time

TimeGetter = Callable[[Any], Time | None]


def get_time_from_message_header(message: Any) -> Time | None:
    """Stamp in the header, None if there is no header or no stamp in it."""
    stamp = getattr(getattr(message, "header", None), "stamp", None)
    if stamp is None or hasattr(stamp, "nanoseconds"):
        return stamp
    return Time.from_msg(stamp)
