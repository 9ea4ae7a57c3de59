# SPDX-License-Identifier: Apache-2.0
"""The transform tree without a graph, against answers of the real tf2 and by its properties.

`golden/tf2_golden.json` was recorded from tf2 and tf2_ros_py 0.39.1 (geometry2 1b005c65) with
rclpy 9.1.2: trees of transforms, queries, and what the real buffer answered.
"""

import itertools
import json
import math
import random
import threading
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="no ROS")
pytest.importorskip("tf2_py.frame_tree", reason="the real tf2 is installed, not its stand-in")

import yaml
from geometry_msgs.msg import Quaternion
from rclpy.duration import Duration
from rclpy.time import Time
from tf2_py import (
    BufferCore,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf2_py.linear_math import canonical
from tf2_ros import Buffer
from transform_messages import IDENTITY_XYZW, at, transform, xyz_of, xyzw_of

pytestmark = pytest.mark.ros

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("tf2_golden.json").read_text())
QUARTER_TURN_XYZW = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))


def buffer_with(*transforms, static=()):
    buffer = BufferCore()
    for message in transforms:
        buffer.set_transform(message, "test")
    for message in static:
        buffer.set_transform_static(message, "test")
    return buffer


def answer_of(buffer, query):
    """What a buffer says to a recorded query, in the words of the recording."""
    if len(query) == 3:
        target, source, stamp_ns = query
        arguments = (target, source, Time(nanoseconds=stamp_ns))
        lookup, can = buffer.lookup_transform, buffer.can_transform
    else:
        target, target_ns, source, source_ns, fixed = query
        arguments = (
            target,
            Time(nanoseconds=target_ns),
            source,
            Time(nanoseconds=source_ns),
            fixed,
        )
        lookup, can = buffer.lookup_transform_full, buffer.can_transform_full
    possible, reason = can(*arguments, return_debug_tuple=True)
    assert can(*arguments) == possible
    try:
        message = lookup(*arguments)
    except TransformException as error:
        result = {"ok": False, "type": type(error).__name__, "msg": str(error)}
    else:
        header = message.header
        result = {
            "ok": True,
            "frame": header.frame_id,
            "child": message.child_frame_id,
            "stamp": [header.stamp.sec, header.stamp.nanosec],
            "xyz": pytest.approx(xyz_of(message), abs=1e-9),
            "q": pytest.approx(xyzw_of(message), abs=1e-9),
        }
    return {"query": query, "result": result, "can": possible, "why": reason}


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_answers_are_those_of_the_real_buffer(case):
    cache_ns = case["cache_ns"]
    buffer = Buffer(cache_time=None if cache_ns is None else Duration(nanoseconds=cache_ns))
    for parent, child, stamp_ns, xyz, xyzw, static in case["sets"]:
        message = transform(parent, child, 0.0, xyz, xyzw)
        message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
        insert = buffer.set_transform_static if static else buffer.set_transform
        assert insert(message, "test") is None
    assert [answer_of(buffer, answer["query"]) for answer in case["answers"]] == case["answers"]


def test_there_and_back_is_the_identity():
    rng = random.Random(7)
    buffer = BufferCore()
    frames = ["root"]
    for number in range(12):
        rotation = [rng.gauss(0, 1) for _ in range(4)]
        translation = [rng.uniform(-5, 5) for _ in range(3)]
        message = transform(rng.choice(frames), f"f{number}", 1.0, translation, rotation)
        buffer.set_transform_static(message, "test")
        frames.append(f"f{number}")
    for target, source in itertools.permutations(frames, 2):
        back = BufferCore()
        back.set_transform_static(buffer.lookup_transform_core(target, source, at(0)), "test")
        reverse = buffer.lookup_transform_core(source, target, at(0))
        reverse.child_frame_id = "again"
        back.set_transform_static(reverse, "test")
        identity = back.lookup_transform_core(target, "again", at(0))
        assert xyz_of(identity) == pytest.approx((0, 0, 0), abs=1e-9)
        assert xyzw_of(identity) == pytest.approx(IDENTITY_XYZW, abs=1e-9)


