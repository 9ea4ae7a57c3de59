# SPDX-License-Identifier: Apache-2.0
"""`depthsplat models`: the published checkpoints, listed, fetched, verified and described."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from depthsplat_ros.model.zoo import ZooEntry

# The zoo imports torch, which takes seconds; --help and wrong options must not wait for it.
ALL = "all"

LIST = "list"


class ListingGroup(typer.core.TyperGroup):
    """Commands of which the first is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take no arguments at all for the wish to see the list."""
        return super().parse_args(ctx, args or [LIST])


app = typer.Typer(
    cls=ListingGroup,
    help=f"The published checkpoints; `{LIST}` may be left out.",
    rich_markup_mode="markdown",
)


@app.command(LIST)
def list_models() -> None:
    """List the published checkpoints and whether they are here."""
    from depthsplat_ros.model import zoo

    console = Console()
    table = Table(title="DepthSplat checkpoints", title_justify="left")
    for heading in ("model", "here", "gives", "views", "trained at", "parameters"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left")
    for entry in zoo.ZOO:
        table.add_row(
            entry.alias,
            "[green]yes[/]" if zoo.find(entry) else "no",
            _outputs(entry),
            _views(entry),
            f"{entry.width_px} x {entry.height_px}",
            f"{entry.parameters_million:.0f} M",
        )
    console.print(table)
    console.print(f"{zoo.LICENCE_NOTE}.", style="dim", highlight=False)


@app.command()
def download(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help=f"Aliases, or '{ALL}' for all nine.")
    ],
    directory: Annotated[
        Path | None,
        typer.Option(
            help="Where they go.",
            show_default="$DEPTHSPLAT_PRETRAINED, else ./pretrained",
        ),
    ] = None,
) -> None:
    """Fetch checkpoints from the Hugging Face Hub and verify them.

    HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured. An interrupted download goes on where it
    stopped; a good file that is here already is kept.
    """
    from depthsplat_ros.model import zoo

    console = Console(soft_wrap=True)
    target = directory or next(zoo.directories())
    entries = zoo.ZOO if ALL in names else [zoo.entry_named(name) for name in names]
    for entry in entries:
        path = zoo.download(entry, target, announce=lambda text: console.print(text, style="dim"))
        size_mb = os.path.getsize(path) / 1e6
        console.print(f"{entry.alias}: {path} ({size_mb:.0f} MB, verified)", highlight=False)


@app.command()
def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files; without any, all that are here."),
    ] = None,
) -> None:
    """Compare each file's sha256 with the hash in its name."""
    from depthsplat_ros.model import zoo

    console = Console(soft_wrap=True)
    found = paths or [path for entry in zoo.ZOO if (path := zoo.find(entry))]
    if not found:
        console.print("no checkpoint is here; fetch one with:  depthsplat models download NAME")
        raise typer.Exit(1)
    is_good = True
    for path in found:
        if not path.is_file():
            raise zoo.ZooError(f"there is no file {path}")
        try:
            digest = zoo.verify(path)
        except zoo.TamperedFileError as error:
            is_good = False
            console.print(f"BAD  {error}", style="red", markup=False, highlight=False)
        else:
            word = "ok  " if zoo.hash_in_name(path.name) else "no hash in the name "
            console.print(f"{word} {path}  sha256 {digest}", markup=False, highlight=False)
    if not is_good:
        raise typer.Exit(1)


@app.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An alias or file name.")],
) -> None:
    """What is known about one checkpoint."""
    from depthsplat_ros.model import zoo

    entry = zoo.entry_named(name)
    path = zoo.find(entry)
    config = entry.config
    facts = {
        "file": entry.file_name,
        "here": str(path or f"no; fetch it with: depthsplat models download {entry.alias}"),
        "source": entry.url,
        "gives": _outputs(entry),
        "views": _views(entry),
        "trained at": f"{entry.width_px} x {entry.height_px} px",
        "image sides": f"multiples of {config.size_multiple} px",
        "depth range": f"{entry.near_m:g} to {entry.far_m:g} (unit of the poses) in training",
        "parameters": f"{entry.parameters_million:.1f} M",
        "single-view encoder": f"DINOv2 with {config.vit.channels} channels, "
        f"{config.vit.block_count} blocks",
        "matching": f"{config.scale_count} scale(s), coarsest at 1/{config.lowest_stride}",
        "licence": zoo.LICENCE_NOTE,
    }
    table = Table(show_header=False, box=None, title=entry.alias, title_justify="left")
    for key, value in facts.items():
        table.add_row(f"[bold]{key}", value)
    Console().print(table)


def _outputs(entry: "ZooEntry") -> str:
    return "depth" if entry.config.gaussians is None else "depth and Gaussians"


def _views(entry: "ZooEntry") -> str:
    if entry.minimum_views == entry.maximum_views:
        return str(entry.minimum_views)
    return f"{entry.minimum_views}-{entry.maximum_views}"
