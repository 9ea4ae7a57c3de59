# SPDX-License-Identifier: Apache-2.0
"""The command `depthsplat`: the same path as the node's, without ROS."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import depthsplat_ros
from depthsplat_ros.cli_options import takes_settings
from depthsplat_ros.common_options import (
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
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.evaluate_command import evaluate
from depthsplat_ros.fusion import FusionConfig
from depthsplat_ros.models_command import app as models_app
from depthsplat_ros.render_command import render
from depthsplat_ros.streaming.config import DEFAULT_MODEL, StreamingConfig
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.threads import settle_threads

WRONG_INPUT = 2
"""Exit status when a file, an option or the output folder cannot be used."""
NO_DEPTH = 1
"""Exit status when everything could be read, but not one depth map came out."""

RECONSTRUCTION = "Reconstruction"
CLOUD = "Cloud"
SCENE = "Scene of 3D Gaussians"

OutputOption = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder to fill; made if need be."),
]


class ErrorLineGroup(typer.core.TyperGroup):
    """Commands whose errors are one line, for the person who can do something about them.

    A list under that line, such as that of weights that do not fit, stays a list.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DepthSplatError as error:
            first_line, *listed = str(error).strip().splitlines() or [type(error).__name__]
            console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
            console.print(f"error: {' '.join(first_line.split())}", style="bold red")
            for line in listed:
                console.print(line.rstrip())
            raise typer.Exit(WRONG_INPUT) from error


app = typer.Typer(
    cls=ErrorLineGroup,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(models_app, name="models")
app.command()(evaluate)
app.command()(render)


def _print_version(is_wanted: bool) -> bool:
    if is_wanted:
        typer.echo(f"depthsplat_ros {depthsplat_ros.__version__}")
        raise typer.Exit
    return is_wanted


@app.callback()
def depthsplat(
    is_version_wanted: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Scale-consistent depth from one moving camera with known poses."""


@app.command()
@takes_settings(
    streaming=(StreamingConfig, RECONSTRUCTION),
    fusion=(FusionConfig, CLOUD),
    scene=(SceneConfig, SCENE),
)
def reconstruct(
    bag: Annotated[
        Path,
        typer.Argument(
            metavar="BAG", help="A rosbag2 recording: its folder, or an .mcap or .db3 file."
        ),
    ],
    output: OutputOption,
    *,
    model: Annotated[
        str,
        typer.Option(
            help="What turns views into depth: a network by name or file, or plane-sweep."
        ),
    ] = DEFAULT_MODEL,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    maximum_frames: MaximumFramesOption = None,
    image_topic: ImageTopicOption = None,
    camera_info_topic: CameraInfoTopicOption = None,
    depth_topic: DepthTopicOption = None,
    world_frame: WorldFrameOption = None,
    camera_frame: CameraFrameOption = None,
    pose_scale: PoseScaleOption = 1.0,
    is_scene_wanted: Annotated[
        bool,
        typer.Option(
            "--scene/--no-scene",
            help="Make scene.ply and novel views of it; takes time and memory.",
            rich_help_panel=SCENE,
        ),
    ] = True,
    streaming: StreamingConfig,
    fusion: FusionConfig,
    scene: SceneConfig,
) -> None:
    """Depth images, a coloured cloud, a scene of 3D Gaussians and figures from a recording.

    The folder gets depth/STAMP.png to look at, depth_raw/STAMP.tiff to compute with (32-bit
    metres, NaN unknown), cloud.ply, cloud.png, scene.ply, novel_views.mp4, novel_views.png,
    contact_sheet.png, keyframes.json with cameras and poses, and summary.json. If the recording
    has true depth, the errors against it are printed.
    """
    # torch takes seconds to import; --help and wrong options must not wait for it.
    from depthsplat_ros.offline.reconstruct import ReconstructionOrder
    from depthsplat_ros.offline.reconstruct import reconstruct as carry_out
    from depthsplat_ros.recordings import RecordingOptions

    order = ReconstructionOrder(
        recording=bag,
        title=bag.resolve().name,
        output=output,
        model=model,
        device=device,
        precision=precision,
        maximum_frames=maximum_frames,
        recording_options=RecordingOptions(
            image_topic=image_topic,
            camera_info_topic=camera_info_topic,
            depth_topic=depth_topic,
            world_frame=world_frame,
            camera_frame=camera_frame,
            pose_scale=pose_scale,
        ),
        streaming=streaming,
        fusion=fusion,
        scene=scene if is_scene_wanted else None,
    )
    summary = carry_out(order, Console())
    if not summary.counts.reconstructed:
        raise typer.Exit(NO_DEPTH)


@app.command()
def demo(
    output: OutputOption,
    *,
    room: Annotated[
        str, typer.Option(help="World to drive through: living_room, office or bare_room.")
    ] = "living_room",
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Furniture, colours and the way through them.")
    ] = 0,
    duration_s: Annotated[
        float, typer.Option(min=1.0, metavar="N", help="How long the robot drives, in seconds.")
    ] = 15.0,
    device: DeviceOption = "auto",
) -> None:
    """The main job on a simulated robot: no recording, no ROS and no download are needed.

    A robot drives through a furnished room that a seed decides; what its camera sees is recorded
    as DIR/recording, a rosbag2 with true depth, and then reconstructed like any other recording.
    """
    from depthsplat_ros.offline.demo import DemoOrder, demonstrate

    order = DemoOrder(output=output, room=room, seed=seed, duration_s=duration_s, device=device)
    if not demonstrate(order, Console()).counts.reconstructed:
        raise typer.Exit(NO_DEPTH)


def main() -> None:
    """Run the command; exit status 0, 1 (no depth) or 2 (wrong input)."""
    settle_threads()  # read by OpenMP when torch is loaded, which the commands do
    app(sys.argv[1:] or ["--help"])
