# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.transform_tree import (
    DisconnectedFramesError,
    TransformError,
    TransformTree,
    UncoveredStampError,
    UnknownFrameError,
    invert_rigid,
)

SECOND_NS = 1_000_000_000
NO_TURN = (0.0, 0.0, 0.0, 1.0)
START_NS = 1_700_000_000 * SECOND_NS


def turn_about_z(degrees):
    half = np.radians(degrees) / 2
    return (0.0, 0.0, float(np.sin(half)), float(np.cos(half)))


def add(tree, parent, child, seconds, translation_m=(0.0, 0.0, 0.0), rotation_xyzw=NO_TURN):
    tree.add(
        parent=parent,
        child=child,
        stamp_ns=None if seconds is None else START_NS + round(seconds * SECOND_NS),
        translation_m=tuple(map(float, translation_m)),
        rotation_xyzw=tuple(map(float, rotation_xyzw)),
    )


def look(tree, target, source, seconds):
    return tree.lookup(target, source, stamp_ns=START_NS + round(seconds * SECOND_NS))


def pose(translation_m, degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    matrix[:2, :2] = [[cosine, -sine], [sine, cosine]]
    matrix[:3, 3] = translation_m
    return matrix


@pytest.fixture
def robot():
    """odom -> base moves and turns; base -> camera is fixed; base -> wheel ends early."""
    tree = TransformTree()
    add(tree, "odom", "base", 0.0, (0.0, 0.0, 0.0), turn_about_z(0))
    add(tree, "odom", "base", 1.0, (2.0, 0.0, 0.0), turn_about_z(90))
    add(tree, "base", "camera", None, (1.0, 0.0, 0.5))
    add(tree, "base", "wheel", 0.0)
    return tree


def test_between_samples_the_way_is_straight_and_the_turn_even(robot):
    np.testing.assert_allclose(
        look(robot, "odom", "base", 0.25), pose((0.5, 0, 0), 22.5), atol=1e-12
    )


def test_a_chain_multiplies_from_right_to_left(robot):
    # At 1 s the base is at (2, 0), turned left by 90 degrees; its camera is 1 m ahead: (2, 1).
    np.testing.assert_allclose(
        look(robot, "odom", "camera", 1.0), pose((2, 1, 0.5), 90), atol=1e-12
    )
    np.testing.assert_allclose(
        look(robot, "camera", "odom", 1.0), invert_rigid(pose((2, 1, 0.5), 90)), atol=1e-12
    )


def test_siblings_meet_at_their_common_parent(robot):
    np.testing.assert_allclose(
        look(robot, "wheel", "camera", 0.0), pose((1, 0, 0.5), 0), atol=1e-12
    )


def test_only_the_links_on_the_way_need_to_cover_the_stamp(robot):
    assert look(robot, "base", "camera", 99.0)[0, 3] == 1.0


def test_a_frame_in_itself_is_identity(robot):
    np.testing.assert_array_equal(look(robot, "base", "base", 50.0), np.eye(4))


def test_exact_stamps_return_the_sample_even_if_it_is_the_only_one(robot):
    np.testing.assert_array_equal(look(robot, "base", "wheel", 0.0), np.eye(4))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.5, "begins 0.500 s after the wanted stamp 1699999999.500000000 s"),
        (1.25, "ends 0.250 s before the wanted stamp 1700000001.250000000 s"),
    ],
)
def test_nothing_is_extrapolated(robot, seconds, text):
    with pytest.raises(UncoveredStampError, match=f"TF of 'base' in 'odom' {text}"):
        look(robot, "odom", "camera", seconds)


def test_interpolation_takes_the_shorter_arc_and_ignores_the_quaternions_sign():
    tree = TransformTree()
    add(tree, "odom", "base", 0.0, rotation_xyzw=turn_about_z(170))
    add(tree, "odom", "base", 1.0, rotation_xyzw=turn_about_z(-170))
    np.testing.assert_allclose(look(tree, "odom", "base", 0.5), pose((0, 0, 0), 180), atol=1e-12)
    add(tree, "odom", "arm", 0.0, rotation_xyzw=turn_about_z(10))
    add(tree, "odom", "arm", 1.0, rotation_xyzw=tuple(-v for v in turn_about_z(30)))
    np.testing.assert_allclose(look(tree, "odom", "arm", 0.75), pose((0, 0, 0), 25), atol=1e-12)


@pytest.mark.parametrize("degrees", [0.0, 1e-7, 1e-4, 1e-3, 0.1, 179.0])
def test_turns_of_any_size_are_even(degrees):
    tree = TransformTree()
    add(tree, "odom", "base", 0.0, rotation_xyzw=turn_about_z(0))
    add(tree, "odom", "base", 1.0, rotation_xyzw=turn_about_z(degrees))
    np.testing.assert_allclose(
        look(tree, "odom", "base", 0.3), pose((0, 0, 0), 0.3 * degrees), atol=1e-14
    )


