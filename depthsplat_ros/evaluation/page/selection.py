# SPDX-License-Identifier: Apache-2.0
"""Which plots a recording gets, and what they are drawn from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from depthsplat_ros.evaluation.page.plots import Plot, Series

Numbered = Sequence[tuple[int, Mapping[str, Any]]]
"""Results with the numbers of their models."""
NANOSECONDS = 1e9


def plots_of(numbered: Numbered) -> list[Plot]:
    """The plots for which there are figures."""
    plots = [
        _over_time(
            numbered,
            "absolute_relative",
            title="Error over time",
            meaning="AbsRel of the published depth of each keyframe, without any alignment.",
            y_label="AbsRel",
        ),
        _over_depth(numbered),
        _over_time(
            numbered,
            "median_ratio",
            title="Scale over time",
            meaning="Median of depth / truth of each keyframe; 1 is right. The level is the scale "
            "error, the spread is drift.",
            y_label="depth / truth",
            y_from_zero=False,
            y_line=1.0,
        ),
        _over_time(
            numbered,
            "known_share",
            title="Published share over time",
            meaning="Share of all pixels of a keyframe whose depth is published.",
            y_label="pixels",
            y_is_share=True,
        ),
        _over_time(
            numbered,
            "consistency",
            title="Consistency over time",
            meaning="Share of pixels that agree within 5 % with the depth maps before, warped "
            "into each other. Needs no truth.",
            y_label="pixels",
            y_is_share=True,
            y_from_zero=False,
        ),
        _by_confidence(numbered),
        _sparsification(numbered),
    ]
    return [plot for plot in plots if any(len(series.x) for series in plot.series)]


def _over_time(numbered: Numbered, name: str, **words: Any) -> Plot:
    starts = [
        result["figures"]["keyframes"][0]["stamp_ns"]
        for _, result in numbered
        if result["figures"]["keyframes"]
    ]
    start_ns = min(starts, default=0)

    def series(number: int, result: Mapping[str, Any]) -> Series:
        points = [
            ((each["stamp_ns"] - start_ns) / NANOSECONDS, each[name])
            for each in result["figures"]["keyframes"]
            if each[name] is not None
        ]
        return Series(number=number, x=[x for x, _ in points], y=[y for _, y in points])

    return Plot(x_label="time [s]", series=[series(*each) for each in numbered], **words)


def _over_depth(numbered: Numbered) -> Plot:
    ranges = sorted(
        {
            (each["near_m"], each["far_m"] or float("inf"))
            for _, result in numbered
            for each in result["figures"]["errors_by_depth"]
        }
    )
    places = {near_m: float(index) for index, (near_m, _) in enumerate(ranges)}

    def series(number: int, result: Mapping[str, Any]) -> Series:
        known = [
            each
            for each in result["figures"]["errors_by_depth"]
            if each["metrics"]["absolute_relative"] is not None
        ]
        return Series(
            number=number,
            x=[places[each["near_m"]] for each in known],
            y=[each["metrics"]["absolute_relative"] for each in known],
        )

    return Plot(
        title="Error over depth",
        meaning="AbsRel of the published pixels whose true depth lies in a range.",
        x_label="true depth [m]",
        y_label="AbsRel",
        series=[series(*each) for each in numbered],
        x_ticks=[
            (places[near_m], f"{near_m:g}–{far_m:g}".replace("–inf", "+"))
            for near_m, far_m in ranges
        ]
        or None,
        has_markers=True,
    )


def _by_confidence(numbered: Numbered) -> Plot:
    return Plot(
        title="Error by confidence",
        meaning="AbsRel of each tenth of the published pixels, from the least to the most "
        "confident. It should fall.",
        x_label="tenth of the pixels by confidence",
        y_label="AbsRel",
        series=[
            Series(
                number=number,
                x=[float(tenth) for tenth in range(1, len(deciles) + 1)],
                y=[decile["absolute_relative"] for decile in deciles],
            )
            for number, deciles in _of_confidence(numbered, lambda score: score["deciles"])
        ],
        x_ticks=[(float(tenth), str(tenth)) for tenth in range(1, 11)],
        has_markers=True,
    )


def _sparsification(numbered: Numbered) -> Plot:
    series = []
    for number, score in _of_confidence(numbered, lambda score: score):
        x = score["dropped_shares"]
        series += [
            Series(number=number, x=x, y=score["left_by_confidence"]),
            Series(number=number, x=x, y=score["left_at_best"], is_faint=True),
        ]
    return Plot(
        title="Error left by dropping unsure pixels",
        meaning="AbsRel of what is left over that of all. Thin: the worst pixels dropped first, "
        "which nothing can beat; the area between the two is AUSE.",
        x_label="share of pixels dropped",
        y_label="error left",
        y_is_share=True,
        series=series,
    )


def _of_confidence(numbered: Numbered, choose: Callable[[Any], Any]) -> list[tuple[int, Any]]:
    return [
        (number, choose(result["figures"]["confidence"]))
        for number, result in numbered
        if result["figures"]["confidence"] is not None
    ]
