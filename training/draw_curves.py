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

_NO_LOSSES = ("step", "seconds", "steps_per_s", "rate", "norm")
_DEPTH_FIGURES = {"absolute_relative": "-", "confident_half": ":"}
_PICTURE_FIGURES = {"psnr_db": "-", "discs_psnr_db": ":"}
"""Figures of validation sets that are drawn, with their lines."""


def draw(lines: list[dict], output: Path) -> None:
    """Losses on the left, figures of every validation set on the right, over minutes."""
    minutes = [line["seconds"] / 60 for line in lines]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    sets = [name for name, value in lines[-1].items() if isinstance(value, dict)]
    for name in (name for name in lines[-1] if name not in (*_NO_LOSSES, *sets)):
        left.plot(minutes, [line[name] for line in lines], label=name)
    left.set(xlabel="minutes of training", ylabel="loss", yscale="log")
    left.legend(fontsize=8)
    is_of_depth = all("absolute_relative" in lines[-1][name] for name in sets)
    for name in sets:
        for key, style in (_DEPTH_FIGURES if is_of_depth else _PICTURE_FIGURES).items():
            values = [line[name][key] for line in lines]
            text = f"{name}, {key.replace('_', ' ')}: {values[-1]:.4g}"
            right.plot(minutes, values, style, label=text)
    right.set(xlabel="minutes of training")
    right.set(**({"ylabel": "AbsRel, unaligned", "yscale": "log"} if is_of_depth else {}))
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
