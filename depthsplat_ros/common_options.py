# SPDX-License-Identifier: Apache-2.0
"""Command line options that several commands take."""

from typing import Annotated, Literal

import typer

from depthsplat_ros.streaming.config import PRECISIONS

RECORDING = "Recording"
"""Title under which the options of a recording stand in the help."""

DeviceOption = Annotated[str, typer.Option(help="auto (a GPU if one works), cpu, cuda or cuda:N.")]
PrecisionOption = Annotated[
    Literal[PRECISIONS],
    typer.Option(help="How exactly a network computes; auto is fast on a GPU, else float32."),
]
MaximumFramesOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Stop after this many images of a recording.",
        rich_help_panel=RECORDING,
        show_default="all",
    ),
]
ImageTopicOption = Annotated[
    str | None,
    typer.Option(
        help="Image or CompressedImage topic.",
        rich_help_panel=RECORDING,
        show_default="found by type",
    ),
]
CameraInfoTopicOption = Annotated[
    str | None,
    typer.Option(
        help="CameraInfo topic.",
        rich_help_panel=RECORDING,
        show_default="the image topic's sibling",
    ),
]
DepthTopicOption = Annotated[
    str | None,
    typer.Option(
        help="True depth to compare with; '' leaves it out.",
        rich_help_panel=RECORDING,
        show_default="found by type",
    ),
]
WorldFrameOption = Annotated[
    str | None,
    typer.Option(
        help="Fixed TF frame of the poses.",
        rich_help_panel=RECORDING,
        show_default="odom, else map, else the root",
    ),
]
CameraFrameOption = Annotated[
    str | None,
    typer.Option(
        help="TF frame of the camera: x right, y down, z forward.",
        rich_help_panel=RECORDING,
        show_default="frame_id of the images",
    ),
]
PoseScaleOption = Annotated[
    float,
    typer.Option(
        min=1e-6,
        metavar="N",
        rich_help_panel=RECORDING,
        help="Metres per unit of the recorded poses. Near, far and the depths that come out are "
        "in metres.",
    ),
]
