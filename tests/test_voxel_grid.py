# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros import voxel_grid
from depthsplat_ros.voxel_grid import VoxelGrid, count_nearby


def test_points_of_a_voxel_become_their_weighted_mean():
    grid = VoxelGrid(1.0, maximum_voxels=100)
    grid.add(
        np.array([[0.2, 0.2, 0.2], [0.6, 0.2, 0.2], [5.5, -0.5, 0.5]]),
        np.array([[100.0], [200.0], [7.0]]),
        np.array([1.0, 3.0, 2.0]),
    )

    points, attributes = grid.means()

    order = np.argsort(points[:, 0])
    np.testing.assert_allclose(points[order], [[0.5, 0.2, 0.2], [5.5, -0.5, 0.5]])
    np.testing.assert_allclose(attributes[order], [[175.0], [7.0]])


def test_batches_give_what_one_call_gives(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(voxel_grid, "ROWS_BEFORE_MERGE", 50)
    generator = np.random.default_rng(0)
    points = generator.normal(size=(400, 3))
    colours = generator.uniform(size=(400, 3))
    weights = generator.uniform(0.1, 1, size=400)
    whole, parts = VoxelGrid(0.5, maximum_voxels=1000), VoxelGrid(0.5, maximum_voxels=1000)
    whole.add(points, colours, weights)
    for start in range(0, 400, 30):
        part = slice(start, start + 30)
        parts.add(points[part], colours[part], weights[part])

    for expected, found in zip(whole.means(), parts.means(), strict=True):
        np.testing.assert_allclose(found, expected)


def test_a_full_grid_gets_coarser_not_larger():
    grid = VoxelGrid(0.01, maximum_voxels=500)
    points = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 3))
    grid.add(points, np.zeros((20_000, 1)), np.ones(20_000))

    means, _ = grid.means()

    assert 20 < len(means) <= 500
    assert grid.voxel_m > 0.01
    np.testing.assert_allclose(means.mean(axis=0), 0, atol=0.1)


def test_a_point_too_far_out_for_its_index_doubles_the_voxels():
    grid = VoxelGrid(0.001, maximum_voxels=100)
    grid.add(np.array([[0.0, 0, 0], [1e6, 0, 0]]), np.zeros((2, 1)), np.ones(2))

    means, _ = grid.means()

    np.testing.assert_allclose(np.sort(means[:, 0]), [0.0, 1e6])


def test_points_nearby_are_those_in_the_cells_around():
    points = np.array([[0.5, 0.5, 0.5], [0.6, 0.5, 0.5], [1.5, -0.5, 1.5], [2.5, 0.5, 0.5]])

    # The third lies in a cell touching that of the first two, the last touches the third's only.
    assert count_nearby(points, 1.0).tolist() == [3, 3, 4, 2]


def test_counting_agrees_with_trying_every_pair():
    points = np.random.default_rng(0).uniform(-3, 3, (200, 3))
    cells = np.floor(points / 0.7)
    touching = np.abs(cells[:, None] - cells[None]).max(axis=-1) <= 1

    np.testing.assert_array_equal(count_nearby(points, 0.7), touching.sum(axis=1))


def test_no_points_have_no_counts():
    assert count_nearby(np.zeros((0, 3)), 1.0).shape == (0,)
