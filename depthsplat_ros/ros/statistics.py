# SPDX-License-Identifier: Apache-2.0
"""What happened to every frame: counts by cause, rates and latencies, from any thread."""

import statistics
import threading
from collections import Counter, deque
from dataclasses import dataclass

RATE_PERIOD_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Some durations in seconds; NaN where there are none."""

    last_s: float
    median_s: float
    maximum_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The statistics at one moment; rates and spreads are over the last `RATE_PERIOD_S`."""

    received: int
    keyframes: int
    predictions: int
    skipped: dict[str, int]
    dropped: dict[str, int]
    input_rate_hz: float
    keyframe_rate_hz: float
    output_rate_hz: float
    latency: Spread
    inference: Spread
    since_input_s: float
    """Time since the last image; infinite before the first."""
    last_event: str
    """'prediction', or the reason why the last frame gave none; empty before the first frame."""
    last_detail: str
    """The same, for a person."""


class Statistics:
    """Counts and recent times; `now_s` is always monotonic time, given by the caller."""

    def __init__(self, *, now_s: float) -> None:
        """Start counting at `now_s`."""
        self._lock = threading.Lock()
        self._started_s = now_s
        self._clear()

    def reset(self, *, now_s: float) -> None:
        """Start again at zero."""
        with self._lock:
            self._started_s = now_s
            self._clear()

    def count_received(self, *, now_s: float) -> None:
        """An image arrived, usable or not."""
        with self._lock:
            self._received += 1
            self._last_input_s = now_s
            self._input_times_s.append(now_s)

    def count_dropped(self, cause: str, detail: str) -> None:
        """A frame was lost."""
        with self._lock:
            self._dropped[cause] += 1
            self._last_event, self._last_detail = cause, detail

    def count_skipped(self, reason: str, detail: str) -> None:
        """A usable frame was not needed."""
        with self._lock:
            self._skipped[reason] += 1
            self._last_event, self._last_detail = reason, detail

    def count_keyframe(self, *, now_s: float) -> None:
        """A frame was kept for matching."""
        with self._lock:
            self._keyframes += 1
            self._keyframe_times_s.append(now_s)

    def count_prediction(self, *, now_s: float, latency_s: float, inference_s: float) -> None:
        """A depth was published."""
        with self._lock:
            self._predictions += 1
            self._outputs.append((now_s, latency_s, inference_s))
            self._last_event, self._last_detail = "prediction", ""

    def snapshot(self, *, now_s: float) -> Snapshot:
        """Everything at this moment."""
        with self._lock:
            since_s = now_s - RATE_PERIOD_S
            for times_s in (self._input_times_s, self._keyframe_times_s):
                while times_s and times_s[0] < since_s:
                    times_s.popleft()
            last_output = self._outputs[-1] if self._outputs else None
            while len(self._outputs) > 1 and self._outputs[0][0] < since_s:
                self._outputs.popleft()
            recent = [output for output in self._outputs if output[0] >= since_s]
            period_s = max(min(RATE_PERIOD_S, now_s - self._started_s), 1e-3)
            return Snapshot(
                received=self._received,
                keyframes=self._keyframes,
                predictions=self._predictions,
                skipped=dict(self._skipped),
                dropped=dict(self._dropped),
                input_rate_hz=len(self._input_times_s) / period_s,
                keyframe_rate_hz=len(self._keyframe_times_s) / period_s,
                output_rate_hz=len(recent) / period_s,
                latency=spread_of(
                    [output[1] for output in recent], last_output and last_output[1]
                ),
                inference=spread_of(
                    [output[2] for output in recent], last_output and last_output[2]
                ),
                since_input_s=now_s - self._last_input_s,
                last_event=self._last_event,
                last_detail=self._last_detail,
            )

    def _clear(self) -> None:
        self._received = self._keyframes = self._predictions = 0
        self._skipped: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._input_times_s: deque[float] = deque()
        self._keyframe_times_s: deque[float] = deque()
        self._outputs: deque[tuple[float, float, float]] = deque()
        self._last_input_s = float("-inf")
        self._last_event = self._last_detail = ""


def spread_of(durations_s: list[float], last_s: float | None) -> Spread:
    """Median and maximum of some durations, and the last one."""
    missing = float("nan")
    return Spread(
        last_s=missing if last_s is None else last_s,
        median_s=statistics.median(durations_s) if durations_s else missing,
        maximum_s=max(durations_s, default=missing),
    )
