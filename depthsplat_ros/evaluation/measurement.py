# SPDX-License-Identifier: Apache-2.0
"""One model on one recording, from the first image to the figures."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from depthsplat_ros.evaluation.depth_scorer import DepthFigures, DepthMap, DepthScorer
from depthsplat_ros.evaluation.novel_views import NovelViewScore
from depthsplat_ros.evaluation.resources import PeakMemory
from depthsplat_ros.offline.samples import RankedSample
from depthsplat_ros.offline.summary import FrameCounts, TimeSpread, spread_of
from depthsplat_ros.offline.truth import HeldTruths, TrueDepth, resample_nearest
from depthsplat_ros.recordings import RecordedFrame, RecordedSkip
from depthsplat_ros.streaming.reconstructor import Reconstruction, Skipped, StreamingReconstructor


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Times and memory: the part of a result that two runs do not share."""

    stages: dict[str, TimeSpread]
    """Seconds by stage: `read` per image, `encode` and `predict` per depth map; live, `latency`
    from an image's stamp to its depth."""
    frames_per_second: float
    """Images over the time spent on them, reading included; live, over the time played."""
    depth_maps_per_second: float
    peak_memory_mib: float | None
    """Of the process, everything included; None where unknown."""
    peak_gpu_memory_mib: float | None
    """None on a CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One model on one recording: an entry of `results` in evaluation.json."""

    recording: str
    model: str
    """As it was asked for, settings included."""
    source: str
    """'offline', or 'live' if the published topics were scored."""
    device: str
    settings: dict[str, Any]
    counts: FrameCounts
    figures: DepthFigures
    novel_views: NovelViewScore | None
    """None where none were asked for or none could be rendered."""
    performance: Performance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """A result and the depth maps worth showing."""

    result: Result
    samples: list[RankedSample]


class Measurement:
    """Pushes a recording's frames through a reconstructor and scores what comes out."""

    def __init__(self, reconstructor: StreamingReconstructor) -> None:
        """Start with nothing taken."""
        self._memory = PeakMemory(reconstructor.device)
        self._reconstructor = reconstructor
        self._scorer = DepthScorer()
        self._truths = HeldTruths(reconstructor.config.keyframes_held)
        self._numbers: dict[int, int] = {}
        self._skipped_by_recording: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._frames = 0
        self._read_s: list[float] = []
        self._encode_s: list[float] = []
        self._predict_s: list[float] = []
        self._working_s = 0.0

    def run(
        self, recorded: Iterable[RecordedFrame | RecordedSkip], on_image: Callable[[], None]
    ) -> None:
        """Take every image; `on_image` is called after each."""
        iterator = iter(recorded)
        while True:
            started_s = time.perf_counter()
            item = next(iterator, None)
            if item is None:
                return
            self._read_s.append(time.perf_counter() - started_s)
            self._take(item)
            on_image()

    def _take(self, item: RecordedFrame | RecordedSkip) -> None:
        if isinstance(item, RecordedSkip):
            reason = item.reason.name.lower()
            self._skipped_by_recording[reason] += 1
            self._examples.setdefault(reason, item.detail)
            return
        self._frames += 1
        started_s = time.perf_counter()
        outcome = self._reconstructor.push(item.frame)
        self._working_s += time.perf_counter() - started_s
        if isinstance(outcome, Reconstruction) or outcome.is_keyframe:
            stamp_ns = item.frame.stamp_ns
            self._numbers[stamp_ns] = len(self._numbers) + 1
            if item.depth_m is not None:
                self._truths.add(
                    stamp_ns, TrueDepth(depth_m=item.depth_m, camera=item.frame.camera)
                )
        if isinstance(outcome, Skipped):
            self._skipped[outcome.reason.value] += 1
            self._examples.setdefault(outcome.reason.value, outcome.detail)
            return
        self._encode_s.append(outcome.encode_s)
        self._predict_s.append(outcome.predict_s)
        self._score(outcome)

    def _score(self, outcome: Reconstruction) -> None:
        # The depth may be that of an older keyframe than the frame just pushed.
        frame = outcome.frame
        truth = self._truths.find(frame.stamp_ns)
        self._scorer.add(
            DepthMap(
                frame=frame,
                keyframe=self._numbers[frame.stamp_ns],
                depth_m=outcome.depth_m,
                confidence=outcome.confidence,
                dense_depth_m=outcome.dense_depth_m,
                true_depth_m=None if truth is None else resample_nearest(truth, frame.camera),
            )
        )

    @property
    def keyframe_stamps_ns(self) -> list[int]:
        """Of all keyframes taken, whether or not they yielded a depth."""
        return list(self._numbers)

    def finish(self, *, recording: str, model: str) -> Measured:
        """The result of everything taken."""
        # Taken first: what scoring the cloud needs is not the model's.
        machine_mib, device_mib = self._memory.machine_mib(), self._memory.device_mib()
        images = self._frames + self._skipped_by_recording.total()
        busy_s = sum(self._read_s) + self._working_s
        figures = self._scorer.finish()
        return Measured(
            result=Result(
                recording=recording,
                model=model,
                source="offline",
                device=self._reconstructor.device,
                settings=dataclasses.asdict(self._reconstructor.config),
                counts=FrameCounts(
                    images=images,
                    skipped_by_recording=dict(sorted(self._skipped_by_recording.items())),
                    frames=self._frames,
                    skipped_by_reconstruction=dict(sorted(self._skipped.items())),
                    examples=self._examples,
                    keyframes=len(self._numbers),
                    reconstructed=len(self._predict_s),
                ),
                figures=figures,
                novel_views=None,
                performance=Performance(
                    stages={
                        "read": spread_of(self._read_s),
                        "encode": spread_of(self._encode_s),
                        "predict": spread_of(self._predict_s),
                    },
                    frames_per_second=images / busy_s if busy_s else 0.0,
                    depth_maps_per_second=len(self._predict_s) / busy_s if busy_s else 0.0,
                    peak_memory_mib=machine_mib,
                    peak_gpu_memory_mib=device_mib,
                ),
            ),
            samples=self._scorer.samples.ranked(),
        )
