# SPDX-License-Identifier: Apache-2.0
"""The contact sheet: keyframes from best to worst, image beside depth, truth and error."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from depthsplat_ros.evaluation.metrics import DepthErrorSums, mean_errors
from depthsplat_ros.offline.samples import RankedSample, Sample
from depthsplat_ros.visualisation import (
    DepthScale,
    colour_confidence,
    colour_depth,
    colour_error,
    draw_confidence_bar,
    draw_depth_bar,
    draw_error_bar,
    render_figure,
)

PANEL_AREA_SQUARE_INCHES = 7.0
LABEL_WIDTH_INCHES = 1.9
GAP_INCHES = 0.08
TITLE_HEIGHT_INCHES = 1.0
BAR_HEIGHT_INCHES = 0.16
FOOT_HEIGHT_INCHES = 0.85
DOTS_PER_INCH = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    title: str
    draw: Callable[[Sample], UInt8[ndarray, "height width 3"]]
    draw_bar: Callable[..., None] | None


def draw_contact_sheet(
    ranked: Sequence[RankedSample], scale: DepthScale, title: str
) -> UInt8[ndarray, "height width 3"]:
    """One row per sample; the columns of truth and error only where a truth exists.

    All depths share one scale, so rows and columns can be compared.
    """
    has_truth = any(each.sample.true_depth_m is not None for each in ranked)
    columns = _columns(scale, has_truth)
    height_px, width_px = ranked[0].sample.depth_m.shape
    panel_height = math.sqrt(PANEL_AREA_SQUARE_INCHES * height_px / width_px)
    panel_width = panel_height * width_px / height_px
    width = LABEL_WIDTH_INCHES + len(columns) * (panel_width + GAP_INCHES) + GAP_INCHES
    height = TITLE_HEIGHT_INCHES + len(ranked) * (panel_height + GAP_INCHES) + FOOT_HEIGHT_INCHES
    figure = Figure(figsize=(width, height), facecolor="white")
    figure.set_dpi(DOTS_PER_INCH)
    figure.text(
        GAP_INCHES * 2 / width, 1 - 0.22 / height, title, fontsize=13, va="top", weight="bold"
    )

    ranking = "error of the published depth" if has_truth else "share of pixels with a depth"
    figure.text(GAP_INCHES * 2 / width, 1 - 0.5 / height, f"keyframes by {ranking}", va="top")

    def left_of(column: int) -> float:
        return LABEL_WIDTH_INCHES + column * (panel_width + GAP_INCHES)

    for row, each in enumerate(ranked):
        bottom = height - TITLE_HEIGHT_INCHES - (row + 1) * panel_height - row * GAP_INCHES
        figure.text(
            GAP_INCHES * 2 / width,
            (bottom + panel_height) / height,
            each.rank,
            fontsize=12,
            weight="bold",
            va="top",
        )
        figure.text(
            GAP_INCHES * 2 / width,
            (bottom + panel_height - 0.3) / height,
            _describe(each.sample),
            fontsize=9,
            va="top",
            linespacing=1.5,
        )
        for index, column in enumerate(columns):
            axes = figure.add_axes(
                (
                    left_of(index) / width,
                    bottom / height,
                    panel_width / width,
                    panel_height / height,
                )
            )
            axes.imshow(column.draw(each.sample), interpolation="nearest", aspect="auto")
            axes.set_axis_off()
            if row == 0:
                axes.set_title(column.title, fontsize=11)
    for index, column in enumerate(columns):
        if column.draw_bar is None:
            continue
        bar = figure.add_axes(
            (
                (left_of(index) + 0.08 * panel_width) / width,
                (FOOT_HEIGHT_INCHES - GAP_INCHES - BAR_HEIGHT_INCHES - 0.08) / height,
                0.84 * panel_width / width,
                BAR_HEIGHT_INCHES / height,
            )
        )
        column.draw_bar(bar, orientation="horizontal")
    figure.text(
        GAP_INCHES * 2 / width,
        (FOOT_HEIGHT_INCHES - GAP_INCHES - 0.08) / height,
        "dark grey: no depth",
        fontsize=9,
        va="top",
    )
    return render_figure(figure)


def _columns(scale: DepthScale, has_truth: bool) -> list[_Column]:
    def bar_of_depth(axes: Axes, *, orientation: str) -> None:
        draw_depth_bar(axes, scale, orientation=orientation)

    image = _Column(title="image", draw=lambda sample: sample.image, draw_bar=None)
    depth = _Column(
        title="depth, published",
        draw=lambda sample: colour_depth(sample.depth_m, scale),
        draw_bar=bar_of_depth,
    )
    if not has_truth:
        confidence = _Column(
            title="confidence",
            draw=lambda sample: colour_confidence(sample.confidence),
            draw_bar=draw_confidence_bar,
        )
        return [image, depth, confidence]
    truth = _Column(
        title="true depth",
        draw=lambda sample: colour_depth(_truth(sample), scale),
        draw_bar=bar_of_depth,
    )
    error = _Column(
        title="relative error, no alignment",
        draw=lambda sample: colour_error(sample.depth_m / _truth(sample) - 1.0),
        draw_bar=draw_error_bar,
    )
    return [image, depth, truth, error]


def _truth(sample: Sample) -> ndarray:
    if sample.true_depth_m is None:
        return np.full_like(sample.depth_m, np.nan)
    return sample.true_depth_m


def _describe(sample: Sample) -> str:
    lines = [
        f"keyframe {sample.keyframe}",
        f"{sample.stamp_ns / 1e9:.2f} s",
        f"depth on {np.isfinite(sample.depth_m).mean():.0%} of pixels",
    ]
    if sample.score is not None:
        lines += [
            "",
            _describe_errors("published", sample.score.published.sums),
            _describe_errors("all pixels", sample.score.full.sums),
        ]
    return "\n".join(lines)


def _describe_errors(name: str, sums: DepthErrorSums) -> str:
    metrics = mean_errors(sums)
    return f"{name}:\n  AbsRel {metrics.absolute_relative:.3f}\n  δ<1.25 {metrics.delta_1_25:.3f}"
