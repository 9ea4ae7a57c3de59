#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From which confidence on a model's depth has to be published to publish a share of the pixels.

    python benchmarks/confidence_limit.py BAG... [--model tiny]

The limits in `model/zoo.py` are chosen with it; `depthsplat evaluate` says what they are worth.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from depthsplat_ros.recordings import RecordedFrame, open_recording
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.factory import create_reconstructor
from depthsplat_ros.streaming.reconstructor import Reconstruction

SHARES = (0.9, 0.8, 0.7, 0.6, 0.5)
KEEP_ALL = StreamingConfig(minimum_confidence=1e-6)


def confidences(bag: Path, model: str, device: str) -> np.ndarray:
    """Of every pixel of every keyframe; 0 where the model vouches for nothing."""
    reconstructor = create_reconstructor(KEEP_ALL, model=model, device=device)
    outcomes = [
        reconstructor.push(item.frame)
        for item in open_recording(bag)
        if isinstance(item, RecordedFrame)
    ]
    return np.concatenate(
        [each.confidence.ravel() for each in outcomes if isinstance(each, Reconstruction)]
    )


def main(
    bags: Annotated[list[Path], typer.Argument(metavar="BAG...", help="rosbag2 recordings.")],
    model: str = "tiny",
    device: str = "auto",
) -> None:
    """Print the limit for some shares, one column per recording."""
    console = Console()
    table = Table(title=f"minimum_confidence of {model}")
    table.add_column("published", justify="right")
    for bag in bags:
        table.add_column(bag.name, justify="right")
    found = [confidences(bag, model, device) for bag in bags]
    for share in SHARES:
        limits = [f"{np.quantile(values, 1 - share):.3f}" for values in found]
        table.add_row(f"{share:.0%}", *limits)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