def test_translations_of_a_chain_add_up_in_turned_axes():
    buffer = buffer_with(
        static=[
            transform("map", "base", 0, (1, 2, 0), QUARTER_TURN_XYZW),
            transform("base", "camera", 0, (3, 0, 1)),
        ]
    )
    answer = buffer.lookup_transform_core("map", "camera", at(0))
    assert xyz_of(answer) == pytest.approx((1, 5, 1))
    assert xyzw_of(answer) == pytest.approx(QUARTER_TURN_XYZW)


def test_optical_frame_of_120_degrees_has_a_positive_x():
    # The usual camera mounting: exactly 120 degrees, where tf2 changes its choice of sign.
    buffer = buffer_with(static=[transform("link", "optical", 0, xyzw=(-0.5, 0.5, -0.5, 0.5))])
    answer = buffer.lookup_transform_core("link", "optical", at(0))
    assert xyzw_of(answer) == (0.5, -0.5, 0.5, -0.5)


@pytest.mark.parametrize("turn_deg", [1, 90, 119, 121, 179, 180, 181, 300])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, -0.8, 0)])
def test_canonical_quaternion_is_the_same_rotation(turn_deg, axis):
    sine = math.sin(math.radians(turn_deg) / 2)
    unit = (*(sine * part for part in axis), math.cos(math.radians(turn_deg) / 2))
    again = canonical(tuple(3.0 * part for part in unit))
    dot = sum(a * b for a, b in zip(unit, again, strict=True))
    assert abs(dot) == pytest.approx(1.0, abs=1e-12)


def test_no_quaternion_makes_the_arithmetic_fail():
    extremes = (0.0, 1.0, -0.5, 1e-320, 1e-160, 1e155, 1e308, math.inf, -math.inf, math.nan)
    for quaternion in itertools.product(extremes, repeat=4):
        assert len(canonical(quaternion)) == 4


def test_frames_in_two_trees_are_not_connected():
    buffer = buffer_with(transform("map", "base", 1.0), transform("world", "arm", 1.0))
    with pytest.raises(ConnectivityException, match="'map' and 'arm' because they are not part"):
        buffer.lookup_transform_core("map", "arm", at(1.0))


def test_loop_is_named_with_its_frames():
    buffer = buffer_with(
        transform("a", "b", 1.0), transform("b", "a", 1.0), transform("other", "c", 1.0)
    )
    with pytest.raises(LookupException) as caught:
        buffer.lookup_transform_core("c", "a", at(1.0))
    assert str(caught.value) == (
        "The tf tree is invalid because it contains a loop.\n"
        "Frame b exists with parent a.\n"
        "Frame a exists with parent b.\n"
        "Frame c exists with parent other.\n\n"
    )
    assert buffer.can_transform_core("c", "a", at(1.0)) == (0, str(caught.value))


def test_single_sample_answers_for_its_own_time_only():
    buffer = buffer_with(transform("map", "base", 1.0))
    assert buffer.can_transform_core("map", "base", at(1.0)) == (1, "")
    with pytest.raises(ExtrapolationException, match="at time 1.5.*, but only time 1.0.* is in"):
        buffer.lookup_transform_core("map", "base", at(1.5))


def test_gap_above_the_common_parent_does_not_matter():
    # left and right meet at base, whose own pose is not known at that time.
    buffer = buffer_with(
        transform("map", "base", 50.0),
        static=[
            transform("base", "left", 0, (0, 1, 0)),
            transform("base", "right", 0, (0, -1, 0)),
        ],
    )
    assert xyz_of(buffer.lookup_transform_core("right", "left", at(3.0))) == (0, 2, 0)


@pytest.mark.parametrize("name", ["", "/map"])
def test_malformed_frame_is_an_invalid_argument(name):
    buffer = buffer_with(transform("map", "base", 1.0))
    with pytest.raises(InvalidArgumentException, match="argument source_frame - in tf2 frame_ids"):
        buffer.lookup_transform_core("map", name, at(1.0))


