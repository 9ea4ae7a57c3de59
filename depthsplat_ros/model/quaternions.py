# SPDX-License-Identifier: Apache-2.0
"""Rotations as unit quaternions, scalar first, as files of Gaussians hold them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def quaternion_from_rotation(rotation: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 4"]:
    """Unit quaternion (w, x, y, z) of a rotation matrix.

    Each row of the symmetric matrix below is the quaternion times one of its components; the row
    of the largest component is taken, so that nothing small is divided by.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (
        row.unbind(dim=-1) for row in rotation.double().unbind(dim=-2)
    )
    rows = [
        [1 + xx + yy + zz, zy - yz, xz - zx, yx - xy],
        [zy - yz, 1 + xx - yy - zz, xy + yx, xz + zx],
        [xz - zx, xy + yx, 1 - xx + yy - zz, yz + zy],
        [yx - xy, xz + zx, yz + zy, 1 - xx - yy + zz],
    ]
    products = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    largest = products.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    row = products.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4))[..., 0, :]
    return F.normalize(row, dim=-1)


def multiply_quaternions(
    left_wxyz: Float[Tensor, "... 4"], right_wxyz: Float[Tensor, "... 4"]
) -> Float[Tensor, "... 4"]:
    """The quaternion of the right rotation followed by the left one."""
    a, b, c, d = left_wxyz.unbind(dim=-1)
    w, x, y, z = right_wxyz.unbind(dim=-1)
    return torch.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        dim=-1,
    )
