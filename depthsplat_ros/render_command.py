# SPDX-License-Identifier: Apache-2.0
"""The command `depthsplat render`."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

CAMERA = "Camera"


def render(
    scene: Annotated[
        Path,
        typer.Argument(metavar="SCENE", help="3D Gaussians: a .ply or .splat file, ours or not."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Film to write, .mp4 or .webm (VP9, which browsers play); without a suffix, a "
            "folder of PNG files.",
        ),
    ],
    *,
    path: Annotated[
        Literal["auto", "follow", "orbit", "spiral"],
        typer.Option(
            help="follow: along the recorded cameras; spiral: around the middle one; orbit: once "
            "around the scene, z up. auto follows where cameras are known, else orbits.",
            rich_help_panel=CAMERA,
        ),
    ] = "auto",
    keyframes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="keyframes.json with the recorded cameras.",
            rich_help_panel=CAMERA,
            show_default="the one beside SCENE, if any",
        ),
    ] = None,
    width_px: Annotated[
        int, typer.Option(min=16, max=8192, metavar="N", rich_help_panel=CAMERA, help="Width.")
    ] = 640,
    height_px: Annotated[
        int, typer.Option(min=16, max=8192, metavar="N", rich_help_panel=CAMERA, help="Height.")
    ] = 480,
    field_of_view_deg: Annotated[
        float,
        typer.Option(
            min=1.0,
            max=170.0,
            metavar="N",
            rich_help_panel=CAMERA,
            help="From the left edge to the right one, in degrees.",
        ),
    ] = 65.0,
    pictures: Annotated[
        int,
        typer.Option(
            min=1, max=100_000, metavar="N", rich_help_panel=CAMERA, help="How many; 24 a second."
        ),
    ] = 192,
    antialiased: Annotated[
        bool,
        typer.Option(
            help="Fade Gaussians below a pixel instead of thickening them.",
            rich_help_panel=CAMERA,
        ),
    ] = False,
    device: Annotated[
        str, typer.Option(help="auto (a GPU if one works), cpu, cuda or cuda:N.")
    ] = ("auto"),
) -> None:
    """A film of a scene from a virtual camera."""
    # torch takes seconds to import; --help and wrong options must not wait for it.
    from depthsplat_ros.offline.render import RenderOrder, render_file
    from depthsplat_ros.rendering import RenderingConfig

    order = RenderOrder(
        scene=scene,
        output=output,
        path=path,
        keyframes=keyframes,
        width_px=width_px,
        height_px=height_px,
        field_of_view_deg=field_of_view_deg,
        pictures=pictures,
        device=device,
        rendering=RenderingConfig(antialiased=antialiased),
    )
    render_file(order, Console())
