# SPDX-License-Identifier: Apache-2.0
"""`depthsplat models`: the checkpoints with names, listed, fetched, verified and described."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from depthsplat_ros.model import zoo

ALL = "all"
LIST = "list"
WRONG_FILE = 1
"""Exit status when a file is not what its name promises, or when there is none to look at."""


class ListingGroup(typer.core.TyperGroup):
    """Commands of which the first is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take no arguments at all for the wish to see the list."""
        return super().parse_args(ctx, args or [LIST])


app = typer.Typer(
    cls=ListingGroup,
    help=f"The networks that have names; `{LIST}` may be left out.",
    rich_markup_mode="markdown",
)


@app.command(LIST)
def list_models() -> None:
    """List the networks and whether they are here."""
    console = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("model", "here", "Gaussians", "views"):
        table.add_column(heading, no_wrap=True)
    for heading in ("trained at", "parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in zoo.ZOO:
        table.add_row(
            entry.alias,
            "[green]yes[/]" if zoo.find(entry) else "no",
            "no" if entry.config.gaussians is None else "yes",
            _views(entry),
            f"{entry.width_px} x {entry.height_px}",
            f"{entry.parameters_million:.0f} M",
        )
    console.print(table)
    console.print(
        f"All give depth. {zoo.BUNDLED.alias} is in this package, the others are fetched with "
        "[bold]depthsplat models download MODEL[/]; use one with [bold]--model MODEL[/].\n",
        highlight=False,
    )
    console.print(f"{zoo.BUNDLED.alias}: {zoo.OUR_LICENCE_NOTE}.", style="dim", highlight=False)
    console.print(f"The others: {zoo.LICENCE_NOTE}.", style="dim", highlight=False)


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
    console = Console(soft_wrap=True, markup=False, highlight=False)
    target = directory or next(zoo.directories())
    entries = zoo.PUBLISHED if ALL in names else [zoo.entry_named(name) for name in names]
    for entry in entries:
        path = zoo.download(entry, target, announce=lambda text: console.print(text, style="dim"))
        size_mb = os.path.getsize(path) / 1e6
        console.print(f"{entry.alias}: {path} ({size_mb:.0f} MB, verified)")


@app.command()
def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...", help="Files or folders; without any, all that are here."
        ),
    ] = None,
) -> None:
    """Compare each file's sha256 with the promised one; exit status 1 if one differs.

    A published file promises it in its name, this package for the one that lies in it.
    """
    console = Console(soft_wrap=True, markup=False, highlight=False)
    try:
        found = _files_in(paths) if paths else list(filter(None, map(zoo.find, zoo.ZOO)))
        if not found:
            console.print("no checkpoint is here; fetch one with: depthsplat models download NAME")
            raise typer.Exit(WRONG_FILE)
        is_good = [_verify(path, console) for path in found]
    except OSError as error:
        raise zoo.ZooError(f"{error.filename} cannot be read ({error.strerror})") from error
    if not all(is_good):
        raise typer.Exit(WRONG_FILE)


@app.command()
def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An alias or file name.")],
) -> None:
    """What is known about one checkpoint."""
    entry = zoo.entry_named(name)
    path = zoo.require(entry) if entry.is_bundled else zoo.find(entry)
    config = entry.config
    facts = {
        "file": entry.file_name,
        "here": _place(entry, path),
        "source": "this package, training/" if entry.is_bundled else entry.url,
        "gives": _outputs(entry),
        "views": _views(entry),
        "trained at": f"{entry.width_px} x {entry.height_px} px",
        "image sides": f"multiples of {config.size_multiple} px",
        "depth range": _depth_range(entry),
        "parameters": f"{entry.parameters_million:.1f} M",
        "single-view encoder": _single_view_encoder(entry),
        "matching": f"scales: {config.scale_count}, the coarsest at 1/{config.lowest_stride}",
        "licence": entry.licence_note,
    }
    if entry.is_bundled:
        facts["model card"] = str(zoo.MODEL_CARD)
    console = Console(soft_wrap=True)
    console.print(entry.alias, style="bold", highlight=False)
    for key, value in facts.items():
        console.print(f"  {key:<19} {value}", markup=False, highlight=False)


def _files_in(paths: list[Path]) -> list[Path]:
    """The checkpoints meant: files by their names, and all in a folder."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.iterdir())
            found += [each for each in inside if each.suffix in (".pth", ".safetensors")]
        elif path.is_file():
            found.append(path)
        else:
            raise zoo.ZooError(f"there is no file {path}")
    return found


def _verify(path: Path, console: Console) -> bool:
    try:
        digest = zoo.verify(path)
    except zoo.TamperedFileError as error:
        console.print(f"BAD  {error}", style="red")
        return False
    word = "ok  " if zoo.promised_hash(path) else "no hash in the name "
    console.print(f"{word} {path}  sha256 {digest}")
    return True


def _place(entry: zoo.ZooEntry, path: Path | None) -> str:
    if path is None:
        return f"no; fetch it with: depthsplat models download {entry.alias}"
    return f"{path} ({os.path.getsize(path) / 1e6:.1f} MB)"


def _depth_range(entry: zoo.ZooEntry) -> str:
    habit = "by default, and any other" if entry.is_bundled else "in training"
    return f"{entry.near_m:g} to {entry.far_m:g} (unit of the poses) {habit}"


def _single_view_encoder(entry: zoo.ZooEntry) -> str:
    vit = entry.config.vit
    if vit is None:
        return "convolutions alone"
    return f"DINOv2 with {vit.channels} channels, {vit.block_count} blocks"


def _outputs(entry: zoo.ZooEntry) -> str:
    return "depth" if entry.config.gaussians is None else "depth and Gaussians"


def _views(entry: zoo.ZooEntry) -> str:
    if entry.minimum_views == entry.maximum_views:
        return str(entry.minimum_views)
    return f"{entry.minimum_views}-{entry.maximum_views}"