def test_frame_that_is_no_string_is_a_type_error():
    with pytest.raises(TypeError, match="source_frame must be str, not NoneType"):
        buffer_with(transform("map", "base", 1.0)).lookup_transform_core("map", None, at(1.0))


def test_leading_slash_of_inserted_frames_is_stripped():
    buffer = buffer_with(transform("/map", "/base", 1.0))
    assert buffer._getFrameStrings() == ["base", "map"]
    assert buffer._frameExists("base")
    assert not buffer._frameExists("/base")


@pytest.mark.parametrize(
    "bad",
    [
        transform("map", "map", 1.0),
        transform("map", "", 1.0),
        transform("", "base", 1.0),
        transform("map", "base", 1.0, (math.nan, 0, 0)),
        transform("map", "base", 1.0, xyzw=(0, 0, 0, 0)),
    ],
    ids=["onto itself", "no child", "no parent", "nan", "zero quaternion"],
)
def test_bad_transform_leaves_no_trace(bad):
    buffer = buffer_with(bad)
    assert buffer._getFrameStrings() == []
    assert buffer.all_frames_as_yaml() == "[]"


def test_transform_of_the_wrong_type_is_a_type_error():
    message = transform("map", "base", 1.0)
    message.transform.translation = Quaternion()  # has x, y and z too
    with pytest.raises(TypeError, match="translation must have members x, y, z"):
        BufferCore().set_transform(message, "test")
    with pytest.raises(TypeError, match="time must have sec and nanosec, or nanoseconds"):
        buffer_with(transform("map", "base", 1.0)).lookup_transform_core("map", "base", 1.0)


def test_times_may_be_messages():
    buffer = buffer_with(transform("map", "base", 1.5))
    assert buffer.can_transform_core("map", "base", at(1.5).to_msg()) == (1, "")


def test_clear_keeps_static_frames_and_all_names():
    buffer = buffer_with(
        transform("map", "odom", 1.0), static=[transform("odom", "fixed", 0, (1, 0, 0))]
    )
    buffer.clear()
    assert xyz_of(buffer.lookup_transform_core("odom", "fixed", at(9.0))) == (1, 0, 0)
    assert buffer.can_transform_core("map", "odom", at(0))[0] == 0
    with pytest.raises(ExtrapolationException, match="only time 0.000000 is in the buffer"):
        buffer.lookup_transform_core("map", "odom", at(1.0))
    assert buffer.all_frames_as_string() == (
        "Frame odom exists with parent NO_PARENT.\nFrame fixed exists with parent odom.\n"
    )


def test_frame_that_turns_static_is_static():
    buffer = buffer_with(transform("map", "base", 1.0, (1, 0, 0)))
    buffer.set_transform_static(transform("map", "base", 2.0, (2, 0, 0)), "test")
    assert xyz_of(buffer.lookup_transform_core("map", "base", at(77.0))) == (2, 0, 0)
    buffer.set_transform(transform("map", "base", 3.0, (3, 0, 0)), "test")
    assert buffer.can_transform_core("map", "base", at(77.0))[0] == 0
    assert xyz_of(buffer.lookup_transform_core("map", "base", at(3.0))) == (3, 0, 0)


def test_cache_time_is_what_is_remembered():
    buffer = BufferCore(Duration(seconds=2))
    for second in range(1, 11):
        buffer.set_transform(transform("map", "base", second), "test")
    assert buffer.can_transform_core("map", "base", at(7.0))[0] == 1
    assert buffer.can_transform_core("map", "base", at(6.0))[0] == 0


def test_repeated_transform_is_kept_once():
    same = transform("map", "base", 1.0, (1, 0, 0))
    buffer = buffer_with(same, same, transform("map", "base", 2.0, (2, 0, 0)))
    frames = yaml.safe_load(buffer.all_frames_as_yaml())
    assert frames["base"]["rate"] == 2.0  # two samples in one second


