# SPDX-License-Identifier: Apache-2.0
"""`depthsplat reconstruct`: a recording on disk through the job, with a progress bar."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from depthsplat_ros.fusion import FusionConfig
from depthsplat_ros.offline.job import NOVEL_PICTURES, ReconstructionJob
from depthsplat_ros.offline.output import OutputFolder
from depthsplat_ros.offline.progress import image_progress
from depthsplat_ros.offline.report import describe
from depthsplat_ros.offline.summary import Summary
from depthsplat_ros.recordings import RecordingOptions, open_recording
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.factory import create_reconstructor
from depthsplat_ros.streaming.scene_config import SceneConfig

MAXIMUM_GAUSSIANS = 2_000_000
"""Of scene.ply, unless told otherwise: 136 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructionOrder:
    """Everything a person may decide about a reconstruction."""

    recording: Path
    title: str
    """What pictures and documents call the recording."""
    output: Path
    model: str
    device: str
    """auto, cpu, cuda or cuda:N."""
    precision: str
    """auto, float32 or fast; for networks alone."""
    maximum_frames: int | None
    """Images read at most; None reads all."""
    recording_options: RecordingOptions
    streaming: StreamingConfig
    fusion: FusionConfig
    scene: SceneConfig | None
    """None makes no Gaussians."""


def reconstruct(order: ReconstructionOrder, console: Console) -> Summary:
    """Read, reconstruct, write everything, and print what came of it.

    Raises:
        DepthSplatError: if the recording, an option or the output folder cannot be used.
    """
    reconstructor = create_reconstructor(
        order.streaming,
        model=order.model,
        device=order.device,
        precision=order.precision,
        scene=_suited_to_files(order.scene),
    )
    with console.status(f"reading what {order.recording} holds"):
        recording = open_recording(order.recording, order.recording_options)
    images = len(recording)
    if order.maximum_frames is not None:
        images = min(images, order.maximum_frames)
    topics = recording.topics
    console.print(
        f"images [bold]{topics.image}[/], camera_info [bold]{topics.camera_info}[/], true depth "
        f"[bold]{topics.depth or 'none'}[/], poses [bold]{recording.world_frame}[/] from "
        f"[bold]{recording.camera_frame}[/]",
        highlight=False,
    )
    job = ReconstructionJob(reconstructor, OutputFolder(order.output), order.fusion)
    with image_progress(console) as progress:
        task = progress.add_task("reconstructing", total=images)
        job.run(itertools.islice(recording, images), lambda: progress.advance(task))
        progress.update(task, description="writing the cloud and pictures")
        film = progress.add_task("rendering novel views", total=NOVEL_PICTURES, visible=False)
        summary = job.finish(
            recording=order.title,
            model=order.model,
            device=reconstructor.device,
            on_picture=lambda: progress.update(film, advance=1, visible=True),
        )
        progress.update(task, description="done")
    console.print(describe(summary))
    console.print(f"written to [bold]{order.output}[/]: {_contents(summary)}", highlight=False)
    return summary


def _suited_to_files(scene: SceneConfig | None) -> SceneConfig | None:
    """Nobody waits for the next depth map here, so the scene may be larger than a robot's."""
    if scene is None or scene.scene_maximum_gaussians:
        return scene
    return replace(scene, scene_maximum_gaussians=MAXIMUM_GAUSSIANS)


def _contents(summary: Summary) -> str:
    always = "cloud.ply, keyframes.json, summary.json"
    if not summary.counts.reconstructed:
        return always
    files = ["depth/*.png", "depth_raw/*.tiff", "contact_sheet.png", "cloud.png"]
    if summary.scene is not None:
        files.append("scene.ply")
        if summary.scene.is_rendered:
            files += ["novel_views.mp4", "novel_views.png"]
    return ", ".join([*files, always])
