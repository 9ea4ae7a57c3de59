# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from matplotlib.figure import Figure

from depthsplat_ros.visualisation import (
    UNKNOWN_RGB,
    DepthScale,
    colour_confidence,
    colour_depth,
    colour_error,
    depth_picture,
    depth_scale,
    draw_depth_bar,
    nice_depths_m,
    render_figure,
)

SCALE = DepthScale(near_m=1.0, far_m=4.0)


def row(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def is_unknown(picture: np.ndarray) -> np.ndarray:
    return (picture == UNKNOWN_RGB).all(axis=-1)


def test_near_is_red_far_is_blue_and_unknown_is_grey():
    near, far, unknown = colour_depth(row(1.0, 4.0, np.nan), SCALE)[0].astype(int)

    assert near[0] > near[2] + 50
    assert far[2] > far[0] + 50
    assert tuple(unknown) == UNKNOWN_RGB


def test_no_known_value_has_the_colour_of_unknown_ones():
    depth_m = np.linspace(0.5, 8.0, 500, dtype=np.float32)[None]

    assert not is_unknown(colour_depth(depth_m, SCALE)).any()
    assert not is_unknown(colour_error(depth_m - 4)).any()
    assert not is_unknown(colour_confidence(depth_m / 8)).any()
    # Not even nearly: an eye must tell them apart.
    distance = np.abs(colour_depth(depth_m, SCALE).astype(int) - UNKNOWN_RGB).max(axis=-1)
    assert distance.min() > 60


def test_equal_ratios_of_depth_are_equal_steps_of_colour():
    middle = colour_depth(row(2.0), SCALE)
    other = colour_depth(row(20.0), DepthScale(near_m=10.0, far_m=40.0))

    np.testing.assert_array_equal(middle, other)


def test_depths_beyond_the_scale_take_the_colours_at_its_ends():
    picture = colour_depth(row(0.1, 1.0, 4.0, 100.0), SCALE)[0]

    np.testing.assert_array_equal(picture[0], picture[1])
    np.testing.assert_array_equal(picture[2], picture[3])


def test_error_is_red_where_too_far_blue_where_too_near_and_white_where_right():
    too_far, right, too_near = colour_error(row(0.3, 0.0, -0.3))[0].astype(int)

    assert too_far[0] > too_far[2] + 50
    assert too_near[2] > too_near[0] + 50
    assert right.min() > 230


def test_no_confidence_is_unknown():
    assert is_unknown(colour_confidence(row(0.0, 0.5))).tolist() == [[True, False]]


def test_a_flat_scene_still_gets_a_scale():
    scale = depth_scale(2.0, 2.0)

    assert scale.near_m < 2.0 < scale.far_m


@pytest.mark.parametrize(("near_m", "far_m"), [(0.7, 6.0), (0.01, 0.02), (0.5, 900.0), (3.1, 3.4)])
def test_labels_are_few_and_inside_the_scale(near_m, far_m):
    labels = nice_depths_m(DepthScale(near_m=near_m, far_m=far_m))

    assert 2 <= len(labels) <= 9
    assert all(near_m <= label <= far_m for label in labels)


def test_a_depth_picture_is_enlarged_in_whole_pixels_beside_its_bar():
    depth_m = np.full((40, 60), 2.0, np.float32)
    depth_m[:, 30:] = np.nan

    picture = depth_picture(depth_m, SCALE)

    assert picture.shape[0] == 16 * 40
    assert picture.shape[1] > 16 * 60
    assert is_unknown(picture[:, 16 * 30 : 16 * 60]).all()
    assert not is_unknown(picture[:, : 16 * 30]).any()
    bar = picture[:, 16 * 60 :].reshape(-1, 3).astype(int)
    assert np.abs(bar - colour_depth(row(2.0), SCALE)[0, 0]).max(axis=-1).min() <= 3


def test_bars_run_from_near_to_far():
    figure = Figure(figsize=(1, 4))
    axes = figure.add_axes((0.2, 0.05, 0.4, 0.9))
    draw_depth_bar(axes, SCALE)

    picture = render_figure(figure).astype(int)

    column = picture[:, int(0.4 * picture.shape[1])]
    coloured = column[np.ptp(column, axis=-1) > 50]
    # The top of the picture, far, is blue; the bottom, near, is red.
    assert coloured[0][2] > coloured[0][0]
    assert coloured[-1][0] > coloured[-1][2]
