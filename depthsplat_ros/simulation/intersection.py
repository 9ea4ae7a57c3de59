# SPDX-License-Identifier: Apache-2.0
"""Where rays enter the unit shapes: tensor functions that broadcast rays against shapes.

A solid is an affine image of its unit shape, and an affine map keeps a ray's parameter: rays are
taken into the unit space of a solid, and the parameter found there holds in the world as well.
"""

import torch
from torch import Tensor

from depthsplat_ros.simulation.solids import Kind

Triple = tuple[Tensor | float, Tensor | float, Tensor | float]
"""x, y and z apart, each broadcastable against the others: faster than a last axis of 3."""


def enter_shape(kind: Kind, origin: Triple, direction: Triple) -> Tensor:
    """Ray parameter at which rays enter a unit shape; infinite where they miss it or start in it.

    The parameter counts in multiples of `direction`: it is z-depth where the direction's z along
    the optical axis is 1.
    """
    enter, leave = cross_shape(kind, origin, direction)
    return enter.masked_fill_(~((enter <= leave) & (enter > 0)), torch.inf)


def cross_shape(kind: Kind, origin: Triple, direction: Triple) -> tuple[Tensor, Tensor]:
    """Parameters at which the rays' whole lines enter and leave a unit shape.

    Where a line misses, no order holds: either is NaN or the line leaves before it enters.
    """
    if kind is Kind.BOX:
        return _cross_box(origin, direction)
    if kind is Kind.ELLIPSOID:
        return _cross_ball(origin, direction)
    return _cross_cylinder(origin, direction)


def _cross_slab(origin: Tensor | float, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Interval of the parameter between the planes at -1 and 1 of one coordinate."""
    inverse = direction.reciprocal()
    lower, upper = inverse * (-1 - origin), inverse * (1 - origin)
    return torch.minimum(lower, upper), torch.maximum(lower, upper)


def _cross_box(origin: Triple, direction: Triple) -> tuple[Tensor, Tensor]:
    enter, leave = _cross_slab(origin[0], direction[0])
    for axis in (1, 2):
        enter_axis, leave_axis = _cross_slab(origin[axis], direction[axis])
        enter, leave = torch.maximum(enter, enter_axis), torch.minimum(leave, leave_axis)
    return enter, leave


def _cross_ball(origin: Triple, direction: Triple) -> tuple[Tensor, Tensor]:
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    square = dx * dx + dy * dy + dz * dz
    middle = -(ox * dx + oy * dy + oz * dz) / square
    # |o x d| instead of b^2 - 4ac: small balls far away would drown in float32's rounding.
    miss_x, miss_y, miss_z = oy * dz - oz * dy, oz * dx - ox * dz, ox * dy - oy * dx
    half = (square - (miss_x * miss_x + miss_y * miss_y + miss_z * miss_z)).sqrt() / square
    return middle - half, middle + half


def _cross_cylinder(origin: Triple, direction: Triple) -> tuple[Tensor, Tensor]:
    (ox, oy, oz), (dx, dy, dz) = origin, direction
    dx = dx + 1e-12  # a ray exactly along the axis would divide 0 by 0
    square = dx * dx + dy * dy
    middle = -(ox * dx + oy * dy) / square
    miss = ox * dy - oy * dx
    half = (square - miss * miss).sqrt() / square
    enter_slab, leave_slab = _cross_slab(oz, dz)
    return torch.maximum(middle - half, enter_slab), torch.minimum(middle + half, leave_slab)
