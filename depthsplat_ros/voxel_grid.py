# SPDX-License-Identifier: Apache-2.0
"""A sparse grid of voxels that averages the points falling into each, in bounded memory."""

import itertools

import numpy as np
from jaxtyping import Float64, Int64
from numpy import ndarray

INDEX_BITS = 21
INDEX_LIMIT = 1 << (INDEX_BITS - 1)
"""Voxel indices lie in [-INDEX_LIMIT, INDEX_LIMIT) on each axis, so three fit one int64."""
ROWS_BEFORE_MERGE = 500_000
"""Points are merged into the grid in batches this large: sorting is the expensive part."""


class VoxelGrid:
    """Weighted means of points, and of what is known about them, by voxel.

    When the grid would hold more voxels than allowed, or a point lies too far out for its index,
    all voxels are doubled: the grid gets coarser, never larger.
    """

    def __init__(self, voxel_m: float, *, maximum_voxels: int) -> None:
        """Start empty.

        Args:
            voxel_m: edge of the voxels; positive.
            maximum_voxels: how many the grid may hold.
        """
        assert voxel_m > 0
        self.voxel_m = voxel_m
        self._maximum_voxels = maximum_voxels
        self._sums: Float64[ndarray, "voxel column"] | None = None
        self._pending: list[Float64[ndarray, "point column"]] = []
        self._pending_rows = 0

    def add(
        self,
        points_m: Float64[ndarray, "point 3"],
        attributes: Float64[ndarray, "point attribute"],
        weights: Float64[ndarray, " point"],
    ) -> None:
        """Put points into their voxels.

        Args:
            points_m: where they are.
            attributes: what else is to be averaged; the same columns in every call.
            weights: how much each counts; positive.
        """
        rows = np.hstack([points_m, attributes, np.ones((len(points_m), 1))]) * weights[:, None]
        self._pending.append(rows)
        self._pending_rows += len(rows)
        if self._pending_rows >= ROWS_BEFORE_MERGE:
            self._merge()

    def means(self) -> tuple[Float64[ndarray, "voxel 3"], Float64[ndarray, "voxel attribute"]]:
        """The mean point and the mean attributes of each voxel that holds any.

        Nothing may be asked before something was added.
        """
        self._merge()
        assert self._sums is not None
        values = self._sums[:, :-1] / self._sums[:, -1:]
        return values[:, :3], values[:, 3:]

    def _merge(self) -> None:
        held = [] if self._sums is None else [self._sums]
        rows = np.concatenate([*held, *self._pending])
        self._pending = []
        self._pending_rows = 0
        if len(rows):
            farthest_m = float(np.abs(_points_m(rows)).max())
            while farthest_m / self.voxel_m >= INDEX_LIMIT - 1:
                self.voxel_m *= 2.0
            rows = _sum_by_voxel(rows, self.voxel_m)
        while len(rows) > self._maximum_voxels:
            self.voxel_m *= 2.0
            rows = _sum_by_voxel(rows, self.voxel_m)
        self._sums = rows


def count_nearby(points_m: Float64[ndarray, "point 3"], cell_m: float) -> Int64[ndarray, " point"]:
    """How many points, itself included, lie in the cell of each point and the 26 around it."""
    if len(points_m) == 0:
        return np.zeros(0, np.int64)
    keys = _keys(points_m, cell_m)
    cells, cell_of_point, counts = np.unique(keys, return_inverse=True, return_counts=True)
    totals = np.zeros_like(counts)
    for x, y, z in itertools.product((-1, 0, 1), repeat=3):
        neighbours = cells + (x << (2 * INDEX_BITS)) + (y << INDEX_BITS) + z
        places = np.minimum(np.searchsorted(cells, neighbours), len(cells) - 1)
        totals += np.where(cells[places] == neighbours, counts[places], 0)
    return totals[cell_of_point]


def _points_m(rows: Float64[ndarray, "row column"]) -> Float64[ndarray, "row 3"]:
    return rows[:, :3] / rows[:, -1:]


def _sum_by_voxel(
    rows: Float64[ndarray, "row column"], voxel_m: float
) -> Float64[ndarray, "voxel column"]:
    keys = _keys(_points_m(rows), voxel_m)
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    starts = np.flatnonzero(np.diff(sorted_keys, prepend=sorted_keys[0] - 1))
    return np.add.reduceat(rows[order], starts, axis=0)


def _keys(points_m: Float64[ndarray, "point 3"], cell_m: float) -> Int64[ndarray, " point"]:
    """One number for each cell of a grid; neighbouring cells differ by fixed amounts."""
    index = np.floor(points_m / cell_m).astype(np.int64) + INDEX_LIMIT
    return (index[:, 0] << (2 * INDEX_BITS)) | (index[:, 1] << INDEX_BITS) | index[:, 2]
