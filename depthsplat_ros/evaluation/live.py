# SPDX-License-Identifier: Apache-2.0
"""Published depth maps, kept while a recording was played, scored as the offline ones are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.evaluation.depth_scorer import DepthMap, DepthScorer
from depthsplat_ros.evaluation.document import make_document, recording_entry, result_entry
from depthsplat_ros.evaluation.evaluate import DOCUMENT, PAGE, PARTS
from depthsplat_ros.evaluation.measurement import Performance, Result
from depthsplat_ros.evaluation.page import ModelSamples, render_page
from depthsplat_ros.evaluation.parts import PartStore
from depthsplat_ros.evaluation.survey import survey
from depthsplat_ros.frame import Frame
from depthsplat_ros.offline.output import json_text, write_whole
from depthsplat_ros.offline.summary import FrameCounts, spread_of
from depthsplat_ros.offline.truth import TrueDepth, resample_nearest
from depthsplat_ros.recordings import RecordedFrame, Recording, RecordingOptions, open_recording

SOURCE = "live"
KEPT_ARRAYS = ("image", "depth_m", "confidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFacts:
    """What was counted and timed while the recording was played."""

    model: str
    device: str
    settings: Mapping[str, Any]
    """How it was played and what the node was told."""
    images: int
    """Images heard."""
    keyframes: int
    skipped: Mapping[str, int]
    """Usable frames that were not needed, by reason, as the node's status says."""
    dropped: Mapping[str, int]
    """Frames lost, by cause."""
    latency_s: Sequence[float]
    """From each image to its depth, both as heard beside the node."""
    played_s: float
    """From the first image heard to the last message."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PublishedDepth:
    """What the node published with one stamp."""

    stamp_ns: int
    image: UInt8[ndarray, "height width 3"]
    depth_m: Float32[ndarray, "height width"]
    confidence: Float32[ndarray, "height width"]
    camera: Camera


def keep(folder: Path, published: PublishedDepth) -> None:
    """Write a published depth map to a folder, to be scored when the recording has ended."""
    camera = published.camera
    np.savez(
        _kept_path(folder, published.stamp_ns),
        image=published.image,
        depth_m=published.depth_m,
        confidence=published.confidence,
        camera=[camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px],
    )


def score_live(
    path: Path,
    options: RecordingOptions,
    *,
    kept: Path,
    facts: LiveFacts,
    output: Path,
    command: str,
) -> dict[str, Any]:
    """Score what was kept against the recording, and write document and page.

    Poses and truth are those of the recording at the stamps of the depth maps, exactly as in an
    offline evaluation, so that the figures can be compared.

    Args:
        path: the recording that was played.
        options: which of its topics and frames are meant.
        kept: the folder with the published depth maps.
        facts: what was counted meanwhile.
        output: folder for document and page.
        command: what the report says it was made with.

    Raises:
        DepthSplatError: if the recording or the output folder cannot be used.
    """
    recording = open_recording(path, options)
    name = path.resolve().name
    scorer = DepthScorer()
    scored = 0
    for item in recording:
        if not isinstance(item, RecordedFrame):
            continue
        file = _kept_path(kept, item.frame.stamp_ns)
        if not file.is_file():
            continue
        scored += 1
        scorer.add(_depth_map(_read(file, item.frame.stamp_ns), item, scored))
    store = PartStore(output / PARTS)
    facts_of_recording = survey(name, recording, images=len(recording), on_image=lambda: None)
    result = result_entry(_result(name, recording, scorer, facts, scored))
    samples = scorer.samples.ranked()
    store.save_samples(SOURCE, {"recording": name}, samples)
    document = make_document(
        command=command,
        device="cpu",
        recordings=[recording_entry(facts_of_recording)],
        results=[result],
    )
    write_whole(output / DOCUMENT, json_text(document).encode())
    shown = store.load_samples(SOURCE, {"recording": name})
    samples_of_model = ModelSamples(depth_maps=shown, novel_views=[])
    page = render_page(document, {name: {facts.model: samples_of_model}})
    write_whole(output / PAGE, page.encode())
    return document


def _result(
    name: str, recording: Recording, scorer: DepthScorer, facts: LiveFacts, scored: int
) -> Result:
    return Result(
        recording=name,
        model=facts.model,
        source=SOURCE,
        device=facts.device,
        settings=dict(facts.settings),
        counts=FrameCounts(
            images=facts.images,
            skipped_by_recording={"not_heard": len(recording) - facts.images}
            if facts.images < len(recording)
            else {},
            frames=facts.images - sum(facts.dropped.values()),
            skipped_by_reconstruction={
                **dict(sorted(facts.skipped.items())),
                **{f"dropped_{cause}": count for cause, count in sorted(facts.dropped.items())},
            },
            examples={},
            keyframes=facts.keyframes,
            reconstructed=scored,
        ),
        figures=scorer.finish(),
        novel_views=None,
        performance=Performance(
            stages={"latency": spread_of(list(facts.latency_s))},
            frames_per_second=facts.images / facts.played_s if facts.played_s else 0.0,
            depth_maps_per_second=scored / facts.played_s if facts.played_s else 0.0,
            peak_memory_mib=None,
            peak_gpu_memory_mib=None,
        ),
    )


def _depth_map(published: PublishedDepth, item: RecordedFrame, number: int) -> DepthMap:
    truth = None
    if item.depth_m is not None:
        truth = resample_nearest(
            TrueDepth(depth_m=item.depth_m, camera=item.frame.camera), published.camera
        )
    return DepthMap(
        frame=Frame(
            stamp_ns=published.stamp_ns,
            image=published.image,
            camera=published.camera,
            world_from_camera=item.frame.world_from_camera,
        ),
        keyframe=number,
        depth_m=published.depth_m,
        confidence=published.confidence,
        dense_depth_m=None,
        true_depth_m=truth,
    )


def _read(file: Path, stamp_ns: int) -> PublishedDepth:
    with np.load(file) as arrays:
        height_px, width_px = arrays["depth_m"].shape
        fx_px, fy_px, cx_px, cy_px = arrays["camera"].tolist()
        camera = Camera(
            width_px=width_px,
            height_px=height_px,
            fx_px=fx_px,
            fy_px=fy_px,
            cx_px=cx_px,
            cy_px=cy_px,
        )
        arrays_kept = {name: arrays[name] for name in KEPT_ARRAYS}
    return PublishedDepth(stamp_ns=stamp_ns, camera=camera, **arrays_kept)


def _kept_path(folder: Path, stamp_ns: int) -> Path:
    return folder / f"{stamp_ns:019d}.npz"
