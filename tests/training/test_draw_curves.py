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
