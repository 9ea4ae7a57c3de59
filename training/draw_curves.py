# SPDX-License-Identifier: Apache-2.0
"""Draws the curves of a run.

python -m training.draw_curves run/curve.jsonl curves.png
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw(lines: list[dict], output: Path) -> None:
    """Losses on the left, AbsRel of every validation set on the right, over minutes."""
    minutes = [line["seconds"] / 60 for line in lines]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for name in ("loss", "depth", "depth0", "depth1", "candidates0", "candidates1", "confidence"):
        left.plot(minutes, [line[name] for line in lines], label=name)
    left.set(xlabel="minutes of training", ylabel="loss", yscale="log")
    left.legend(fontsize=8)
    for name in (key for key, value in lines[-1].items() if isinstance(value, dict)):
        for figure_name, style in (("absolute_relative", "-"), ("confident_half", ":")):
            values = [line[name][figure_name] for line in lines]
            text = f"{name}, {figure_name.replace('_', ' ')}: {values[-1]:.3f}"
            right.plot(minutes, values, style, label=text)
    right.set(xlabel="minutes of training", ylabel="AbsRel, unaligned", yscale="log")
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(visible=True, which="both", alpha=0.3)
    figure.savefig(output, dpi=110)
    plt.close(figure)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curve", type=Path, help="curve.jsonl of a run")
    parser.add_argument("output", type=Path, help="the picture")
    options = parser.parse_args()
    draw([json.loads(line) for line in options.curve.read_text().splitlines()], options.output)


if __name__ == "__main__":
    main()
