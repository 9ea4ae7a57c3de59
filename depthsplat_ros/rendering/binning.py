# SPDX-License-Identifier: Apache-2.0
"""Which ellipses each tile of the image has to draw, and in which order."""

import numpy as np

from depthsplat_ros.compilation import compiled

_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS


@compiled
def sort_by_depth(depth_keys, rows, segments):
    """The rows written by `project`, nearest first; rows of equal depth keep their order.

    Args:
        depth_keys: gaussian uint32.
        rows: how many rows are written altogether.
        segments: segment x 2, where each run of written rows begins and how long it is.

    Returns:
        rows int32.
    """
    order = np.empty(rows, np.int32)
    keys = np.empty(rows, np.uint32)
    counts = np.zeros((3, _DIGITS), np.int64)
    written = 0
    for s in range(len(segments)):
        for row in range(segments[s, 0], segments[s, 0] + segments[s, 1]):
            key = depth_keys[row]
            order[written] = row
            keys[written] = key
            written += 1
            counts[0, key & (_DIGITS - 1)] += 1
            counts[1, (key >> _DIGIT_BITS) & (_DIGITS - 1)] += 1
            counts[2, key >> (2 * _DIGIT_BITS)] += 1
    next_order = np.empty(rows, np.int32)
    next_keys = np.empty(rows, np.uint32)
    for digit in range(3):
        shift = digit * _DIGIT_BITS
        count = counts[digit]
        if count.max() == rows:
            continue
        place = 0
        for value in range(_DIGITS):
            count[value], place = place, place + count[value]
        for i in range(rows):
            key = keys[i]
            value = (key >> shift) & (_DIGITS - 1)
            place = count[value]
            count[value] = place + 1
            next_keys[place] = key
            next_order[place] = order[i]
        keys, next_keys = next_keys, keys
        order, next_order = next_order, order
    return order


@compiled
def end_of_batch(order, boxes, begin, budget):
    """One after the last place in `order` whose tiles, added up from `begin`, fit the budget.

    At least one place is taken, whatever its size.
    """
    total = 0
    for place in range(begin, len(order)):
        row = order[place]
        total += (boxes[row, 1] - boxes[row, 0]) * (boxes[row, 3] - boxes[row, 2])
        if total > budget and place > begin:
            return place
    return len(order)


@compiled
def count_in_tiles(order, boxes, is_full, tiles_x, counts):
    """Count the ellipses in each tile that is not full yet.

    Args:
        order: rows, nearest first.
        boxes: see `project`.
        is_full: tile; nothing more can be seen there.
        tiles_x: tiles in a row of the image.
        counts: out, tile int64.
    """
    counts[:] = 0
    for place in range(len(order)):
        row = order[place]
        for tile_y in range(boxes[row, 2], boxes[row, 3]):
            for tile in range(tile_y * tiles_x + boxes[row, 0], tile_y * tiles_x + boxes[row, 1]):
                counts[tile] += not is_full[tile]


@compiled
def start_lists(counts):
    """Where each tile's list begins and where each worker writes in it, from what they counted.

    Args:
        counts: worker x tile int64; out: the places at which each worker starts to write.

    Returns:
        tile + 1 int64.
    """
    workers, tiles = counts.shape
    starts = np.empty(tiles + 1, np.int64)
    place = 0
    for tile in range(tiles):
        starts[tile] = place
        for worker in range(workers):
            counts[worker, tile], place = place, place + counts[worker, tile]
    starts[tiles] = place
    return starts


@compiled
def fill_lists(order, boxes, is_full, tiles_x, places, lists):
    """Write each row into the lists of the tiles that it is in, in the order given.

    Args:
        order: rows, nearest first.
        boxes: see `project`.
        is_full: tile; as it was in `count_in_tiles`.
        tiles_x: tiles in a row of the image.
        places: tile int64, where to write next; changed.
        lists: out, rows int32.
    """
    for place in range(len(order)):
        row = order[place]
        for tile_y in range(boxes[row, 2], boxes[row, 3]):
            for tile in range(tile_y * tiles_x + boxes[row, 0], tile_y * tiles_x + boxes[row, 1]):
                if not is_full[tile]:
                    lists[places[tile]] = row
                    places[tile] += 1
