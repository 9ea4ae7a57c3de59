# SPDX-License-Identifier: Apache-2.0
"""The figures that models are chosen by: where they stand in a result, and which way is better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Better(Enum):
    """Which of two values is the better one."""

    LOWER = "lower"
    HIGHER = "higher"
    NEARER_TO_ONE = "nearer to 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure of a result."""

    title: str
    path: str
    """Keys from the result down to the figure, separated by dots."""
    form: str
    """How it is written, as `str.format` takes it."""
    better: Better
    meaning: str
    factor: float = 1.0
    """Multiplies the value before it is written, e.g. to make milliseconds of seconds."""

    def value_of(self, result: Mapping[str, Any]) -> float | None:
        """The figure of a result as evaluation.json holds it; None where it has none."""
        value: Any = result
        for key in self.path.split("."):
            value = value[int(key)] if isinstance(value, list) else value.get(key)
            if value is None:
                return None
        return float(value)

    def badness(self, value: float) -> float:
        """A number that is lower for better values."""
        if self.better is Better.NEARER_TO_ONE:
            return abs(math.log(value)) if value > 0 else math.inf
        return value if self.better is Better.LOWER else -value

    def text(self, value: float | None) -> str:
        """The figure for a person."""
        return "–" if value is None else self.form.format(value * self.factor)


def _accuracy(pixels: str, kind: str, which: tuple[str, ...]) -> tuple[Column, ...]:
    def column(title: str, name: str, form: str, better: Better, meaning: str) -> Column:
        return Column(
            title=title,
            path=f"figures.accuracy.{pixels}.{kind}.{name}",
            form=form,
            better=better,
            meaning=meaning,
        )

    every = (
        column(
            "AbsRel", "absolute_relative", "{:.4f}", Better.LOWER, "mean |depth - truth| / truth"
        ),
        column("SqRel m", "squared_relative_m", "{:.4f}", Better.LOWER, "mean (d - t)² / t"),
        column("RMSE m", "rmse_m", "{:.3f}", Better.LOWER, "root of the mean squared error"),
        column("log RMSE", "log_rmse", "{:.4f}", Better.LOWER, "the same of natural logarithms"),
        column("SILog", "silog", "{:.2f}", Better.LOWER, "100 × their standard deviation"),
        column("δ<1.05", "delta_1_05", "{:.1%}", Better.HIGHER, "share within this factor"),
        column("δ<1.10", "delta_1_10", "{:.1%}", Better.HIGHER, "share within this factor"),
        column("δ<1.25", "delta_1_25", "{:.1%}", Better.HIGHER, "share within this factor"),
        column("δ<1.25²", "delta_1_25_squared", "{:.1%}", Better.HIGHER, "share within 1.5625"),
        column("coverage", "coverage", "{:.1%}", Better.HIGHER, "share of true pixels with depth"),
    )
    return tuple(each for each in every if not which or each.title in which)


