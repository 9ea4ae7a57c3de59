# SPDX-License-Identifier: Apache-2.0
"""Which solid a ray meets first, for the rays of a pinhole image and for any other rays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.simulation.intersection import Triple, cross_shape, enter_shape
from depthsplat_ros.simulation.solids import Kind, Solid

NEAR_M = 0.01
"""What is nearer to the camera than this is not drawn."""
NOTHING = -1
"""Index of a ray that meets no solid."""
BAND_SAMPLES = 131_072
"""Samples handled at once: what stays in a processor's cache."""
SEGMENT_END = 1e-3
"""Share of a segment at either end in which nothing blocks it: it starts and ends on surfaces."""

CUBE = (
    np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1), indexing="ij")).reshape(3, 8).T.astype(float)
)
EDGES = np.array([(a, b) for a in range(8) for b in range(a) if (CUBE[a] != CUBE[b]).sum() == 1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shapes:
    """The geometry of all solids as arrays."""

    kinds: tuple[Kind, ...]
    unit_from_world: Float64[ndarray, "solid 3 4"]
    """Takes world points into each solid's unit shape."""
    world_from_unit: Float64[ndarray, "solid 3 4"]

    @staticmethod
    def of(solids: Sequence[Solid]) -> "Shapes":
        """The shapes of the solids, in their order."""
        world_from_unit = np.array(
            [solid.world_from_solid @ np.diag((*solid.half_size_m, 1.0)) for solid in solids]
        ).reshape(-1, 4, 4)
        return Shapes(
            kinds=tuple(solid.kind for solid in solids),
            unit_from_world=np.linalg.inv(world_from_unit)[:, :3],
            world_from_unit=world_from_unit[:, :3],
        )

    def select(self, solids: Sequence[int]) -> "Shapes":
        """Some of the shapes, in the given order."""
        return Shapes(
            kinds=tuple(self.kinds[solid] for solid in solids),
            unit_from_world=self.unit_from_world[list(solids)],
            world_from_unit=self.world_from_unit[list(solids)],
        )

    def seen_from(
        self, world_from_camera: Float64[ndarray, "4 4"]
    ) -> tuple[Float64[ndarray, "solid 3 3"], Float64[ndarray, "solid 3"]]:
        """Camera-frame directions to unit-space directions, and the camera's unit-space places."""
        linear, shift = self.unit_from_world[:, :, :3], self.unit_from_world[:, :, 3]
        return (
            linear @ world_from_camera[:3, :3],
            linear @ world_from_camera[:3, 3] + shift,
        )


def trace_grid(
    shapes: Shapes,
    world_from_camera: Float64[ndarray, "4 4"],
    columns: Float[Tensor, " column"],
    rows: Float[Tensor, " row"],
) -> tuple[Float[Tensor, "row column"], Int[Tensor, "row column"]]:
    """z-depth and index of the first solid along the rays (column, row, 1) of a camera.

    Depth is infinite and the index `NOTHING` where a ray meets no solid. The coordinates are
    evenly spaced and rise: a solid is tried only on the rays that its bounding box covers.
    """
    directions, origins = shapes.seen_from(world_from_camera)
    rectangles, least_depths = _cover(shapes, world_from_camera, columns, rows)
    depth = columns.new_full((len(rows), len(columns)), torch.inf)
    index = torch.full(depth.shape, NOTHING, dtype=torch.int32, device=columns.device)
    band = max(1, BAND_SAMPLES // len(columns))
    order = [int(solid) for solid in np.argsort(least_depths) if least_depths[solid] < np.inf]
    for start in range(0, len(rows), band):
        end = min(start + band, len(rows))
        for solid in order:
            left, right, top, bottom = rectangles[solid]
            top, bottom = max(int(top), start), min(int(bottom), end)
            if top >= bottom or left >= right:
                continue
            depth_part = depth[top:bottom, left:right]
            if depth_part.max() < least_depths[solid]:
                continue
            matrix = directions[solid].tolist()
            along_x, along_y = columns[left:right], rows[top:bottom, None]
            rays = tuple(a * along_x + (b * along_y + c) for a, b, c in matrix)
            found = enter_shape(shapes.kinds[solid], tuple(origins[solid].tolist()), rays)
            index[top:bottom, left:right].masked_fill_(found < depth_part, solid)
            torch.minimum(depth_part, found, out=depth_part)
    return depth, index


def _cover(
    shapes: Shapes,
    world_from_camera: Float64[ndarray, "4 4"],
    columns: Float[Tensor, " column"],
    rows: Float[Tensor, " row"],
) -> tuple[Int[ndarray, "solid 4"], Float64[ndarray, " solid"]]:
    """Index ranges (left, right, top, bottom; ends excluded) and least depth of each bounding box.

    The depth is infinite for what lies behind the camera.
    """
    rotation, centre = world_from_camera[:3, :3], world_from_camera[:3, 3]
    corners = CUBE @ shapes.world_from_unit[:, :, :3].transpose(0, 2, 1)
    corners = (corners + shapes.world_from_unit[:, None, :, 3] - centre) @ rotation
    start, end = corners[:, EDGES[:, 0]], corners[:, EDGES[:, 1]]
    crosses = (start[..., 2] < NEAR_M) != (end[..., 2] < NEAR_M)
    rise = np.where(crosses, end[..., 2] - start[..., 2], 1.0)
    crossings = start + ((NEAR_M - start[..., 2]) / rise)[..., None] * (end - start)
    points = np.concatenate([corners, crossings], axis=1)
    valid = np.concatenate([corners[..., 2] >= NEAR_M, crosses], axis=1)
    depths = np.where(valid, points[..., 2], np.inf)
    rectangles = np.zeros((len(points), 4), np.int64)
    for axis, grid in ((0, columns), (1, rows)):
        tangents = points[..., axis] / np.where(valid, points[..., 2], 1.0)
        low = np.where(valid, tangents, np.inf).min(axis=1)
        high = np.where(valid, tangents, -np.inf).max(axis=1)
        first, step = float(grid[0]), float(grid[-1] - grid[0]) / max(1, len(grid) - 1)
        # One sample of margin: the grid is float32.
        bounds = ((low - first) / step - 1, (high - first) / step + 2)
        for place, bound in enumerate(bounds):
            rectangles[:, 2 * axis + place] = np.ceil(np.clip(bound, 0, len(grid)))
    return rectangles, np.maximum(depths.min(axis=1), NEAR_M)


def trace_rays(
    shapes: Shapes,
    origins: Float[Tensor, "3 ray"],
    directions: Float[Tensor, "3 ray"],
) -> tuple[Float[Tensor, " ray"], Int[Tensor, " ray"]]:
    """Parameter and index of the first solid that any rays meet; infinite and `NOTHING` else."""
    parameter = origins.new_full(origins.shape[1:], torch.inf)
    index = torch.full(parameter.shape, NOTHING, dtype=torch.int32, device=origins.device)
    affine = torch.as_tensor(shapes.unit_from_world, dtype=origins.dtype, device=origins.device)
    for solid, kind in enumerate(shapes.kinds):
        rays = _into_unit_space(affine[solid], origins, directions)
        found = enter_shape(kind, *rays)
        index.masked_fill_(found < parameter, solid)
        torch.minimum(parameter, found, out=parameter)
    return parameter, index


def find_blocked(
    shapes: Shapes,
    solid: int,
    origins: Float[Tensor, "3 ray"],
    targets: Float[Tensor, "3 ray"],
) -> Bool[Tensor, " ray"]:
    """Whether one solid covers any part of each segment; its very ends do not count."""
    affine = torch.as_tensor(
        shapes.unit_from_world[solid], dtype=origins.dtype, device=origins.device
    )
    origin, direction = _into_unit_space(affine, origins, targets - origins)
    enter, leave = cross_shape(shapes.kinds[solid], origin, direction)
    return (enter <= leave) & (enter < 1 - SEGMENT_END) & (leave > SEGMENT_END)


def _into_unit_space(
    unit_from_world: Float[Tensor, "3 4"],
    origins: Float[Tensor, "3 ray"],
    directions: Float[Tensor, "3 ray"],
) -> tuple[Triple, Triple]:
    return (
        tuple(unit_from_world[:, :3] @ origins + unit_from_world[:, 3:]),
        tuple(unit_from_world[:, :3] @ directions),
    )
