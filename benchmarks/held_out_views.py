#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How well the scene shows what a camera saw that took no part in it.

    python benchmarks/held_out_views.py BAG [--output DIR]

Every fourth keyframe is kept away from the reconstruction; its picture is then rendered from its
pose, twice: live, as soon as the next keyframe is merged, and at the end of the recording. PSNR
and SSIM are those of whole pictures, holes in black included; nothing is aligned, neither poses
nor exposures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from depthsplat_ros.evaluation.novel_views import (
    FILLED_OPACITY,
    hold_out,
    likeness,
    view_held_out,
)
from depthsplat_ros.frame import Frame
from depthsplat_ros.recordings import RecordedFrame, RecordingOptions, open_recording
from depthsplat_ros.streaming.config import DEFAULT_MODEL, StreamingConfig
from depthsplat_ros.streaming.factory import create_reconstructor
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor
from depthsplat_ros.streaming.scene import RenderedView
from depthsplat_ros.streaming.scene_config import SceneConfig

SHEET_ROWS = 6
DIFFERENCE_GAIN = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """A kept away frame and what the scene showed in its place."""

    frame: Frame
    live: RenderedView
    final: RenderedView


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How close a rendering is to the picture."""

    psnr_db: float
    ssim: float
    coverage: float
    """Share of the pixels where the scene shows anything."""
    covered_psnr_db: float
    """PSNR of those pixels alone."""


def compare(view: RenderedView, frame: Frame) -> Likeness:
    """PSNR and SSIM."""
    psnr_db, ssim = likeness(view.colour, frame.image)
    is_covered = view.opacity > FILLED_OPACITY
    difference = (view.colour.astype(np.float64) - frame.image)[is_covered] / 255
    with np.errstate(divide="ignore"):
        covered_psnr_db = (
            float(-10 * np.log10(np.square(difference).mean())) if is_covered.any() else np.nan
        )
    return Likeness(
        psnr_db=psnr_db,
        ssim=ssim,
        coverage=float(is_covered.mean()),
        covered_psnr_db=covered_psnr_db,
    )


def find_kept_away(
    recorded: list[RecordedFrame], reconstructor: StreamingReconstructor
) -> frozenset[int]:
    """Stamps of every fourth frame that would become a keyframe; the first is always given."""
    return hold_out(
        [
            item.frame.stamp_ns
            for item in recorded
            if reconstructor.push(item.frame, is_wanted=False).is_keyframe  # type: ignore[union-attr]
        ]
    )


def shoot(
    recorded: list[RecordedFrame],
    kept_away: frozenset[int],
    reconstructor: StreamingReconstructor,
) -> list[Shot]:
    """Reconstruct without the kept away frames, and render them."""
    live = list(view_held_out(recorded, kept_away, reconstructor, lambda: None))
    scene = reconstructor.scene
    return [
        Shot(frame=frame, live=view, final=scene.render(frame.camera, frame.world_from_camera))
        for frame, view in live
    ]


def draw_sheet(shots: list[Shot]) -> np.ndarray:
    """From worst to best: picture, live rendering, final one, and three times its difference."""
    ranked = sorted(shots, key=lambda shot: compare(shot.live, shot.frame).psnr_db)
    chosen = np.linspace(0, len(ranked) - 1, min(SHEET_ROWS, len(ranked))).round().astype(int)
    rows = []
    for shot in (ranked[index] for index in chosen):
        difference = cv2.absdiff(shot.live.colour, np.ascontiguousarray(shot.frame.image))
        amplified = cv2.convertScaleAbs(difference, alpha=DIFFERENCE_GAIN)
        rows.append(np.hstack([shot.frame.image, shot.live.colour, shot.final.colour, amplified]))
    return np.vstack(rows)


def main(
    bag: Annotated[Path, typer.Argument(help="A rosbag2 recording.")],
    model: str = DEFAULT_MODEL,
    device: str = "auto",
    output: Annotated[Path | None, typer.Option(help="Folder for pictures.")] = None,
) -> None:
    """Print a table, and draw the pictures side by side."""
    console = Console()
    recorded = [
        item for item in open_recording(bag, RecordingOptions()) if isinstance(item, RecordedFrame)
    ]

    def create(scene: SceneConfig | None) -> StreamingReconstructor:
        return create_reconstructor(StreamingConfig(), model=model, device=device, scene=scene)

    kept_away = find_kept_away(recorded, create(None))
    reconstructor = create(SceneConfig(scene_maximum_gaussians=3_000_000))
    shots = shoot(recorded, kept_away, reconstructor)
    scene = reconstructor.scene
    table = Table(title=f"{bag.name}: {len(shots)} views kept away, {len(scene):,} Gaussians")
    for title in ("", "PSNR dB", "median", "SSIM", "covered", "PSNR there"):
        table.add_column(title, justify="right")
    for name in ("live", "final"):
        found = [compare(getattr(shot, name), shot.frame) for shot in shots]
        table.add_row(
            name,
            f"{np.mean([each.psnr_db for each in found]):.2f}",
            f"{np.median([each.psnr_db for each in found]):.2f}",
            f"{np.mean([each.ssim for each in found]):.3f}",
            f"{np.mean([each.coverage for each in found]):.1%}",
            f"{np.nanmean([each.covered_psnr_db for each in found]):.2f}",
        )
    console.print(table)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        path = output / f"held_out_{bag.name}.png"
        cv2.imwrite(str(path), draw_sheet(shots)[..., ::-1])
        console.print(f"pictures: {path}")


if __name__ == "__main__":
    typer.run(main)
