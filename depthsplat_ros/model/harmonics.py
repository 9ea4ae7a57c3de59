# SPDX-License-Identifier: Apache-2.0
"""Spherical harmonics up to degree 2 in the basis of the published weights, and out of it.

The weights speak e3nn's real basis, whose polar axis is y, and the official renderer evaluates it
at (-x, y, -z). Viewers of 3D Gaussian splatting use the ordinary basis, whose polar axis is z.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.constants import constant_tensor

HARMONIC_COUNT = 9
CONSTANT_HARMONIC = 0.28209479177387814
"""Value of the harmonic of degree 0, the same in every direction."""

_ROOT3 = math.sqrt(3.0)


def rotate_harmonics(
    harmonics: Float[Tensor, "batch view gaussian 3 9"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
) -> Float[Tensor, "batch view gaussian 3 9"]:
    """Coefficients in e3nn's basis, from the camera's axes to the world's."""
    matrix = harmonics_rotation(world_from_camera[..., :3, :3]).to(harmonics.dtype)
    return harmonics @ matrix[:, :, None].mT


def to_viewer_basis(harmonics: Float[Tensor, "... 9"]) -> Float[Tensor, "... 9"]:
    """Coefficients of e3nn's basis, as the official renderer reads it, in that of 3DGS viewers."""
    return harmonics @ viewer_basis(harmonics.device).to(harmonics.dtype).mT


def world_viewer_matrix(
    world_from_camera: Float[Tensor, "batch view 4 4"],
) -> Float[Tensor, "batch view 9 9"]:
    """`rotate_harmonics` and `to_viewer_basis` in one matrix per view, for column vectors."""
    rotation = harmonics_rotation(world_from_camera[..., :3, :3])
    return viewer_basis(rotation.device) @ rotation


def harmonics_rotation(rotation: Float[Tensor, "... 3 3"]) -> Float[Tensor, "... 9 9"]:
    """How coefficients in e3nn's basis change when what they describe is rotated.

    A function of degree 1 is a vector, one of degree 2 a symmetric matrix without trace, and these
    rotate as R v and R M R^T; so no Euler angles are needed, and no digits are lost at any angle.
    """
    basis = _quadratic_basis(rotation.device)
    rotation = rotation.double()
    rotated = rotation[..., None, :, :] @ basis @ rotation[..., None, :, :].mT
    matrix = rotation.new_zeros(*rotation.shape[:-2], HARMONIC_COUNT, HARMONIC_COUNT)
    matrix[..., 0, 0] = 1
    matrix[..., 1:4, 1:4] = rotation
    matrix[..., 4:, 4:] = torch.einsum("kij,...lij->...kl", basis, rotated)
    return matrix


@constant_tensor
def viewer_basis(device: torch.device) -> Float[Tensor, "9 9"]:
    """Rows: ordinary 3DGS coefficients; columns: e3nn's coefficients, as the renderer reads them.

    Source: the official rasterizer's formula; `tests/model/test_harmonics.py` evaluates both.
    """
    entries = {
        (0, 0): 1.0,
        (1, 2): -1.0,
        (2, 3): -1.0,
        (3, 1): 1.0,
        (4, 5): -1.0,
        (5, 7): 1.0,
        (6, 6): -0.5,
        (6, 8): _ROOT3 / 2,
        (7, 4): -1.0,
        (8, 6): -_ROOT3 / 2,
        (8, 8): -0.5,
    }
    matrix = torch.zeros(HARMONIC_COUNT, HARMONIC_COUNT, dtype=torch.float64)
    for place, value in entries.items():
        matrix[place] = value
    return matrix.to(device)


@constant_tensor
def _quadratic_basis(device: torch.device) -> Float[Tensor, "5 3 3"]:
    """e3nn's functions of degree 2 as symmetric matrices of unit norm: f(x) is x^T M x.

    In order: xz, xy, 2yy - xx - zz, yz, zz - xx, each up to its factor.
    """
    off_diagonal, diagonal, polar = 1 / math.sqrt(2), 1 / math.sqrt(2), 1 / math.sqrt(6)
    basis = torch.zeros(5, 3, 3, dtype=torch.float64)
    for index, (row, column) in ((0, (0, 2)), (1, (0, 1)), (3, (1, 2))):
        basis[index, row, column] = basis[index, column, row] = off_diagonal
    basis[2] = torch.diag(torch.tensor([-polar, 2 * polar, -polar], dtype=torch.float64))
    basis[4] = torch.diag(torch.tensor([-diagonal, 0, diagonal], dtype=torch.float64))
    return basis.to(device)
