# SPDX-License-Identifier: Apache-2.0
"""Do depth maps of neighbouring keyframes agree with each other? No truth is needed for that."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from depthsplat_ros.evaluation.metrics import is_known
from depthsplat_ros.fusion import DepthView, look_up, unproject

AGREEMENT = 0.05
"""Depths that differ by less than this share agree."""
NEIGHBOURS = 3
"""Each depth map is compared with so many before it, in both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Pixels of one depth map, seen from another one; agreements may be added."""

    compared: int = 0
    """Pixels that fall where the other map knows a depth."""
    agreeing: int = 0

    @property
    def share(self) -> float:
        """Share of the compared pixels that agree; NaN if none could be compared."""
        return self.agreeing / self.compared if self.compared else math.nan

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(
            compared=self.compared + other.compared, agreeing=self.agreeing + other.agreeing
        )


def compare_views(view: DepthView, other: DepthView) -> Agreement:
    """Warp the depths of a view into another one and compare them with what is known there.

    What the other view cannot see because something is before it counts as disagreeing: without
    truth it cannot be told from a wrong depth. So the share stays below 1 even for perfect depth.
    """
    origin_m = view.world_from_camera[:3, 3]
    points_m = unproject(view, view.depth_m, is_known(view.depth_m), origin_m)
    seen = look_up(other, points_m, origin_m)
    is_compared = np.isfinite(seen.point_depth_m) & np.isfinite(seen.other_depth_m)
    ratio = seen.other_depth_m[is_compared] / seen.point_depth_m[is_compared]
    return Agreement(
        compared=int(is_compared.sum()), agreeing=int((np.abs(ratio - 1.0) < AGREEMENT).sum())
    )


class ConsistencyMeter:
    """Takes depth maps one by one; holds only the latest few."""

    def __init__(self) -> None:
        """Start with nothing taken."""
        self._latest: deque[DepthView] = deque(maxlen=NEIGHBOURS)
        self.total = Agreement()

    def add(self, view: DepthView) -> Agreement:
        """Compare a depth map with those before it; returns what it adds to the total."""
        added = Agreement()
        for other in self._latest:
            added = added + compare_views(view, other) + compare_views(other, view)
        self._latest.append(view)
        self.total = self.total + added
        return added
