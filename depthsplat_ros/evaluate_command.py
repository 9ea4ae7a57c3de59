# SPDX-License-Identifier: Apache-2.0
"""`depthsplat evaluate`: models on recordings, or one evaluation against another."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from depthsplat_ros.cli_options import takes_settings
from depthsplat_ros.common_options import (
    RECORDING,
    CameraFrameOption,
    CameraInfoTopicOption,
    DepthTopicOption,
    DeviceOption,
    ImageTopicOption,
    MaximumFramesOption,
    PoseScaleOption,
    PrecisionOption,
    WorldFrameOption,
)
from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.config import DEFAULT_MODEL, StreamingConfig

if TYPE_CHECKING:
    from depthsplat_ros.evaluation.comparison import Change

REGRESSION = 1
"""Exit status when a compared evaluation is worse."""
RECONSTRUCTION = "Reconstruction"
COMPARISON = "Comparison"
COLOURS = {"better": "green", "worse": "bold red", "missing": "bold red", "same": "dim"}


@takes_settings(streaming=(StreamingConfig, RECONSTRUCTION))
def evaluate(
    bags: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="BAG",
            help="rosbag2 recordings: their folders, or .mcap or .db3 files.",
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for evaluation.json, report.html and parts/; what is finished there is "
            "not computed again.",
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A network by name or file, or plane-sweep; settings that differ for this "
            "model after a colon: tiny:window_views=6,reference=middle. May be repeated.",
            show_default=DEFAULT_MODEL,
        ),
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    has_novel_views: Annotated[
        bool,
        typer.Option(
            "--novel-views/--no-novel-views",
            help="Render every fourth keyframe from a scene it took no part in; takes each model "
            "through each recording once more.",
        ),
    ] = True,
    is_fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute everything again, even what is finished.")
    ] = False,
    maximum_frames: MaximumFramesOption = None,
    image_topic: ImageTopicOption = None,
    camera_info_topic: CameraInfoTopicOption = None,
    depth_topic: DepthTopicOption = None,
    depth_camera_info_topic: Annotated[
        str | None,
        typer.Option(
            help="CameraInfo topic of the true depth.",
            rich_help_panel=RECORDING,
            show_default="the depth topic's sibling",
        ),
    ] = None,
    world_frame: WorldFrameOption = None,
    camera_frame: CameraFrameOption = None,
    pose_scale: PoseScaleOption = 1.0,
    compared: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare",
            metavar="OLD.json NEW.json",
            help="Evaluate nothing; hold one evaluation.json against an older one and end with "
            "status 1 if it is worse.",
            rich_help_panel=COMPARISON,
        ),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=10.0,
            metavar="N",
            help="A figure is worse when it changed by more than this share.",
            rich_help_panel=COMPARISON,
        ),
    ] = 0.02,
    streaming: StreamingConfig,
) -> None:
    """How accurate, how consistent and how fast models are on your own recordings, and where not.

    The poses are checked against the images first. Every model then runs on every recording;
    where a recording has true depth, errors are computed against it. The folder gets
    evaluation.json (its schema is in docs/evaluation.md) and report.html, which needs nothing
    else to be looked at.
    """
    if compared is not None:
        if bags or models or output:
            raise SettingError("--compare takes two files; leave out recordings and other options")
        _compare(*compared, threshold)
        return
    if not bags or output is None:
        raise SettingError(
            "evaluate needs recordings and --output DIR, or --compare OLD.json NEW.json"
        )
    # torch takes seconds to import; --help and wrong options must not wait for it.
    from depthsplat_ros.evaluation import evaluate as evaluation
    from depthsplat_ros.evaluation.model_spec import parse_specs
    from depthsplat_ros.evaluation.summary import describe
    from depthsplat_ros.recordings import RecordingOptions

    console = Console()
    document = evaluation.evaluate(
        evaluation.EvaluationOrder(
            recordings=tuple(bags),
            specs=tuple(parse_specs(models or [DEFAULT_MODEL])),
            output=output,
            device=device,
            precision=precision,
            maximum_frames=maximum_frames,
            recording_options=RecordingOptions(
                image_topic=image_topic,
                camera_info_topic=camera_info_topic,
                depth_topic=depth_topic,
                depth_camera_info_topic=depth_camera_info_topic,
                world_frame=world_frame,
                camera_frame=camera_frame,
                pose_scale=pose_scale,
            ),
            streaming=streaming,
            has_novel_views=has_novel_views,
            is_fresh=is_fresh,
            command=shlex.join(["depthsplat", *sys.argv[1:]]),
        ),
        console,
    )
    console.print(describe(document))
    console.print(
        f"written to [bold]{output}[/]: {evaluation.PAGE}, {evaluation.DOCUMENT}", highlight=False
    )


def _compare(before: Path, after: Path, threshold: float) -> None:
    from depthsplat_ros.evaluation.comparison import compare, has_regressed
    from depthsplat_ros.evaluation.document import read_document

    changes = compare(read_document(before), read_document(after), threshold=threshold)
    shown = [change for change in changes if change.trend.value != "same"]
    console = Console()
    console.print(
        f"{len(changes)} figures compared, {len(changes) - len(shown)} of them within "
        f"{threshold:.0%}"
    )
    if shown:
        console.print(_changes_table(shown))
    if has_regressed(changes):
        raise typer.Exit(REGRESSION)


def _changes_table(changes: "list[Change]") -> Table:
    table = Table()
    for heading in ("recording", "model", "figure", "before", "after", "trend"):
        table.add_column(heading, justify="right" if heading in ("before", "after") else "left")
    for change in changes:
        table.add_row(
            change.recording,
            change.model,
            f"{change.column.title} ({change.group})",
            change.column.text(change.before),
            change.column.text(change.after),
            change.trend.value,
            style=COLOURS[change.trend.value],
        )
    return table
