# SPDX-License-Identifier: Apache-2.0
import json
import math
import sys

import cv2

from training import draw_curves

NAMES = ("loss", "depth", "depth0", "depth1", "candidates0", "candidates1", "confidence")


def line(minute, *, real):
    figures = {
        "absolute_relative": 0.5 / minute,
        "confident_half": 0.2 / minute,
        "unseen": math.nan,
    }
    sets = {"scenes": figures} | ({"lounge": figures} if real else {})
    return {"seconds": 60.0 * minute, "step": minute} | dict.fromkeys(NAMES, 1.0 / minute) | sets


def picture_line(minute):
    figures = {"psnr_db": 20.0 + minute, "discs_psnr_db": 20.0}
    return {"seconds": 60.0 * minute, "step": minute, "loss": 1.0 / minute, "scenes": figures}


def test_a_picture_is_drawn_from_the_curve_of_the_gaussian_stage(tmp_path):
    draw_curves.draw([picture_line(minute) for minute in (1, 2, 3)], tmp_path / "curves.png")
    assert cv2.imread(str(tmp_path / "curves.png")).std() > 5


def test_a_picture_is_drawn_from_the_curve_of_a_run(tmp_path, monkeypatch):
    pictures = []
    for real in (False, True):
        curve, output = tmp_path / f"{real}.jsonl", tmp_path / f"{real}.png"
        curve.write_text("\n".join(json.dumps(line(minute, real=real)) for minute in (1, 2, 3)))
        monkeypatch.setattr(sys, "argv", ["draw_curves", str(curve), str(output)])
        draw_curves.main()
        pictures.append(cv2.imread(str(output)))
    assert pictures[0].shape[1] > 800
    assert (pictures[0] != pictures[1]).any()