def test_latest_common_time_is_the_slowest_frame_of_the_path():
    buffer = buffer_with(
        transform("map", "odom", 3.0),
        transform("odom", "base", 2.0),
        transform("odom", "base", 5.0),
        static=[transform("base", "camera", 0)],
    )
    assert buffer.get_latest_common_time("map", "camera") == at(3.0)
    assert buffer.get_latest_common_time("odom", "camera") == at(5.0)
    assert buffer.get_latest_common_time("base", "camera") == at(0)
    assert buffer.lookup_transform_core("map", "camera", at(0)).header.stamp == at(3.0).to_msg()
    buffer.set_transform(transform("odom", "arm", 4.0), "test")
    assert buffer.get_latest_common_time("arm", "camera") == at(4.0)  # map is not on the way
    with pytest.raises(
        TransformException, match="passed to get_latest_common_time does not exist"
    ):
        buffer.get_latest_common_time("map", "nowhere")


def test_yaml_tells_rate_and_span_of_each_frame():
    buffer = buffer_with(
        *[transform("map", "base", 10 + 0.1 * step) for step in range(11)],
        static=[transform("base", "camera", 4.0)],
    )
    assert yaml.safe_load(buffer.all_frames_as_yaml()) == {
        "base": {
            "parent": "map",
            "broadcaster": "test",
            "rate": 11.0,
            "most_recent_transform": 11.0,
            "oldest_transform": 10.0,
            "buffer_length": 1.0,
        },
        "camera": {
            "parent": "base",
            "broadcaster": "test",
            "rate": 10000.0,
            "most_recent_transform": 0.0,
            "oldest_transform": 0.0,
            "buffer_length": 0.0,
        },
    }


def circling(step_s=0.01):
    """A buffer with a frame that goes round a circle of 2 m at half a radian per second."""
    buffer = BufferCore()
    for step in range(301):
        angle = 0.5 * step * step_s
        rotation = (0, 0, math.sin(angle / 2), math.cos(angle / 2))
        place = (2 * math.cos(angle), 2 * math.sin(angle), 0)
        buffer.set_transform(transform("map", "base", 1 + step * step_s, place, rotation), "test")
    return buffer


def test_velocity_on_a_circle_is_tangential():
    linear, angular = circling().lookupVelocityCore("base", "map", at(2.0), Duration(seconds=0.1))
    angle = 0.5 * 1.0
    assert linear == pytest.approx((-math.sin(angle), math.cos(angle), 0), abs=1e-3)
    assert angular == pytest.approx((0, 0, 0.5), abs=1e-6)


def test_angular_velocity_of_a_tilted_frame_is_in_axes_of_the_observer():
    buffer = circling()
    tilt_xyzw = (math.sqrt(0.5), 0, 0, math.sqrt(0.5))
    buffer.set_transform_static(transform("base", "camera", 0, xyzw=tilt_xyzw), "test")
    _, angular = buffer.lookupVelocityCore("camera", "map", at(2.0), Duration(seconds=0.1))
    assert angular == pytest.approx((0, 0, 0.5), abs=1e-6)


def test_velocity_at_the_centre_of_the_circle_is_none():
    linear, _ = circling().lookupVelocityFullCore(
        "base", "map", "base", (-2, 0, 0), "base", at(2.0), Duration(seconds=0.1)
    )
    assert linear == pytest.approx((0, 0, 0), abs=1e-3)


def test_velocity_needs_an_interval():
    with pytest.raises(InvalidArgumentException, match="averaging_interval must be positive"):
        circling().lookupVelocityCore("base", "map", at(2.0), Duration())


def test_lookups_hold_while_others_insert():
    buffer = buffer_with(static=[transform("base", "camera", 0, (1, 0, 0))])
    failures = []

    def insert():
        for step in range(1, 2001):
            buffer.set_transform(transform("map", "base", step * 0.01, (step, 0, 0)), "test")

    writer = threading.Thread(target=insert)
    writer.start()
    while writer.is_alive():
        try:
            answer = buffer.lookup_transform_core("map", "camera", at(0))
        except (LookupException, ConnectivityException):
            continue  # nothing inserted yet
        stamp = answer.header.stamp
        expected_x = round((stamp.sec + stamp.nanosec * 1e-9) * 100) + 1
        if xyz_of(answer) != pytest.approx((expected_x, 0, 0)):
            failures.append(answer)
    writer.join()
    assert failures == []
