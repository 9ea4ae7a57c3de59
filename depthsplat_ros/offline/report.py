# SPDX-License-Identifier: Apache-2.0
"""What a job found, as tables for the terminal."""

import math
from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from depthsplat_ros.evaluation.scores import WARM_UP_KEYFRAMES, Accuracy
from depthsplat_ros.offline.summary import AccuracyReport, FrameCounts, Summary


def describe(summary: Summary) -> RenderableType:
    """Everything a person wants to know first: where the frames went, how long, how accurate."""
    parts: list[RenderableType] = [_frames_table(summary.counts), _facts(summary)]
    if summary.accuracy is not None:
        parts.append(_accuracy_table(summary.accuracy))
    elif summary.counts.reconstructed:
        parts.append(Text("no true depth in the recording: nothing to compare with", style="dim"))
    return Group(*parts)


def _frames_table(counts: FrameCounts) -> Table:
    table = Table(title="Frames", title_justify="left", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(style="dim")
    table.add_row(str(counts.images), "images read", "")
    for reason, count in counts.skipped_by_recording.items():
        table.add_row(f"-{count}", reason, counts.examples[reason])
    table.add_row(
        str(counts.frames), "frames with pose and camera", f"{counts.keyframes} kept as keyframes"
    )
    for reason, count in counts.skipped_by_reconstruction.items():
        table.add_row(f"-{count}", reason, counts.examples[reason])
    table.add_row(str(counts.reconstructed), "depth maps", "", style="bold")
    return table


def _facts(summary: Summary) -> Text:
    times, cloud = summary.times, summary.cloud
    if not summary.counts.reconstructed:
        reason = next(iter(summary.counts.skipped_by_reconstruction))
        return Text(f"no depth came out of it, mostly for {reason}", style="bold yellow")
    return Text(
        f"{times.total_s:.1f} s in all; per keyframe {times.encode_s.median_s:.3f} s to encode "
        f"and {times.predict_s.median_s:.3f} s to predict on {summary.device} (medians); cloud of "
        f"{cloud.points:,} points, voxels of {cloud.voxel_m:.3g} m"
        + (f"; scene of {summary.scene.gaussians:,} Gaussians" if summary.scene else "")
    )


def _accuracy_table(accuracy: AccuracyReport) -> Table:
    table = Table(
        title="Errors against the recorded true depth, no scale alignment of any kind",
        title_justify="left",
        caption=ACCURACY_CAPTION,
        caption_justify="left",
    )
    every, late = accuracy.all_keyframes, accuracy.after_keyframe_5
    table.add_column()
    for which, score in (("all", every), (f"after {WARM_UP_KEYFRAMES}th", late)):
        for pixels in ("every pixel", "published"):
            table.add_column(
                f"{which}\n{score.full.keyframes} keyframes\n{pixels}", justify="right"
            )
    columns = [every.full, every.published, late.full, late.published]
    for name, form, number_of in ACCURACY_ROWS:
        numbers = [number_of(column) for column in columns]
        table.add_row(
            name, *("-" if math.isnan(number) else form.format(number) for number in numbers)
        )
    return table


ACCURACY_CAPTION = (
    "Means over pixels with true depth, pooled over keyframes, at working size. 'every pixel' "
    "scores the best guess everywhere, 'published' only the pixels whose depth is published; "
    "coverage is their share of the pixels with true depth. Ratio: the median of depth / truth "
    "in a keyframe; its median and percentiles over the keyframes."
)
ACCURACY_ROWS: tuple[tuple[str, str, Callable[[Accuracy], float]], ...] = (
    ("coverage", "{:.1%}", lambda found: found.metrics.coverage),
    ("AbsRel", "{:.4f}", lambda found: found.metrics.absolute_relative),
    ("RMSE", "{:.3f} m", lambda found: found.metrics.rmse_m),
    ("δ < 1.05", "{:.3f}", lambda found: found.metrics.delta_1_05),
    ("δ < 1.10", "{:.3f}", lambda found: found.metrics.delta_1_10),
    ("δ < 1.25", "{:.3f}", lambda found: found.metrics.delta_1_25),
    ("ratio", "{:.3f}", lambda found: found.median_ratio.median),
    ("ratio, 5 %", "{:.3f}", lambda found: found.median_ratio.percentile_5),
    ("ratio, 95 %", "{:.3f}", lambda found: found.median_ratio.percentile_95),
)
