# SPDX-License-Identifier: Apache-2.0
"""A cloud against the true one: how far off its points are, and what it leaves out."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from scipy.spatial import cKDTree

from depthsplat_ros.evaluation.metrics import is_known
from depthsplat_ros.fusion import DepthView, unproject
from depthsplat_ros.voxel_grid import VoxelGrid

MAXIMUM_POINTS = 3_000_000
THRESHOLDS_M = (0.05, 0.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMatch:
    """Shares of points that have a partner within a distance."""

    threshold_m: float
    precision: float
    """Share of the points with a true point near."""
    recall: float
    """Share of the true points with a point near."""
    f_score: float
    """Harmonic mean of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudScore:
    """A fused cloud against the cloud fused from true depth."""

    points: int
    true_points: int
    voxel_m: float
    accuracy_m: float
    """Median distance of the points to the nearest true point."""
    completeness_m: float
    """Median distance of the true points to the nearest point."""
    matches: tuple[CloudMatch, ...]


class TrueCloud:
    """The cloud of all true points, averaged by voxel: nothing has to be agreed upon."""

    def __init__(self, voxel_m: float) -> None:
        """Start empty."""
        self._grid = VoxelGrid(voxel_m, maximum_voxels=MAXIMUM_POINTS)
        self._origin_m: Float64[ndarray, " 3"] | None = None

    def add(self, view: DepthView) -> None:
        """Take the true depth of the next view; its confidence is not asked."""
        if self._origin_m is None:
            # Near the origin of a map millions of metres wide, nothing is lost to rounding.
            self._origin_m = view.world_from_camera[:3, 3].copy()
        is_true = is_known(view.depth_m)
        points_m = unproject(view, view.depth_m, is_true, self._origin_m)
        weights = 1.0 / view.depth_m[is_true].astype(np.float64) ** 2
        self._grid.add(points_m, np.zeros((len(points_m), 0)), weights)

    def points_m(self) -> Float64[ndarray, "point 3"]:
        """Its points in the world frame."""
        if self._origin_m is None:
            return np.zeros((0, 3))
        return self._grid.means()[0] + self._origin_m


def score_cloud(
    points_m: Float64[ndarray, "point 3"],
    true_points_m: Float64[ndarray, "true_point 3"],
    *,
    voxel_m: float,
) -> CloudScore:
    """Compare two clouds of one world frame.

    Args:
        points_m: the cloud to be judged.
        true_points_m: the true one.
        voxel_m: edge of the voxels in which both were averaged.

    Source: precision, recall and F-score as in Tanks and Temples (Knapitsch et al. 2017).
    """
    off_m = _distances_m(points_m, true_points_m)
    missing_m = _distances_m(true_points_m, points_m)
    return CloudScore(
        points=len(points_m),
        true_points=len(true_points_m),
        voxel_m=voxel_m,
        accuracy_m=_median(off_m),
        completeness_m=_median(missing_m),
        matches=tuple(_match(off_m, missing_m, threshold_m) for threshold_m in THRESHOLDS_M),
    )


def _match(
    off_m: Float64[ndarray, " point"],
    missing_m: Float64[ndarray, " true_point"],
    threshold_m: float,
) -> CloudMatch:
    precision = float((off_m < threshold_m).mean()) if len(off_m) else 0.0
    recall = float((missing_m < threshold_m).mean()) if len(missing_m) else 0.0
    both = precision + recall
    return CloudMatch(
        threshold_m=threshold_m,
        precision=precision,
        recall=recall,
        f_score=2 * precision * recall / both if both else 0.0,
    )


def _distances_m(
    points_m: Float64[ndarray, "point 3"], others_m: Float64[ndarray, "other 3"]
) -> Float64[ndarray, " point"]:
    """Distance of each point to the nearest of the others; infinite if there are none."""
    if len(others_m) == 0:
        return np.full(len(points_m), np.inf)
    return cKDTree(others_m).query(points_m)[0]


def _median(distances_m: Float64[ndarray, " point"]) -> float:
    return float(np.median(distances_m)) if len(distances_m) else float("nan")
