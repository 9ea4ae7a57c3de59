# SPDX-License-Identifier: Apache-2.0
import torch

from depthsplat_ros.model.transformer import (
    MultiViewTransformer,
    neighbour_mask,
    position_encoding,
    region_mask,
)

CPU = torch.device("cpu")


def mask_of(height, width):
    return region_mask(height, width, CPU, torch.float32)


def places_in_windows(height, width):
    """Row and column, before the shift, of each token of each shifted window, by hand."""
    windows = []
    for top in (0, height // 2):
        for left in (0, width // 2):
            windows.append(
                [
                    ((top + y + height // 4) % height, (left + x + width // 4) % width)
                    for y in range(height // 2)
                    for x in range(width // 2)
                ]
            )
    return windows


def test_shifted_windows_keep_apart_what_the_shift_brought_together():
    height, width = 8, 12
    for mask, places in zip(mask_of(height, width), places_in_windows(height, width), strict=True):
        for query, (y, x) in enumerate(places):
            for key, (other_y, other_x) in enumerate(places):
                is_near = abs(y - other_y) < height // 2 and abs(x - other_x) < width // 2
                assert mask[query, key] == (0 if is_near else -100)


def test_half_of_an_odd_window_is_rounded_down():
    # Windows of 3 x 5 tokens are shifted by 1 x 2, so the last row and two columns are apart.
    mask = mask_of(6, 10)[3].unflatten(0, (3, 5))[0, 0].unflatten(0, (3, 5))
    assert (mask == 0).sum() == 2 * 3


def test_one_neighbour_meets_the_mask_that_fits():
    assert torch.equal(neighbour_mask(8, 12, 1, CPU, torch.float32), mask_of(8, 12))


def test_several_neighbours_meet_the_mask_of_the_official_layout():
    # The official code: keys position by position, mask columns repeated neighbour by neighbour.
    official = mask_of(8, 12).repeat(1, 1, 2)
    ours = neighbour_mask(8, 12, 2, CPU, torch.float32).unflatten(2, (2, -1))
    for token in range(24):
        for neighbour in range(2):
            assert torch.equal(ours[:, :, neighbour, token], official[:, :, 2 * token + neighbour])


def test_the_position_encoding_repeats_in_every_window():
    encoding = position_encoding(8, 12, 16, CPU, torch.float32)
    assert torch.equal(encoding[:4, :6], encoding[4:, 6:])
    assert torch.equal(encoding[:4, :6], encoding[4:, :6])
    # y first, then x; the last position of a window is a whole turn, and sines come first.
    assert encoding[0, 0, 0].isclose(torch.tensor(2 * torch.pi / 4).sin(), atol=1e-5)
    assert encoding[3, 5, 8].isclose(torch.tensor(0.0), atol=1e-5)
    assert encoding[0, 5, 9].isclose(torch.tensor(1.0), atol=1e-5)
    assert torch.equal(encoding[0, 0, :8], encoding[0, 5, :8])


def transformer(layers):
    torch.manual_seed(0)
    return MultiViewTransformer(16, layers).eval().requires_grad_(False)


def features(views):
    return torch.randn(1, views, 16, 8, 12, generator=torch.Generator().manual_seed(3))


def test_the_views_may_come_in_any_order():
    network, x = transformer(4), features(4)
    neighbours = torch.tensor([[[1, 2], [0, 2], [3, 1], [2, 0]]])
    order = torch.tensor([2, 0, 3, 1])
    place = order.argsort()
    torch.testing.assert_close(
        network(x, neighbours)[:, order], network(x[:, order], place[neighbours[:, order]])
    )


def test_one_layer_sees_the_neighbours_and_nothing_else():
    network, x = transformer(1), features(3)
    neighbours = torch.tensor([[[1], [0], [0]]])
    before = network(x, neighbours)
    x[:, 1] += 1
    after = network(x, neighbours)
    assert not torch.allclose(before[:, 0], after[:, 0])
    assert torch.equal(before[:, 2], after[:, 2])


def test_windows_of_a_batch_do_not_mix():
    network = transformer(2)
    pair = torch.cat([features(2), features(2).flip(1)])
    neighbours = torch.tensor([[[1], [0]]])
    together = network(pair, neighbours.expand(2, -1, -1))
    torch.testing.assert_close(together[:1], network(pair[:1], neighbours))
    torch.testing.assert_close(together[1:], network(pair[1:], neighbours))
