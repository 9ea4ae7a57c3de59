# SPDX-License-Identifier: Apache-2.0
"""The node's statistics as a status message and as diagnostics."""

from builtin_interfaces.msg import Time as TimeMessage
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.ros.health import Verdict, finite_or_text
from depthsplat_ros.ros.statistics import RATE_PERIOD_S, Snapshot

LEVELS = {
    "INACTIVE": DiagnosticStatus.OK,
    "WAITING_FOR_INPUT": DiagnosticStatus.WARN,
    "WAITING_FOR_MOTION": DiagnosticStatus.OK,
    "RUNNING": DiagnosticStatus.OK,
    "STALLED": DiagnosticStatus.STALE,
    "FAILED": DiagnosticStatus.ERROR,
}


def status_message(
    snapshot: Snapshot,
    verdict: Verdict,
    *,
    stamp: TimeMessage,
    world_frame: str,
    model: str,
    device: str,
    keyframes_held: int,
    window_views: int,
) -> ReconstructionStatus:
    """How the reconstruction is doing."""
    return ReconstructionStatus(
        header=Header(stamp=stamp, frame_id=world_frame),
        state=getattr(ReconstructionStatus, f"STATE_{verdict.state}"),
        reason=verdict.reason,
        model=model,
        device=device,
        rate_period_s=RATE_PERIOD_S,
        input_rate_hz=snapshot.input_rate_hz,
        keyframe_rate_hz=snapshot.keyframe_rate_hz,
        output_rate_hz=snapshot.output_rate_hz,
        latency_last_s=snapshot.latency.last_s,
        latency_median_s=snapshot.latency.median_s,
        latency_max_s=snapshot.latency.maximum_s,
        inference_last_s=snapshot.inference.last_s,
        inference_median_s=snapshot.inference.median_s,
        inference_max_s=snapshot.inference.maximum_s,
        keyframes_held=keyframes_held,
        window_size=window_views,
        frames_received=snapshot.received,
        keyframes=snapshot.keyframes,
        predictions=snapshot.predictions,
        skipped_reasons=list(snapshot.skipped),
        skipped_counts=list(snapshot.skipped.values()),
        dropped_reasons=list(snapshot.dropped),
        dropped_counts=list(snapshot.dropped.values()),
    )


def diagnostics_message(
    snapshot: Snapshot,
    verdict: Verdict,
    *,
    stamp: TimeMessage,
    node_name: str,
    status: ReconstructionStatus,
    job_age_s: float,
) -> DiagnosticArray:
    """The same for `/diagnostics`, with every count by its cause."""
    figures = {
        "model": status.model,
        "device": status.device,
        "images received": snapshot.received,
        "keyframes": snapshot.keyframes,
        "keyframes held": status.keyframes_held,
        "depth images published": snapshot.predictions,
        "input rate": f"{snapshot.input_rate_hz:.2f} Hz",
        "keyframe rate": f"{snapshot.keyframe_rate_hz:.2f} Hz",
        "output rate": f"{snapshot.output_rate_hz:.2f} Hz",
        "latency, median": finite_or_text(snapshot.latency.median_s, "s"),
        "latency, maximum": finite_or_text(snapshot.latency.maximum_s, "s"),
        "inference, median": finite_or_text(snapshot.inference.median_s, "s"),
        "age of the current job": f"{job_age_s:.2f} s",
        "last event": snapshot.last_event or "none",
        "last detail": snapshot.last_detail or "none",
        **{f"skipped, {reason}": count for reason, count in snapshot.skipped.items()},
        **{f"dropped, {cause}": count for cause, count in snapshot.dropped.items()},
    }
    level = LEVELS[verdict.state]
    if level == DiagnosticStatus.OK and snapshot.dropped and not snapshot.predictions:
        level = DiagnosticStatus.WARN
    return DiagnosticArray(
        header=Header(stamp=stamp),
        status=[
            DiagnosticStatus(
                level=level,
                name=f"{node_name}: reconstruction",
                message=verdict.reason or verdict.state.lower().replace("_", " "),
                hardware_id=f"{status.model} on {status.device}",
                values=[KeyValue(key=key, value=str(value)) for key, value in figures.items()],
            )
        ],
    )
