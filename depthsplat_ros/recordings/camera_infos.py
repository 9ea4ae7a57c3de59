# SPDX-License-Identifier: Apache-2.0
"""The calibrations of a recording by stamp, each kept once."""

from bisect import bisect_left
from typing import Any

TOLERANCE_NS = 50_000_000
"""An image takes the nearest camera_info within this; drivers stamp both alike or nearly so."""


class CameraInfoLog:
    """Collects CameraInfo messages and finds the one that goes with an image."""

    def __init__(self) -> None:
        """An empty log."""
        self._distinct: dict[tuple, Any] = {}
        self._entries: list[tuple[int, Any]] = []
        self._is_sorted = True

    def add(self, stamp_ns: int, message: Any) -> None:
        """Takes a message; equal ones share memory."""
        first = self._distinct.setdefault(_content(message), message)
        self._entries.append((stamp_ns, first))
        self._is_sorted = False

    def find(self, stamp_ns: int) -> Any | None:
        """The calibration at the stamp: the only one there is, or the nearest in time.

        A camera that never changed keeps its calibration even where the messages have gaps, and
        some drivers send it once only.
        """
        if len(self._distinct) == 1:
            return next(iter(self._distinct.values()))
        if not self._is_sorted:
            self._entries.sort(key=_stamp)
            self._is_sorted = True
        index = bisect_left(self._entries, stamp_ns, key=_stamp)
        nearest = min(
            self._entries[max(index - 1, 0) : index + 1],
            key=lambda entry: abs(entry[0] - stamp_ns),
            default=None,
        )
        if nearest is None or abs(nearest[0] - stamp_ns) > TOLERANCE_NS:
            return None
        return nearest[1]


def _stamp(entry: tuple[int, Any]) -> int:
    return entry[0]


def _content(message: Any) -> tuple:
    roi = message.roi
    return (
        message.width,
        message.height,
        message.distortion_model,
        *(tuple(float(value) for value in values) for values in (message.d, message.k)),
        *(tuple(float(value) for value in values) for values in (message.r, message.p)),
        message.binning_x,
        message.binning_y,
        (roi.x_offset, roi.y_offset, roi.width, roi.height),
    )
