# SPDX-License-Identifier: Apache-2.0
import torch

from depthsplat_ros.model.matrices import invert_3x3, invert_affine


def test_inverses_are_those_of_a_solver():
    matrix = torch.randn(5, 2, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    matrix[..., 3, :] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    torch.testing.assert_close(invert_affine(matrix), torch.linalg.inv(matrix))
    linear = matrix[..., :3, :3]
    torch.testing.assert_close(invert_3x3(linear), torch.linalg.inv(linear))


def test_a_matrix_without_inverse_is_not_finite():
    assert not invert_3x3(torch.ones(3, 3)).isfinite().any()
