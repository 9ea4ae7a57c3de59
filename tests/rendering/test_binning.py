# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.rendering.binning import (
    count_in_tiles,
    end_of_batch,
    fill_lists,
    sort_by_depth,
    start_lists,
)

TILES_X, TILES_Y = 5, 4


def random_boxes(count, seed=0):
    """Boxes of tiles: first and one after the last, in x and in y."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, (TILES_X, TILES_Y), (count, 2))
    last = rng.integers(first, (TILES_X, TILES_Y), (count, 2)) + 1
    return np.stack([first[:, 0], last[:, 0], first[:, 1], last[:, 1]], axis=1).astype(np.int32)


@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e6])
def test_rows_are_sorted_by_depth_and_stay_in_order_where_it_is_equal(spread):
    rng = np.random.default_rng(0)
    depths = (2.0 + spread * rng.random(5000).round(3)).astype(np.float32)
    segments = np.array([(0, 1000), (2000, 0), (2500, 2400)], np.int64)
    written = np.concatenate([np.arange(1000), np.arange(2500, 4900)])
    order = sort_by_depth(depths.view(np.uint32), len(written), segments)
    assert order.tolist() == written[np.argsort(depths[written], kind="stable")].tolist()


def test_no_rows_are_sorted_into_none():
    assert len(sort_by_depth(np.empty(0, np.uint32), 0, np.array([(0, 0)], np.int64))) == 0


def test_batches_fit_the_budget_and_take_one_at_least():
    boxes = np.array([(0, 2, 0, 2), (0, 1, 0, 1), (0, 5, 0, 4), (0, 1, 0, 1)], np.int32)
    order = np.arange(4, dtype=np.int32)
    assert end_of_batch(order, boxes, 0, 5) == 2
    assert end_of_batch(order, boxes, 2, 5) == 3
    assert end_of_batch(order, boxes, 3, 5) == 4
    assert end_of_batch(order, boxes, 0, 1000) == 4


def test_each_open_tile_lists_its_rows_in_the_order_of_depth():
    boxes, order = random_boxes(200), np.random.default_rng(1).permutation(200).astype(np.int32)
    is_full = np.zeros(TILES_X * TILES_Y, np.bool_)
    is_full[[3, 11]] = True
    shares = [order[:90], order[90:130], order[130:]]
    counts = np.empty((3, len(is_full)), np.int64)
    for share, count in zip(shares, counts, strict=True):
        count_in_tiles(share, boxes, is_full, TILES_X, count)
    starts = start_lists(counts)
    lists = np.full(starts[-1], -1, np.int32)
    for share, places in zip(shares, counts, strict=True):
        fill_lists(share, boxes, is_full, TILES_X, places, lists)
    for tile in range(len(is_full)):
        x, y = tile % TILES_X, tile // TILES_X
        wanted = [
            row
            for row in order.tolist()
            if boxes[row, 0] <= x < boxes[row, 1]
            and boxes[row, 2] <= y < boxes[row, 3]
            and not is_full[tile]
        ]
        assert lists[starts[tile] : starts[tile + 1]].tolist() == wanted
