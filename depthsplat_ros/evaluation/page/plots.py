# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text whose colours are the page's, so that they follow light and dark."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

SERIES_COLOURS = 8
"""More models than this share colours and differ by their dashes."""
WIDTH_INCHES, HEIGHT_INCHES = 6.4, 3.1
_INK, _LINE = "#010203", "#010204"
_SERIES = tuple(f"#0a0b{index:02x}" for index in range(SERIES_COLOURS))
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)))
_PAGE_COLOURS = {
    _INK: "var(--quiet)",
    _LINE: "var(--line)",
    **{colour: f"var(--series-{index})" for index, colour in enumerate(_SERIES)},
}
"""Stand-ins that matplotlib draws with, and the page's colours that replace them."""
_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "depthsplat_ros",
    "font.size": 11,
    "font.family": "sans-serif",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _LINE,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "grid.color": _LINE,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a plot."""

    number: int
    """Of the model: decides colour and dashes, the same in all plots."""
    x: Sequence[float]
    y: Sequence[float]
    is_faint: bool = False
    """For what is only there to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenKeyframes:
    """The keyframes of one model from above."""

    number: int
    right_m: Sequence[float]
    ahead_m: Sequence[float]
    look_right: Sequence[float]
    """Where they look, as parts of unit vectors."""
    look_ahead: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot and what it says; without any point there is nothing to show."""

    title: str
    meaning: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    y_is_share: bool = False
    y_from_zero: bool = True
    y_line: float | None = None
    """A value worth a line of its own, such as the ideal."""
    x_ticks: Sequence[tuple[float, str]] | None = None
    has_markers: bool = False


def draw_plot(plot: Plot) -> str:
    """The plot as an SVG element."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
        axes = figure.add_subplot()
        for series in plot.series:
            _draw_series(axes, series, plot.has_markers)
        if plot.y_line is not None:
            axes.axhline(plot.y_line, color=_INK, linewidth=1, linestyle=(0, (1, 3)))
        if plot.y_from_zero:
            axes.set_ylim(bottom=0)
        axes.set_xlabel(plot.x_label)
        axes.set_ylabel(plot.y_label)
        if plot.y_is_share:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        if plot.x_ticks is not None:
            axes.set_xticks(*zip(*plot.x_ticks, strict=True))
        return _to_svg(figure, plot.title)


def draw_paths(
    title: str,
    path_m: Sequence[Sequence[float]],
    keyframes: Sequence[SeenKeyframes],
) -> str:
    """The way of the camera from above, with the keyframes of each model and where they look.

    Args:
        title: what the picture is called for those who do not see it.
        path_m: places to the right and ahead.
        keyframes: of each model.
    """
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(WIDTH_INCHES, 1.3 * HEIGHT_INCHES), layout="constrained")
        axes = figure.add_subplot()
        if path_m:
            axes.plot(*zip(*path_m, strict=True), color=_INK, linewidth=1.2, alpha=0.6)
        for index, seen in enumerate(keyframes):
            colour = _SERIES[seen.number % SERIES_COLOURS]
            if index == 0:
                axes.quiver(
                    seen.right_m,
                    seen.ahead_m,
                    seen.look_right,
                    seen.look_ahead,
                    color=colour,
                    alpha=0.7,
                    angles="xy",
                    scale=24,
                    width=0.003,
                    headwidth=4,
                )
            # Larger below smaller, so that keyframes of several models at one place are seen.
            size = 7 + 8 * (len(keyframes) - 1 - index)
            axes.scatter(seen.right_m, seen.ahead_m, s=size, color=colour)
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.1)
        axes.set_xlabel("right [m]")
        axes.set_ylabel("ahead [m]")
        axes.xaxis.set_major_locator(MaxNLocator(7))
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return _to_svg(figure, title)


def _draw_series(axes: Axes, series: Series, has_markers: bool) -> None:
    axes.plot(
        series.x,
        series.y,
        color=_SERIES[series.number % SERIES_COLOURS],
        linestyle=_DASHES[series.number // SERIES_COLOURS % len(_DASHES)],
        linewidth=1.0 if series.is_faint else 1.8,
        alpha=0.55 if series.is_faint else 1.0,
        marker="o" if has_markers and not series.is_faint else None,
        markersize=4,
    )


def _to_svg(figure: Figure, title: str) -> str:
    content = io.StringIO()
    FigureCanvasSVG(figure).print_svg(content, metadata={"Date": None, "Creator": None})
    text = content.getvalue()
    text = text[text.index("<svg") :]
    for stand_in, colour in _PAGE_COLOURS.items():
        text = text.replace(stand_in, colour)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'font: ([\d.]+)px [^;"]+', r"font-size: \1px", text)
    # Of several plots in one page, names that nothing refers to would only collide.
    used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', text))
    text = re.sub(r' id="([\w-]+)"', lambda match: match[0] if match[1] in used else "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
