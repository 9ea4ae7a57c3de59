# SPDX-License-Identifier: Apache-2.0
"""Inverses of small matrices in plain arithmetic.

A GPU computes them without asking the host, which `torch.linalg` does, and so inside a CUDA graph.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def invert_3x3(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The inverse, by cofactors; infinite or NaN where there is none."""
    a, b, c = matrix.unbind(dim=-2)
    cofactors = [torch.linalg.cross(*pair) for pair in ((b, c), (c, a), (a, b))]
    determinant = (a * cofactors[0]).sum(dim=-1)
    return torch.stack(cofactors, dim=-1) / determinant[..., None, None]


def invert_affine(matrix: Float[Tensor, "*batch 4 4"]) -> Float[Tensor, "*batch 4 4"]:
    """The inverse of matrices whose last row is (0, 0, 0, 1)."""
    linear = invert_3x3(matrix[..., :3, :3])
    offset = -linear @ matrix[..., :3, 3:]
    return torch.cat([torch.cat([linear, offset], dim=-1), matrix[..., 3:, :]], dim=-2)
