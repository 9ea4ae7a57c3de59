# SPDX-License-Identifier: Apache-2.0
"""Where on the floor a robot may be: distances to the next obstacle."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.simulation.solids import Solid
from depthsplat_ros.simulation.world import WorldError

CELL_M = 0.05
ROBOT_HEIGHT_M = 1.3
"""What hangs higher than this is no obstacle."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FreeFloor:
    """How far each cell of the floor is from the next obstacle."""

    left_m: float
    bottom_m: float
    clearance_m: Float64[ndarray, "row column"]
    """0 in and under obstacles and where there is no floor; row 0 lies at bottom_m."""

    @staticmethod
    def of(solids: Sequence[Solid]) -> "FreeFloor":
        """The floor below a robot's height.

        Raises:
            WorldError: if there is no floor (a solid that is no obstacle).
        """
        floors = [solid.corners_m() for solid in solids if not solid.is_obstacle]
        floors = [corners for corners in floors if corners[:, 2].max() < 0.1]
        if not floors:
            raise WorldError(
                "the world has no floor: add a box with is_obstacle=False below z = 0"
            )
        low = np.min([corners.min(axis=0) for corners in floors], axis=0)[:2]
        high = np.max([corners.max(axis=0) for corners in floors], axis=0)[:2]
        shape = np.ceil((high - low) / CELL_M).astype(int)[::-1]
        free = np.zeros(shape, np.uint8)
        for corners in floors:
            _fill(free, corners, low, 1)
        for solid in solids:
            corners = solid.corners_m()
            if (
                solid.is_obstacle
                and corners[:, 2].min() < ROBOT_HEIGHT_M
                and corners[:, 2].max() > 0.02
            ):
                _fill(free, corners, low, 0)
        free = np.pad(free, 1)
        distance = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # Squares of distances between cells are whole numbers; OpenCV's last bits vary by call.
        distance = np.sqrt(np.rint(distance.astype(np.float64) ** 2))
        return FreeFloor(
            left_m=float(low[0]),
            bottom_m=float(low[1]),
            # From the cell's middle to the obstacle cell's edge.
            clearance_m=np.maximum(distance[1:-1, 1:-1] - 0.5, 0) * CELL_M,
        )

    def cells(self, points_m: Float64[ndarray, "point 2"]) -> tuple[ndarray, ndarray]:
        """Rows and columns of the cells that hold the points."""
        column = np.floor((points_m[:, 0] - self.left_m) / CELL_M).astype(int)
        row = np.floor((points_m[:, 1] - self.bottom_m) / CELL_M).astype(int)
        height, width = self.clearance_m.shape
        return np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)

    def middles(self, rows: ndarray, columns: ndarray) -> Float64[ndarray, "point 2"]:
        """The middles of cells."""
        return np.stack(
            [self.left_m + (columns + 0.5) * CELL_M, self.bottom_m + (rows + 0.5) * CELL_M],
            axis=-1,
        )

    def clearance_at(self, points_m: Float64[ndarray, "point 2"]) -> Float64[ndarray, " point"]:
        """Distance to the next obstacle, to within a cell."""
        return self.clearance_m[self.cells(points_m)]


def _fill(
    grid: ndarray, corners_m: Float64[ndarray, "8 3"], low_m: Float64[ndarray, " 2"], value: int
) -> None:
    """Set the cells under a solid's bounding box."""
    outline = (corners_m[:, :2] - low_m) / CELL_M - 0.5
    # Sixteenths of a cell: OpenCV wants whole numbers.
    hull = cv2.convexHull(np.round(outline * 16).astype(np.int32))
    cv2.fillConvexPoly(grid, hull, value, lineType=cv2.LINE_8, shift=4)
