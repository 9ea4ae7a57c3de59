# SPDX-License-Identifier: Apache-2.0
"""Two evaluations side by side: what got better, what got worse, and by how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from depthsplat_ros.evaluation.columns import GROUPS, Column

SMALLEST_CHANGE = 1e-3
"""Changes below this are no news whatever their share: figures near zero jitter."""


class Trend(Enum):
    """What became of a figure."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    MISSING = "missing"
    """The first evaluation has it, the second does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure in both evaluations."""

    recording: str
    model: str
    group: str
    column: Column
    before: float
    after: float | None
    trend: Trend


def compare(
    before: Mapping[str, Any], after: Mapping[str, Any], *, threshold: float
) -> list[Change]:
    """Every figure of the first document, held against the second one's.

    Times and memory are not compared: they belong to the machine.

    Args:
        before: the document to compare with.
        after: the document that is judged.
        threshold: share by which a figure must change to count.
    """
    later = {_identity(result): result for result in after["results"]}
    return [
        _change(column, group, result, later.get(_identity(result)), threshold)
        for result in before["results"]
        for group, columns in GROUPS.items()
        for column in columns
        if column.value_of(result) is not None
    ]


def has_regressed(changes: list[Change]) -> bool:
    """Whether anything got worse or went missing."""
    return any(change.trend in (Trend.WORSE, Trend.MISSING) for change in changes)


def _identity(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return result["recording"], result["model"], result["source"]


def _change(
    column: Column,
    group: str,
    result: Mapping[str, Any],
    later: Mapping[str, Any] | None,
    threshold: float,
) -> Change:
    before = column.value_of(result)
    assert before is not None
    after = None if later is None else column.value_of(later)
    return Change(
        recording=result["recording"],
        model=result["model"],
        group=group,
        column=column,
        before=before,
        after=after,
        trend=Trend.MISSING if after is None else _trend(column, before, after, threshold),
    )


def _trend(column: Column, before: float, after: float, threshold: float) -> Trend:
    change = column.badness(after) - column.badness(before)
    if abs(change) <= max(threshold * abs(before), SMALLEST_CHANGE):
        return Trend.SAME
    return Trend.WORSE if change > 0 else Trend.BETTER
