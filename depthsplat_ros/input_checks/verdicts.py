# SPDX-License-Identifier: Apache-2.0
"""What an input check says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class CheckState(Enum):
    """The outcome of a check; the values appear in reports and diagnostics."""

    GOOD = "good"
    WRONG = "wrong"
    UNDECIDED = "undecided"


class Check(Enum):
    """What is checked; the values appear in reports and diagnostics."""

    POSES = "poses"
    TIME_OFFSET = "time offset"
    UNITS = "units"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check's outcome."""

    check: Check
    state: CheckState
    finding: str
    """What was found, for a person."""
    remedy: str = ""
    """What to do about it; empty unless something is wrong."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """The numbers behind it; units are part of their names."""


def wrong_ones(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that found a mistake."""
    return [verdict for verdict in verdicts if verdict.state is CheckState.WRONG]
