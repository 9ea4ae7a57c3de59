# SPDX-License-Identifier: Apache-2.0
"""evaluation.json: put together, read and checked. docs/evaluation.md describes it."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import depthsplat_ros
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.evaluation.measurement import Result
from depthsplat_ros.evaluation.resources import machine_facts
from depthsplat_ros.evaluation.survey import RecordingFacts
from depthsplat_ros.offline.output import json_text

SCHEMA = "depthsplat_ros.evaluation/1"
"""The number rises when a reader of older documents would misunderstand new ones."""
PERFORMANCE_KEY = "performance"


class DocumentError(DepthSplatError):
    """A file is no evaluation that this version can read."""


def recording_entry(facts: RecordingFacts) -> dict[str, Any]:
    """A recording as JSON holds it."""
    return _as_read_back(dataclasses.asdict(facts))


def result_entry(result: Result) -> dict[str, Any]:
    """A result as JSON holds it."""
    return _as_read_back(dataclasses.asdict(result))


def make_document(
    *,
    command: str,
    device: str,
    recordings: Sequence[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The whole document.

    Args:
        command: what a person has to type to get it again.
        device: torch device of the models, whose name belongs to the machine's facts.
        recordings: entries made by `recording_entry`.
        results: entries made by `result_entry`.
    """
    return {
        "schema": SCHEMA,
        "made": {
            "command": command,
            "version": depthsplat_ros.__version__,
            "machine": machine_facts(device),
        },
        "recordings": list(recordings),
        "results": list(results),
    }


def read_document(path: Path) -> dict[str, Any]:
    """A document written before.

    Raises:
        DocumentError: if the file cannot be read or holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DocumentError(f"{path} holds no JSON: {error}") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise DocumentError(
            f"{path} is no evaluation this version reads: its schema is {schema!r}, not "
            f"{SCHEMA!r}; make it again with: depthsplat evaluate"
        )
    return document


def without_performance(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without times and memory: the part that two runs share."""
    return {
        **document,
        "results": [
            {key: value for key, value in result.items() if key != PERFORMANCE_KEY}
            for result in document["results"]
        ],
    }


def _as_read_back(content: Any) -> Any:
    """What a reader of the file would get: no NaN, no tuples, no enumerations."""
    return json.loads(json_text(_without_enumerations(content)))


def _without_enumerations(content: Any) -> Any:
    if isinstance(content, Enum):
        return content.value
    if isinstance(content, dict):
        return {key: _without_enumerations(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_enumerations(value) for value in content]
    return content
