# SPDX-License-Identifier: Apache-2.0
"""Verdicts on the input as a diagnostic."""

from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from depthsplat_ros.input_checks.verdicts import CheckState, Verdict, wrong_ones


def input_checks_status(
    verdicts: Sequence[Verdict], *, node_name: str, hardware_id: str
) -> DiagnosticStatus:
    """WARN with finding and remedy of every mistake, else OK; the evidence is in the values."""
    wrong = wrong_ones(verdicts)
    if wrong:
        message = "; ".join(explain(verdict) for verdict in wrong)
    elif any(verdict.state is CheckState.GOOD for verdict in verdicts):
        message = "poses, clock and units fit the images as far as can be told"
    else:
        message = verdicts[0].finding if verdicts else "not checked"
    values = {}
    for verdict in verdicts:
        name = verdict.check.value
        values[name] = f"{verdict.state.value}: {verdict.finding}"
        values |= {f"{name}, {key}": f"{value:.4g}" for key, value in verdict.evidence.items()}
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if wrong else DiagnosticStatus.OK,
        name=f"{node_name}: input checks",
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def explain(verdict: Verdict) -> str:
    """A mistake and its remedy, for a person."""
    return f"{verdict.check.value}: {verdict.finding}; {verdict.remedy}"
