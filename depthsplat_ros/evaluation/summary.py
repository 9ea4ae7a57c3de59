# SPDX-License-Identifier: Apache-2.0
"""What an evaluation found, for the terminal: the figures to look at first."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from depthsplat_ros.evaluation.columns import GROUPS, PERFORMANCE, Column

FIRST = ("AbsRel", "RMSE m", "δ<1.05", "δ<1.25", "coverage")
NEXT = ("scale drift", "scale trend", "consistency", "F 5 cm")
SPEED = ("predict p50 ms", "depth maps/s")


def describe(document: Mapping[str, Any]) -> RenderableType:
    """A table and the failed input checks for each recording."""
    parts: list[RenderableType] = []
    for entry in document["recordings"]:
        results = [r for r in document["results"] if r["recording"] == entry["name"]]
        parts.append(_table(entry["name"], results))
        parts += [
            Text(f"{check['check']}: {check['finding']}; {check['remedy']}", style="bold red")
            for check in entry["checks"]
            if check["state"] == "wrong"
        ]
    return Group(*parts)


def _columns() -> list[Column]:
    groups = list(GROUPS.values())
    return [
        *(column for column in groups[0] if column.title in FIRST),
        *(column for column in groups[3] if column.title in NEXT),
        *(column for column in PERFORMANCE if column.title in SPEED),
    ]


def _table(name: str, results: list[Mapping[str, Any]]) -> Table:
    """Figures below each other and models side by side: names are longer than numbers."""
    table = Table(title=name, title_justify="left")
    table.add_column("")
    for result in results:
        # A place to break the name where the table is narrow.
        table.add_column(
            result["model"].replace(":", ":\n").replace(",", ",\n"),
            justify="right",
            overflow="fold",
        )
    table.add_row("depth maps", *(str(result["counts"]["reconstructed"]) for result in results))
    for column in _columns():
        values = [column.value_of(result) for result in results]
        if any(value is not None for value in values):
            table.add_row(column.title, *map(column.text, values))
    return table
