# SPDX-License-Identifier: Apache-2.0
"""Coordinates on the faces of solids: where a light map and a pattern are read.

Faces are numbered 0 to 5: -x, +x, -y, +y, -z, +z. An ellipsoid has face 0 only (longitude,
latitude), a cylinder face 0 for its side (longitude, height) and 4 and 5 for its caps. On every
face `u` and `v` run from 0 to 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.simulation.intersection import Triple
from depthsplat_ros.simulation.solids import Kind, Solid

FACES = 6
TANGENTS = ((1, 2), (0, 2), (0, 1))
"""Axes along u and v on the faces across each axis."""


def faces_of(kind: Kind) -> tuple[int, ...]:
    """The faces that a kind of solid has."""
    return {Kind.BOX: (0, 1, 2, 3, 4, 5), Kind.ELLIPSOID: (0,), Kind.CYLINDER: (0, 4, 5)}[kind]


def face_size_m(solid: Solid, face: int) -> tuple[float, float]:
    """Lengths along u and v."""
    x, y, z = solid.half_size_m
    if solid.kind is Kind.BOX or (solid.kind is Kind.CYLINDER and face >= 4):
        u, v = TANGENTS[face // 2]
        return 2 * solid.half_size_m[u], 2 * solid.half_size_m[v]
    around = math.pi * (x + y)
    return (around, 2 * z) if solid.kind is Kind.CYLINDER else (around, math.pi * z)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurfacePoints:
    """Points on solids of one kind, found by rays."""

    face: Int[Tensor, " point"]
    u: Float[Tensor, " point"]
    v: Float[Tensor, " point"]
    size_u_m: Float[Tensor, " point"]
    size_v_m: Float[Tensor, " point"]
    handedness: Float[Tensor, " point"]
    cosine: Float[Tensor, " point"]
    """Between the ray and the surface's normal, positive."""


def locate(kind: Kind, point: Triple, direction: Triple, half_size_m: Triple) -> SurfacePoints:
    """Surface coordinates of unit-space points where rays of unit-space directions arrive."""
    if kind is Kind.BOX:
        return _locate_box(point, direction, half_size_m)
    if kind is Kind.ELLIPSOID:
        return _locate_ellipsoid(point, direction, half_size_m)
    return _locate_cylinder(point, direction, half_size_m)


def _locate_box(point: Triple, direction: Triple, half: Triple) -> SurfacePoints:
    x, y, z = point
    ax, ay, az = x.abs(), y.abs(), z.abs()
    on_x = (ax >= ay) & (ax >= az)
    on_y = ~on_x & (ay >= az)
    across = torch.where(on_x, x, torch.where(on_y, y, z))
    positive = across > 0
    face = torch.where(on_x, 0, torch.where(on_y, 2, 4)).int() + positive.int()
    dx, dy, dz = (d * h for d, h in zip(direction, half, strict=True))
    along = torch.where(on_x, dx, torch.where(on_y, dy, dz)).abs()
    # Faces -x and +y show u running to the left.
    mirrored = (on_x & ~positive) | (on_y & positive)
    return SurfacePoints(
        face=face,
        u=torch.where(on_x, y, x).mul(0.5).add_(0.5),
        v=torch.where(on_x | on_y, z, y).mul(0.5).add_(0.5),
        size_u_m=2 * torch.where(on_x, half[1], half[0]),
        size_v_m=2 * torch.where(on_x | on_y, half[2], half[1]),
        handedness=torch.where(mirrored, -1.0, 1.0),
        cosine=along * (dx * dx + dy * dy + dz * dz).rsqrt(),
    )