GROUPS: dict[str, tuple[Column, ...]] = {
    "Published depth, without any alignment": _accuracy("published", "metrics", ()),
    "Every pixel, without any alignment": _accuracy(
        "full",
        "metrics",
        ("AbsRel", "RMSE m", "log RMSE", "SILog", "δ<1.05", "δ<1.10", "δ<1.25", "coverage"),
    ),
    "Published depth, median of each keyframe aligned": _accuracy(
        "published", "aligned", ("AbsRel", "SqRel m", "RMSE m", "log RMSE", "δ<1.05", "δ<1.25")
    ),
    "Scale, consistency and cloud": (
        Column(
            title="scale",
            path="figures.accuracy.published.median_ratio.median",
            form="{:.3f}",
            better=Better.NEARER_TO_ONE,
            meaning="median over keyframes of the median depth / truth",
        ),
        Column(
            title="scale drift",
            path="figures.accuracy.published.median_ratio.drift",
            form="{:.3f}",
            better=Better.LOWER,
            meaning="95th less 5th percentile of that ratio, over the median",
        ),
        Column(
            title="scale trend",
            path="figures.accuracy.published.median_ratio.trend",
            form="{:.3f}",
            better=Better.LOWER,
            meaning="change of that ratio from the first to the last keyframe, on a straight line",
        ),
        Column(
            title="consistency",
            path="figures.consistency.published",
            form="{:.1%}",
            better=Better.HIGHER,
            meaning="published pixels within 5 % of the neighbouring depth maps",
        ),
        Column(
            title="…every pixel",
            path="figures.consistency.every_pixel",
            form="{:.1%}",
            better=Better.HIGHER,
            meaning="the same of the best guess at every pixel",
        ),
        Column(
            title="cloud off cm",
            path="figures.cloud.accuracy_m",
            form="{:.1f}",
            better=Better.LOWER,
            meaning="median distance of cloud points to the true cloud",
            factor=100.0,
        ),
        Column(
            title="cloud gap cm",
            path="figures.cloud.completeness_m",
            form="{:.1f}",
            better=Better.LOWER,
            meaning="median distance of true points to the cloud",
            factor=100.0,
        ),
        Column(
            title="F 5 cm",
            path="figures.cloud.matches.0.f_score",
            form="{:.1%}",
            better=Better.HIGHER,
            meaning="F-score of the cloud at 5 cm",
        ),
        Column(
            title="F 10 cm",
            path="figures.cloud.matches.1.f_score",
            form="{:.1%}",
            better=Better.HIGHER,
            meaning="F-score of the cloud at 10 cm",
        ),
        Column(
            title="AUSE",
            path="figures.confidence.ause",
            form="{:.3f}",
            better=Better.LOWER,
            meaning="how much worse confidence ranks pixels than their true error would",
        ),
    ),
    "Novel views at held-out frames": (
        Column(
            title="PSNR dB",
            path="novel_views.psnr_db",
            form="{:.2f}",
            better=Better.HIGHER,
            meaning="peak signal to noise ratio of rendered against recorded images",
        ),
        Column(
            title="SSIM",
            path="novel_views.ssim",
            form="{:.3f}",
            better=Better.HIGHER,
            meaning="structural similarity of rendered and recorded images",
        ),
        Column(
            title="filled",
            path="novel_views.filled_share",
            form="{:.1%}",
            better=Better.HIGHER,
            meaning="share of pixels that the scene covers",
        ),
    ),
}
"""Figures of the depth, in the groups in which they are shown."""


def _stage(stage: str, statistic: str, words: str) -> Column:
    return Column(
        title=f"{stage} {words} ms",
        path=f"performance.stages.{stage}.{statistic}",
        form="{:.0f}",
        better=Better.LOWER,
        meaning=f"{words} time of the stage {stage}",
        factor=1000.0,
    )


PERFORMANCE: tuple[Column, ...] = (
    *(
        _stage(stage, statistic, words)
        for stage in ("read", "encode", "predict", "latency")
        for statistic, words in (
            ("median_s", "p50"),
            ("percentile_95_s", "p95"),
            ("maximum_s", "max"),
        )
    ),
    Column(
        title="images/s",
        path="performance.frames_per_second",
        form="{:.1f}",
        better=Better.HIGHER,
        meaning="images over the time spent on them",
    ),
    Column(
        title="depth maps/s",
        path="performance.depth_maps_per_second",
        form="{:.1f}",
        better=Better.HIGHER,
        meaning="depth maps over the same time",
    ),
    Column(
        title="memory MiB",
        path="performance.peak_memory_mib",
        form="{:.0f}",
        better=Better.LOWER,
        meaning="most resident memory of the whole process",
    ),
    Column(
        title="GPU MiB",
        path="performance.peak_gpu_memory_mib",
        form="{:.0f}",
        better=Better.LOWER,
        meaning="most memory of tensors on the GPU",
    ),
)
"""Figures of the machine as much as of the model."""
