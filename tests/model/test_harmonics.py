# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from depthsplat_ros.model.harmonics import (
    CONSTANT_HARMONIC,
    harmonics_rotation,
    rotate_harmonics,
    to_viewer_basis,
    world_viewer_matrix,
)

C1 = 0.48860251190291992


def directions(count=200):
    values = torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.normalize(values, dim=-1)


def random_rotations(count=6):
    values = torch.randn(
        count, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )
    rotations = torch.linalg.qr(values).Q
    return rotations * torch.linalg.det(rotations)[:, None, None]


def e3nn_functions(direction):
    """e3nn's real harmonics of degree 0 to 2, polar axis y, as the literature gives them."""
    x, y, z = direction.unbind(-1)
    root15 = math.sqrt(15 / (4 * math.pi))
    return torch.stack(
        [
            torch.full_like(x, CONSTANT_HARMONIC),
            C1 * x,
            C1 * y,
            C1 * z,
            root15 * x * z,
            root15 * x * y,
            root15 * (2 * y * y - x * x - z * z) / (2 * math.sqrt(3)),
            root15 * y * z,
            root15 * (z * z - x * x) / 2,
        ],
        dim=-1,
    )


def viewer_functions(direction):
    """The ordinary real harmonics of 3D Gaussian splatting, polar axis z."""
    x, y, z = direction.unbind(-1)
    a, b = 1.0925484305920792, 0.31539156525252005
    return torch.stack(
        [
            torch.full_like(x, CONSTANT_HARMONIC),
            -C1 * y,
            C1 * z,
            -C1 * x,
            a * x * y,
            -a * y * z,
            b * (2 * z * z - x * x - y * y),
            -a * x * z,
            a / 2 * (x * x - y * y),
        ],
        dim=-1,
    )


def test_rotated_coefficients_describe_the_rotated_function():
    coefficients = torch.randn(9, dtype=torch.float64)
    for rotation in random_rotations():
        rotated = harmonics_rotation(rotation) @ coefficients
        torch.testing.assert_close(
            e3nn_functions(directions() @ rotation.mT) @ rotated,
            e3nn_functions(directions()) @ coefficients,
        )


def test_two_rotations_make_one():
    first, second = random_rotations(2)
    torch.testing.assert_close(
        harmonics_rotation(second) @ harmonics_rotation(first), harmonics_rotation(second @ first)
    )


def test_no_digit_is_lost_when_the_polar_axis_stays():
    angle = 1e-6
    rotation = torch.eye(3, dtype=torch.float64)
    rotation[1:, 1:] = torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    matrix = harmonics_rotation(rotation)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(9, dtype=torch.float64))
    assert float(matrix[3, 2]) == pytest.approx(math.sin(angle), rel=1e-9)


def test_a_viewer_sees_what_the_official_renderer_draws():
    coefficients = torch.randn(9, dtype=torch.float64)
    mirrored = directions() * torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(
        viewer_functions(directions()) @ to_viewer_basis(coefficients),
        e3nn_functions(mirrored) @ coefficients,
    )


def test_one_matrix_rotates_and_changes_the_basis():
    pose = torch.eye(4, dtype=torch.float64).repeat(1, 2, 1, 1)
    pose[0, :, :3, :3] = random_rotations(2)
    harmonics = torch.randn(1, 2, 5, 3, 9, dtype=torch.float64)
    torch.testing.assert_close(
        harmonics @ world_viewer_matrix(pose)[:, :, None].mT,
        to_viewer_basis(rotate_harmonics(harmonics, pose)),
    )
