# SPDX-License-Identifier: Apache-2.0
"""What became of the novel views: counts, rate and time, from any thread."""

import threading
from collections import Counter, deque
from dataclasses import dataclass

from depthsplat_ros.ros.statistics import RATE_PERIOD_S, Spread, spread_of

LATE = "late"
"""Cause of the views whose turn passed while the one before was being rendered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSnapshot:
    """The statistics at one moment; rate and spread are over the last `RATE_PERIOD_S`."""

    views: int
    dropped: dict[str, int]
    rate_hz: float
    rendering: Spread


class ViewStatistics:
    """Counts and recent times; `now_s` is always monotonic time, given by the caller."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._clear()

    def reset(self) -> None:
        """Start again at zero."""
        with self._lock:
            self._clear()

    def count_view(self, *, now_s: float, render_s: float) -> None:
        """A view was published."""
        with self._lock:
            self._views += 1
            self._recent.append((now_s, render_s))
            self._forget_old(now_s)

    def count_dropped(self, cause: str, *, count: int = 1) -> None:
        """Views were due and were not rendered."""
        with self._lock:
            self._dropped[cause] += count

    def snapshot(self, *, now_s: float) -> ViewSnapshot:
        """Everything at this moment."""
        with self._lock:
            self._forget_old(now_s)
            times_s = [time_s for time_s, _ in self._recent]
            # Between the first and the last, so that the rate is right from the second view on.
            span_s = times_s[-1] - times_s[0] if times_s else 0.0
            durations_s = [render_s for _, render_s in self._recent]
            return ViewSnapshot(
                views=self._views,
                dropped=dict(self._dropped),
                rate_hz=(len(times_s) - 1) / span_s if span_s > 0 else 0.0,
                rendering=spread_of(durations_s, durations_s[-1] if durations_s else None),
            )

    def _forget_old(self, now_s: float) -> None:
        while self._recent and self._recent[0][0] < now_s - RATE_PERIOD_S:
            self._recent.popleft()

    def _clear(self) -> None:
        self._views = 0
        self._dropped: Counter[str] = Counter()
        self._recent: deque[tuple[float, float]] = deque()
