# SPDX-License-Identifier: Apache-2.0
"""From counts to a verdict: what state the node is in, and what a person should do about it."""

import math
from dataclasses import dataclass

from depthsplat_ros.ros.statistics import Snapshot

MOTION_REASONS = frozenset(
    {"waiting_for_partner", "standing_still", "pure_rotation", "too_similar", "no_overlap"}
)
MEMORY_REASON = "out_of_memory"
FAILURE_CAUSE = "internal_error"
FINAL_CAUSES = frozenset({FAILURE_CAUSE, "device_lost_error"})
"""Causes of lost frames that do not pass by themselves."""
OVERTAKEN_CAUSE = "overtaken_by_newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The node's state: a name of ReconstructionStatus' STATE_* and the reason, for a person."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is known about the input topics besides the frames that arrived."""

    image_topic: str
    image_publishers: int
    camera_info_topic: str
    has_camera_info: bool


def judge(
    snapshot: Snapshot,
    inputs: Inputs,
    *,
    is_active: bool,
    stall_timeout_s: float,
    running_s: float,
    camera_info_timeout_s: float,
) -> Verdict:
    """The state of the node; `running_s` is the time since activation."""
    if not is_active:
        return Verdict(state="INACTIVE", reason="not activated")
    if snapshot.received == 0:
        if inputs.image_publishers == 0:
            return Verdict(
                state="WAITING_FOR_INPUT",
                reason=f"nobody publishes images on {inputs.image_topic}; remap image:=TOPIC",
            )
        return Verdict(
            state="WAITING_FOR_INPUT",
            reason=f"no image has arrived on {inputs.image_topic} although it has "
            f"{inputs.image_publishers} publisher(s)",
        )
    if not inputs.has_camera_info:
        is_overdue = running_s > camera_info_timeout_s
        return Verdict(
            state="FAILED" if is_overdue else "WAITING_FOR_INPUT",
            reason=f"no camera_info has arrived on {inputs.camera_info_topic}; "
            "remap camera_info:=TOPIC",
        )
    if snapshot.since_input_s > stall_timeout_s:
        return Verdict(
            state="STALLED",
            reason=f"no image for {snapshot.since_input_s:.1f} s on {inputs.image_topic}",
        )
    if snapshot.last_event in FINAL_CAUSES:
        return Verdict(state="FAILED", reason=snapshot.last_detail)
    if snapshot.last_event == OVERTAKEN_CAUSE:
        return Verdict(state="RUNNING", reason="")
    if snapshot.last_event == "not_wanted":
        return Verdict(state="RUNNING", reason="nobody listens to the results, so none are made")
    if snapshot.last_event in ("", "prediction") or snapshot.output_rate_hz > 0:
        return Verdict(state="RUNNING", reason="")
    if snapshot.last_event == MEMORY_REASON:
        return Verdict(state="FAILED", reason=snapshot.last_detail)
    if snapshot.last_event in MOTION_REASONS:
        return Verdict(state="WAITING_FOR_MOTION", reason=snapshot.last_detail)
    return Verdict(state="WAITING_FOR_INPUT", reason=snapshot.last_detail)


def finite_or_text(value: float, unit: str) -> str:
    """A figure for the diagnostics table."""
    return f"{value:.3f} {unit}" if math.isfinite(value) else "none yet"
