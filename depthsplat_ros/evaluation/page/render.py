# SPDX-License-Identifier: Apache-2.0
"""From a document to the page: what is shown where; the looks are in the files beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined, select_autoescape

from depthsplat_ros.evaluation.columns import GROUPS, PERFORMANCE, Column
from depthsplat_ros.evaluation.novel_views import ShownView
from depthsplat_ros.evaluation.page.pictures import draw_bars, draw_rows, draw_views, scale_of
from depthsplat_ros.evaluation.page.plots import (
    SERIES_COLOURS,
    SeenKeyframes,
    draw_paths,
    draw_plot,
)
from depthsplat_ros.evaluation.page.selection import plots_of
from depthsplat_ros.evaluation.parts import ShownSample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelSamples:
    """What is worth showing of one model on one recording."""

    depth_maps: list[ShownSample]
    novel_views: list[ShownView]


RecordingSamples = dict[str, ModelSamples]
"""By the names of the models."""
GROUP_PERFORMANCE = "Speed and memory"


def render_page(document: Mapping[str, Any], samples: Mapping[str, RecordingSamples]) -> str:
    """The whole page as text.

    Args:
        document: as evaluation.json holds it.
        samples: depth maps to show, by the name of the recording and that of the model.
    """
    environment = Environment(
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = resources.files(__package__)
    models = list(dict.fromkeys(_label(result) for result in document["results"]))
    return environment.from_string((folder / "report.html.j2").read_text("utf-8")).render(
        document=document,
        style=(folder / "report.css").read_text("utf-8"),
        script=(folder / "report.js").read_text("utf-8"),
        models=[
            {"name": name, "colour": index % SERIES_COLOURS} for index, name in enumerate(models)
        ],
        recordings=[
            _recording(
                entry,
                [r for r in document["results"] if r["recording"] == entry["name"]],
                samples[entry["name"]],
                models,
            )
            for entry in document["recordings"]
        ],
    )


def _label(result: Mapping[str, Any]) -> str:
    return result["model"] if result["source"] == "offline" else f"{result['model']} (live)"


def _recording(
    entry: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    samples: RecordingSamples,
    models: Sequence[str],
) -> dict[str, Any]:
    numbered = [(models.index(_label(result)), result) for result in results]
    shown = [sample for each in samples.values() for sample in each.depth_maps]
    true_depth_m = entry["true_depth_m"]
    scale = scale_of(shown, None if true_depth_m is None else tuple(true_depth_m))
    has_truth = any(sample.true_depth_m is not None for sample in shown)
    return {
        "entry": entry,
        "tables": [
            table
            for title, columns in {**GROUPS, GROUP_PERFORMANCE: PERFORMANCE}.items()
            if (table := _table(title, columns, numbered)) is not None
        ],
        "frames": [_frames(number, result) for number, result in numbered],
        "plots": [{"plot": plot, "svg": draw_plot(plot)} for plot in plots_of(numbered)],
        "paths": _paths(entry, numbered),
        "bars": [] if scale is None else draw_bars(scale, has_truth=has_truth),
        "pictures": [
            {
                "name": _label(result),
                "colour": number % SERIES_COLOURS,
                "rows": draw_rows(samples[result["model"]].depth_maps, scale) if scale else [],
                "views": draw_views(samples[result["model"]].novel_views),
            }
            for number, result in numbered
        ],
    }


def _table(
    title: str, columns: Sequence[Column], numbered: Sequence[tuple[int, Mapping[str, Any]]]
) -> dict[str, Any] | None:
    """The columns of which at least one model has a figure; None if there are none."""
    values = {
        column.path: [column.value_of(result) for _, result in numbered] for column in columns
    }
    present = [column for column in columns if any(v is not None for v in values[column.path])]
    if not present:
        return None
    return {
        "title": title,
        "columns": present,
        "rows": [
            {
                "name": _label(result),
                "colour": number % SERIES_COLOURS,
                "cells": [_cell(column, values[column.path], row) for column in present],
            }
            for row, (number, result) in enumerate(numbered)
        ],
    }


def _cell(column: Column, values: Sequence[float | None], row: int) -> dict[str, Any]:
    value = values[row]
    known = [each for each in values if each is not None]
    texts = {column.text(each) for each in known}
    # Equal for the eye is equal: all that show the best figure share the honour, unless all do.
    best = column.text(min(known, key=column.badness))
    return {
        "text": column.text(value),
        "sort": "" if value is None else repr(value),
        "is_best": value is not None and len(texts) > 1 and column.text(value) == best,
    }


def _frames(number: int, result: Mapping[str, Any]) -> dict[str, Any]:
    counts = result["counts"]
    skipped = {
        **counts["skipped_by_recording"],
        **counts["skipped_by_reconstruction"],
    }
    return {
        "name": _label(result),
        "colour": number % SERIES_COLOURS,
        "counts": counts,
        "skipped": [
            {"reason": reason, "count": count, "example": counts["examples"].get(reason, "")}
            for reason, count in skipped.items()
        ],
        "device": result["device"],
        "settings": result["settings"],
    }


def _paths(entry: Mapping[str, Any], numbered: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    above = np.array(entry["above_from_world"])
    keyframes = []
    for number, result in numbered:
        figures = result["figures"]["keyframes"]
        places = np.array([each["position_m"] for each in figures]).reshape(-1, 3)
        looks = np.array([each["forward"] for each in figures]).reshape(-1, 3)
        places = places @ above[:, :3].T + above[:, 3]
        looks = looks @ above[:, :3].T
        keyframes.append(
            SeenKeyframes(
                number=number,
                right_m=places[:, 0].tolist(),
                ahead_m=places[:, 1].tolist(),
                look_right=looks[:, 0].tolist(),
                look_ahead=looks[:, 1].tolist(),
            )
        )
    return draw_paths(f"{entry['name']} from above", entry["path_m"], keyframes)