def _locate_ellipsoid(point: Triple, direction: Triple, half: Triple) -> SurfacePoints:
    x, y, z = point
    gradient = tuple(p / h for p, h in zip(point, half, strict=True))
    return SurfacePoints(
        face=torch.zeros_like(x, dtype=torch.int32),
        u=torch.atan2(y, x) * (0.5 / math.pi) + 0.5,
        v=torch.asin(z.clamp(-1, 1)) / math.pi + 0.5,
        size_u_m=math.pi * (half[0] + half[1]),
        size_v_m=math.pi * half[2],
        handedness=torch.ones_like(x),
        cosine=_cosine(gradient, direction, half),
    )


def _locate_cylinder(point: Triple, direction: Triple, half: Triple) -> SurfacePoints:
    x, y, z = point
    # On the side the radius is 1 up to rounding, on a cap |z| is.
    on_cap = z.abs() > (x * x + y * y).sqrt()
    zero = torch.zeros_like(x)
    gradient = (
        torch.where(on_cap, zero, x / half[0]),
        torch.where(on_cap, zero, y / half[1]),
        torch.where(on_cap, z / half[2], zero),
    )
    return SurfacePoints(
        face=torch.where(on_cap, torch.where(z > 0, 5, 4), 0).int(),
        u=torch.where(on_cap, x * 0.5 + 0.5, torch.atan2(y, x) * (0.5 / math.pi) + 0.5),
        v=torch.where(on_cap, y, z) * 0.5 + 0.5,
        size_u_m=torch.where(on_cap, 2 * half[0], math.pi * (half[0] + half[1])),
        size_v_m=2 * torch.where(on_cap, half[1], half[2]),
        handedness=torch.ones_like(x),
        cosine=_cosine(gradient, direction, half),
    )


