# SPDX-License-Identifier: Apache-2.0
"""`depthsplat evaluate`: every model on every recording, then evaluation.json and report.html."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

import depthsplat_ros
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.evaluation.document import (
    SCHEMA,
    make_document,
    recording_entry,
    result_entry,
)
from depthsplat_ros.evaluation.measurement import Measurement
from depthsplat_ros.evaluation.model_spec import ModelSpec
from depthsplat_ros.evaluation.novel_views import NovelViews, hold_out, render_held_out
from depthsplat_ros.evaluation.page import ModelSamples, RecordingSamples, render_page
from depthsplat_ros.evaluation.parts import PartStore, fingerprint
from depthsplat_ros.evaluation.survey import survey
from depthsplat_ros.offline.output import json_text, write_whole
from depthsplat_ros.offline.progress import image_progress
from depthsplat_ros.recordings import Recording, RecordingOptions, open_recording
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.factory import create_reconstructor, resolve_device
from depthsplat_ros.streaming.scene_config import SceneConfig

DOCUMENT = "evaluation.json"
PAGE = "report.html"
PARTS = "parts"


class EvaluationError(DepthSplatError):
    """What is asked for cannot be evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOrder:
    """Everything a person may decide about an evaluation."""

    recordings: tuple[Path, ...]
    specs: tuple[ModelSpec, ...]
    output: Path
    device: str
    """auto, cpu, cuda or cuda:N."""
    precision: str
    """auto, float32 or fast; for networks alone."""
    maximum_frames: int | None
    """Images read at most of each recording; None reads all."""
    recording_options: RecordingOptions
    streaming: StreamingConfig
    """Settings of all models, but for those that a spec names."""
    has_novel_views: bool
    """Render held-out frames as well, which takes every recording once more."""
    is_fresh: bool
    """Compute everything again, even what is finished."""
    command: str
    """What the report says it was made with."""

    @property
    def passes(self) -> int:
        """How often a model goes through a recording."""
        return 2 if self.has_novel_views else 1


