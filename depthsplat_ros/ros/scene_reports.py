# SPDX-License-Identifier: Apache-2.0
"""How the scene and its views are doing, in the status message and as a diagnostic."""

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.ros.health import finite_or_text
from depthsplat_ros.ros.scene_outputs import SceneReport


def add_scene(status: ReconstructionStatus, report: SceneReport) -> ReconstructionStatus:
    """The status message with what it says about the scene."""
    status.gaussians = report.gaussians
    status.scene_memory_bytes = report.memory_bytes
    status.novel_views = report.views.views
    status.novel_views_dropped = sum(report.views.dropped.values())
    status.novel_view_rate_hz = report.views.rate_hz
    status.novel_view_median_s = report.views.rendering.median_s
    return status


def scene_diagnostic(report: SceneReport, *, node_name: str, device: str) -> DiagnosticStatus:
    """The same for `/diagnostics`, with every missing view by its cause."""
    views = report.views
    figures = {
        "Gaussians": report.gaussians,
        "memory of the scene": f"{report.memory_bytes / 1e6:.1f} MB",
        "novel views published": views.views,
        "novel view rate": f"{views.rate_hz:.2f} Hz",
        "rendering, median": finite_or_text(views.rendering.median_s, "s"),
        "rendering, maximum": finite_or_text(views.rendering.maximum_s, "s"),
        **{f"not rendered, {cause}": count for cause, count in views.dropped.items()},
        **{
            f"keyframes not added, {cause}": count
            for cause, count in report.keyframes_dropped.items()
        },
    }
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if report.problem else DiagnosticStatus.OK,
        name=f"{node_name}: scene",
        message=report.problem or f"{report.gaussians} Gaussians",
        hardware_id=device,
        values=[KeyValue(key=key, value=str(value)) for key, value in figures.items()],
    )