def _cosine(gradient: Triple, direction: Triple, half: Triple) -> Tensor:
    gx, gy, gz = gradient
    dx, dy, dz = (d * h for d, h in zip(direction, half, strict=True))
    along = (gx * dx + gy * dy + gz * dz).abs()
    return along * ((gx * gx + gy * gy + gz * gz) * (dx * dx + dy * dy + dz * dz)).rsqrt()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Charts:
    """A grid of texels on every face of every solid; the outer texels lie on the face's edges."""

    starts: Int64[Tensor, " chart"]
    """First texel of chart `6 * solid + face`; texels follow row by row."""
    widths: Int64[Tensor, " chart"]
    heights: Int64[Tensor, " chart"]

    @staticmethod
    def of(solids: Sequence[Solid], texel_m: float, most: int = 256) -> "Charts":
        """Charts with texels about `texel_m` apart, and at most `most` a side."""
        sizes = np.zeros((len(solids), FACES, 2), np.int64)
        for number, solid in enumerate(solids):
            for face in faces_of(solid.kind):
                for axis, length_m in enumerate(face_size_m(solid, face)):
                    sizes[number, face, axis] = np.clip(math.ceil(length_m / texel_m) + 1, 2, most)
        widths, heights = sizes.reshape(-1, 2).T
        ends = np.cumsum(widths * heights)
        return Charts(
            starts=torch.from_numpy(ends - widths * heights),
            widths=torch.from_numpy(widths.copy()),
            heights=torch.from_numpy(heights.copy()),
        )

    @property
    def count(self) -> int:
        """Number of texels."""
        return int(self.starts[-1] + self.widths[-1] * self.heights[-1])

    def to(self, device: torch.device | str) -> "Charts":
        """The charts on another device."""
        return Charts(
            starts=self.starts.to(device),
            widths=self.widths.to(device),
            heights=self.heights.to(device),
        )

    def corners(
        self, chart: Int[Tensor, " point"], u: Float[Tensor, " point"], v: Float[Tensor, " point"]
    ) -> tuple[Int[Tensor, "4 point"], Float[Tensor, " point"], Float[Tensor, " point"]]:
        """The four texels around each point (upper left, upper right, lower left, lower right).

        With them the shares of the right and of the lower ones; v counts as downwards here.
        """
        width = self.widths.index_select(0, chart)
        x = u.clamp(0, 1) * (width - 1)
        y = v.clamp(0, 1) * (self.heights.index_select(0, chart) - 1)
        left = torch.minimum(x.long(), width - 2)
        top = torch.minimum(y.long(), self.heights.index_select(0, chart) - 2)
        first = self.starts.index_select(0, chart) + top * width + left
        return torch.stack([first, first + 1, first + width, first + width + 1]), x - left, y - top

    def columns_and_rows(self, charts: Int[Tensor, " texel"]) -> tuple[Tensor, Tensor]:
        """Place of every texel in its chart; `charts` names the chart of each."""
        within = torch.arange(len(charts)) - self.starts[charts]
        return within % self.widths[charts], within // self.widths[charts]

    def smooth(self, values: Float[Tensor, "texel 3"]) -> Float[Tensor, "texel 3"]:
        """Texels averaged with their neighbours in the chart, by 1 2 1 along u and along v."""
        charts = torch.repeat_interleave(
            torch.arange(len(self.starts)), self.widths * self.heights
        )
        column, row = self.columns_and_rows(charts)
        here = torch.arange(len(charts))
        for place, count, stride in (
            (column, self.widths[charts], torch.ones_like(here)),
            (row, self.heights[charts], self.widths[charts]),
        ):
            before = torch.where(place > 0, here - stride, here)
            after = torch.where(place < count - 1, here + stride, here)
            values = (values[before] + 2 * values + values[after]) / 4
        return values

    def texels(
        self, solids: Sequence[Solid]
    ) -> tuple[Float[ndarray, "texel 3"], Float[ndarray, "texel 3"], Int[ndarray, "texel 2"]]:
        """World point, outward unit normal, and (chart, solid) of every texel."""
        points, normals, owners = [], [], []
        for chart, (width, height) in enumerate(zip(self.widths, self.heights, strict=True)):
            if width == 0:
                continue
            number, face = divmod(chart, FACES)
            solid = solids[number]
            u, v = np.meshgrid(np.linspace(0, 1, int(width)), np.linspace(0, 1, int(height)))
            unit, gradient = _place(solid.kind, face, u.ravel(), v.ravel())
            half = np.array(solid.half_size_m)
            rotation = solid.world_from_solid[:3, :3]
            normal = (gradient / half) @ rotation.T
            points.append((unit * half) @ rotation.T + solid.world_from_solid[:3, 3])
            normals.append(normal / np.linalg.norm(normal, axis=1, keepdims=True))
            owners.append(np.full((len(unit), 2), (chart, number)))
        return np.concatenate(points), np.concatenate(normals), np.concatenate(owners)


def _place(
    kind: Kind, face: int, u: Float[ndarray, " point"], v: Float[ndarray, " point"]
) -> tuple[Float[ndarray, "point 3"], Float[ndarray, "point 3"]]:
    """Unit-space points at face coordinates, and the unit shape's normals there."""
    point, normal = np.zeros((2, len(u), 3))
    if kind is Kind.BOX or (kind is Kind.CYLINDER and face >= 4):
        axis = face // 2
        a, b = TANGENTS[axis]
        # Texels on the very edge would lie in the neighbour that stands there: a hair inwards.
        point[:, a], point[:, b] = (2 * u - 1) * 0.998, (2 * v - 1) * 0.998
        point[:, axis] = normal[:, axis] = 1.0 if face % 2 else -1.0
        return point, normal
    longitude = (u - 0.5) * 2 * np.pi
    if kind is Kind.ELLIPSOID:
        latitude = (v - 0.5) * np.pi * 0.998
        point[:, 0] = np.cos(latitude) * np.cos(longitude)
        point[:, 1] = np.cos(latitude) * np.sin(longitude)
        point[:, 2] = np.sin(latitude)
        return point, point
    point[:, 0] = normal[:, 0] = np.cos(longitude)
    point[:, 1] = normal[:, 1] = np.sin(longitude)
    point[:, 2] = (2 * v - 1) * 0.998
    return point, normal
