# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.offline import splatting
from depthsplat_ros.offline.splatting import draw_points

BACKGROUND = (9, 9, 9)
RED, BLUE = (200, 0, 0), (0, 0, 200)


def draw(points: list[tuple[float, float, float, float, tuple[int, int, int]]]) -> np.ndarray:
    """Points given as x, y, depth, side and colour in a picture of 20 x 10 pixels."""
    x, y, depth, side = (np.array([point[axis] for point in points], float) for axis in range(4))
    return draw_points(
        x_px=x,
        y_px=y,
        depth_m=depth,
        side_px=side,
        colours=np.array([point[4] for point in points], np.uint8).reshape(-1, 3),
        width_px=20,
        height_px=10,
        background=BACKGROUND,
    )


def test_a_point_is_a_square_around_its_place():
    picture = draw([(5, 4, 1, 3, RED)])

    is_red = (picture == RED).all(axis=-1)
    assert is_red[3:6, 4:7].all()
    assert is_red.sum() == 9
    assert (picture[~is_red] == BACKGROUND).all()


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearest_point_wins_whatever_the_order(order):
    picture = draw([(5, 4, 1, 1, RED), (5, 4, 2, 1, BLUE)][::order])

    assert tuple(picture[4, 5]) == RED


def test_points_of_the_same_surface_are_mixed():
    picture = draw([(5, 4, 1.0, 1, RED), (5, 4, 1.001, 1, BLUE)])

    assert tuple(picture[4, 5]) == (100, 0, 100)


def test_points_outside_the_picture_are_ignored():
    picture = draw(
        [(-5, 4, 1, 1, RED), (25, 4, 1, 1, RED), (5, -3, 1, 1, RED), (5, 12, 1, 1, RED)]
    )

    assert (picture == BACKGROUND).all()


def test_no_points_leave_the_background():
    assert (draw([]) == BACKGROUND).all()


def test_surfaces_behind_an_edge_are_darker():
    near = [(x, y, 1.0, 1, RED) for x in range(10) for y in range(10)]
    far = [(x, y, 2.0, 1, RED) for x in range(10, 20) for y in range(10)]

    picture = draw(near + far).astype(int)

    assert picture[5, 10, 0] < 0.7 * picture[5, 18, 0]
    assert picture[5, 9, 0] == picture[5, 2, 0] == 200


def test_batches_change_nothing(monkeypatch):
    generator = np.random.default_rng(0)
    points = [
        (x, y, depth, 4, tuple(colour))
        for x, y, depth, colour in zip(
            generator.uniform(0, 20, 50),
            generator.uniform(0, 10, 50),
            generator.uniform(1, 2, 50),
            generator.integers(0, 255, (50, 3)),
            strict=True,
        )
    ]
    whole = draw(points)
    monkeypatch.setattr(splatting, "HITS_PER_BATCH", 7)

    np.testing.assert_array_equal(draw(points), whole)