def test_order_of_arrival_does_not_matter_and_of_equal_stamps_the_first_counts():
    tree = TransformTree()
    for seconds in (2.0, 0.0, 1.0):
        add(tree, "odom", "base", seconds, (seconds**2, 0, 0))
    add(tree, "odom", "base", 1.0, (77.0, 0, 0))
    assert look(tree, "odom", "base", 1.0)[0, 3] == 1.0
    assert look(tree, "odom", "base", 1.5)[0, 3] == 2.5
    add(tree, "odom", "base", 1.5, (2.0, 0, 0))
    assert look(tree, "odom", "base", 1.5)[0, 3] == 2.0


def test_large_coordinates_keep_their_millimetres():
    tree = TransformTree()
    for seconds in (0.0, 1.0):
        add(tree, "utm", "base", seconds, (5e6 + seconds / 1000, 4e5, 0))
    assert look(tree, "utm", "base", 0.5)[0, 3] - 5e6 == pytest.approx(0.0005, abs=1e-8)


def test_a_repeated_static_transform_is_replaced():
    tree = TransformTree()
    add(tree, "base", "camera", None, (1.0, 0, 0))
    add(tree, "base", "camera", None, (2.0, 0, 0))
    assert look(tree, "base", "camera", 5.0)[0, 3] == 2.0


def test_stamped_transforms_count_over_a_static_one():
    tree = TransformTree()
    add(tree, "map", "odom", 0.0, (1.0, 0, 0))
    add(tree, "map", "odom", 1.0, (1.0, 0, 0))
    add(tree, "map", "odom", None, (9.0, 0, 0))
    assert look(tree, "map", "odom", 0.5)[0, 3] == 1.0


def test_a_new_parent_counts_from_its_first_stamp_and_between_the_two_nothing_is_known():
    tree = TransformTree()
    add(tree, "shelf", "box", 0.0, (1.0, 0, 0))
    add(tree, "shelf", "box", 1.0, (1.0, 0, 0))
    add(tree, "gripper", "box", 2.0, (0.1, 0, 0))
    add(tree, "gripper", "box", 3.0, (0.1, 0, 0))
    add(tree, "shelf", "gripper", None, (5.0, 0, 0))
    assert look(tree, "shelf", "box", 0.5)[0, 3] == 1.0
    assert look(tree, "shelf", "box", 2.5)[0, 3] == 5.1
    with pytest.raises(UncoveredStampError, match="moves 'box' from parent 'shelf'.*'gripper'"):
        look(tree, "shelf", "box", 1.5)


def test_leading_slashes_are_dropped_everywhere():
    tree = TransformTree()
    add(tree, "/map", "/base", None, (3.0, 0, 0))
    assert tree.frames() == ["base", "map"]
    assert look(tree, "/map", "base", 0.0)[0, 3] == 3.0


def test_quaternions_are_brought_to_length_one():
    tree = TransformTree()
    add(tree, "map", "base", None, rotation_xyzw=tuple(2 * v for v in turn_about_z(40)))
    np.testing.assert_allclose(look(tree, "map", "base", 0.0), pose((0, 0, 0), 40), atol=1e-15)


@pytest.mark.parametrize(
    ("parent", "child", "translation_m", "rotation_xyzw", "complaint"),
    [
        ("map", "base", (np.nan, 0, 0), NO_TURN, "'base' to 'map' is not finite"),
        ("map", "base", (0, 0, 0), (0, 0, np.inf, 1), "not finite"),
        ("map", "base", (0, 0, 0), (0, 0, np.nan, 1), "not finite"),
        ("map", "base", (0, 0, 0), (0, 0, 0, 0), "length zero"),
        ("", "base", (0, 0, 0), NO_TURN, "two different frame names"),
        ("map", "", (0, 0, 0), NO_TURN, "two different frame names"),
        ("/map", "map", (0, 0, 0), NO_TURN, "two different frame names"),
    ],
)
def test_what_is_no_transform_is_refused_and_leaves_no_trace(
    parent, child, translation_m, rotation_xyzw, complaint
):
    tree = TransformTree()
    with pytest.raises(TransformError, match=complaint):
        add(tree, parent, child, 0.0, translation_m, rotation_xyzw)
    assert tree.frames() == []


def test_unknown_frames_are_answered_with_the_known_ones(robot):
    with pytest.raises(UnknownFrameError, match="'lidar'.*base, camera, odom, wheel"):
        look(robot, "odom", "lidar", 0.5)
    with pytest.raises(UnknownFrameError, match="no frame at all"):
        look(TransformTree(), "odom", "base", 0.0)


def test_separate_trees_are_shown_with_their_chains(robot):
    add(robot, "map", "beacon", None)
    with pytest.raises(DisconnectedFramesError, match="camera -> base -> odom and beacon -> map"):
        look(robot, "beacon", "camera", 0.5)


def test_loops_are_found():
    tree = TransformTree()
    add(tree, "a", "b", None)
    add(tree, "b", "a", None)
    with pytest.raises(TransformError, match="loop: a -> b -> a"):
        look(tree, "b", "a", 0.0)


def test_ancestors_lead_to_the_root(robot):
    assert robot.ancestors("camera", stamp_ns=START_NS) == ["camera", "base", "odom"]
    assert robot.moving_frames() == {"base", "wheel"}
