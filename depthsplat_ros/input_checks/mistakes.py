# SPDX-License-Identifier: Apache-2.0
"""Mistakes that are made with poses, each as what the poses would be without it."""

import itertools

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

OFFSETS_S = tuple(round(-0.2 + 0.02 * step, 2) for step in range(21))
"""By how much the clocks of camera and poses are tried against each other."""
NO_OFFSET = OFFSETS_S.index(0.0)
BODY_AXES = "x forward, y left, z up (a body frame, REP 103)"
GRAPHICS_AXES = "x right, y up, z backward (a camera frame of OpenGL, Blender and NeRF)"


def _name_axes(claimed_from_optical: Float64[ndarray, "3 3"]) -> str:
    """What the axes of the claimed frame are, in terms of the image."""
    words = (("right", "left"), ("down", "up"), ("forward", "backward"))
    names = []
    for axis, row in zip("xyz", claimed_from_optical, strict=True):
        along = int(np.argmax(np.abs(row)))
        names.append(f"{axis} {words[along][0 if row[along] > 0 else 1]}")
    text = ", ".join(names)
    for known in (BODY_AXES, GRAPHICS_AXES):
        if known.startswith(text):
            return known
    return text


def _wrong_axes() -> dict[str, Float64[ndarray, "4 4"]]:
    """The 23 right-handed frames along the axes of an optical frame, without itself."""
    found = {}
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            rotation = np.zeros((3, 3))
            rotation[range(3), order] = signs
            if np.linalg.det(rotation) < 0 or np.array_equal(rotation, np.eye(3)):
                continue
            claimed_from_optical = np.eye(4)
            claimed_from_optical[:3, :3] = rotation
            found[_name_axes(rotation)] = claimed_from_optical
    return found


WRONG_AXES = _wrong_axes()
"""What a camera frame's axes may be by mistake, and the rotation that undoes it."""