def evaluate(order: EvaluationOrder, console: Console) -> dict[str, Any]:
    """Compute what is not finished yet, write document and page, and return the document.

    Raises:
        DepthSplatError: if a recording, a model, an option or the output folder cannot be used.
    """
    if not order.recordings or not order.specs:
        raise EvaluationError("nothing to evaluate: name at least one recording and one model")
    names = name_recordings(order.recordings)
    device = resolve_device(order.device)
    # All settings are checked before the first hour of work.
    streaming = {spec.text: spec.applied_to(order.streaming) for spec in order.specs}
    store = PartStore(order.output / PARTS)
    with console.status("reading what the recordings hold"):
        recordings = {
            name: open_recording(path, order.recording_options)
            for name, path in zip(names, order.recordings, strict=True)
        }
    images = sum(_length(recording, order) for recording in recordings.values())
    entries: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    samples: dict[str, RecordingSamples] = {}
    with image_progress(console) as progress:
        passes = 1 + len(order.specs) * order.passes
        task = progress.add_task("evaluating", total=images * passes)
        for (name, recording), path in zip(recordings.items(), order.recordings, strict=True):
            inputs = {
                "schema": SCHEMA,
                "version": depthsplat_ros.__version__,
                "recording": fingerprint(path),
                "options": dataclasses.asdict(order.recording_options),
                "maximum_frames": order.maximum_frames,
            }
            part = _Part(order=order, store=store, progress=progress, task=task, name=name)
            entries.append(part.survey(recording, inputs))
            samples[name] = {}
            for spec in order.specs:
                result, shown = part.measure(
                    recording, spec, streaming[spec.text], device=device, inputs=inputs
                )
                results.append(result)
                samples[name][spec.text] = shown
        progress.update(task, description="writing the report")
        document = make_document(
            command=order.command, device=device, recordings=entries, results=results
        )
        write_whole(order.output / DOCUMENT, json_text(document).encode())
        write_whole(order.output / PAGE, render_page(document, samples).encode())
        progress.update(task, description="done")
    return document


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """What is computed for one recording, or found finished."""

    order: EvaluationOrder
    store: PartStore
    progress: Progress
    task: TaskID
    name: str

    def survey(self, recording: Recording, inputs: Mapping[str, Any]) -> dict[str, Any]:
        found = None if self.order.is_fresh else self.store.load(self.name, inputs)
        if found is not None:
            self._skip(recording, passes=1)
            return found
        self.progress.update(self.task, description=f"checking {self.name}")
        facts = survey(
            self.name,
            recording,
            images=_length(recording, self.order),
            on_image=self._advance,
        )
        entry = recording_entry(facts)
        self.store.save(self.name, inputs, entry)
        return entry

    def measure(
        self,
        recording: Recording,
        spec: ModelSpec,
        streaming: StreamingConfig,
        *,
        device: str,
        inputs: Mapping[str, Any],
    ) -> tuple[dict[str, Any], ModelSamples]:
        part = f"{self.name}-{spec.text}"
        weights = Path(spec.model)
        depends_on = {
            **inputs,
            "model": spec.text,
            "weights": fingerprint(weights) if weights.is_file() else None,
            "device": device,
            "precision": self.order.precision,
            "has_novel_views": self.order.has_novel_views,
            "streaming": dataclasses.asdict(streaming),
        }
        found = None if self.order.is_fresh else self.store.load(part, depends_on)
        if found is not None:
            self._skip(recording, passes=self.order.passes)
            return found, self._load(part, depends_on)
        self.progress.update(self.task, description=f"{spec.text} on {self.name}")
        reconstructor = create_reconstructor(
            streaming, model=spec.model, device=device, precision=self.order.precision
        )
        measurement = Measurement(reconstructor)
        limited = itertools.islice(recording, self.order.maximum_frames)
        measurement.run(limited, self._advance)
        measured = measurement.finish(recording=self.name, model=spec.text)
        result = measured.result
        if self.order.has_novel_views:
            held_out = hold_out(measurement.keyframe_stamps_ns)
            views = self._render(recording, spec, streaming, device, held_out)
            if views is not None:
                result = dataclasses.replace(result, novel_views=views.score)
                self.store.save_views(part, depends_on, views.shown)
        entry = result_entry(result)
        self.store.save_samples(part, depends_on, measured.samples)
        # Last, because it is what says that the part is finished.
        self.store.save(part, depends_on, entry)
        return entry, self._load(part, depends_on)

    def _render(
        self,
        recording: Recording,
        spec: ModelSpec,
        streaming: StreamingConfig,
        device: str,
        held_out: frozenset[int],
    ) -> NovelViews | None:
        self.progress.update(self.task, description=f"novel views, {spec.text} on {self.name}")
        return render_held_out(
            itertools.islice(recording, self.order.maximum_frames),
            held_out,
            create_reconstructor(
                streaming,
                model=spec.model,
                device=device,
                precision=self.order.precision,
                scene=SceneConfig(),
            ),
            self._advance,
        )

    def _load(self, part: str, depends_on: Mapping[str, Any]) -> ModelSamples:
        return ModelSamples(
            depth_maps=self.store.load_samples(part, depends_on),
            novel_views=self.store.load_views(part, depends_on),
        )

    def _skip(self, recording: Recording, *, passes: int) -> None:
        self.progress.advance(self.task, passes * _length(recording, self.order))

    def _advance(self) -> None:
        self.progress.advance(self.task)


def name_recordings(paths: tuple[Path, ...]) -> list[str]:
    """A short name for each: the last part of its path, with the one before where they collide.

    Raises:
        EvaluationError: if a recording is given twice.
    """
    resolved = [path.resolve() for path in paths]
    for index, path in enumerate(resolved):
        if path in resolved[:index]:
            raise EvaluationError(f"recording {paths[index]} is given twice")
    last = [path.name for path in resolved]
    return [
        name if last.count(name) == 1 else "/".join(path.parts[-2:])
        for name, path in zip(last, resolved, strict=True)
    ]


def _length(recording: Recording, order: EvaluationOrder) -> int:
    return min(len(recording), order.maximum_frames or len(recording))
