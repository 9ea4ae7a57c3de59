# SPDX-License-Identifier: Apache-2.0
from depthsplat_ros.recordings.index import plan_images
from depthsplat_ros.recordings.ordering import MAXIMUM_HELD, arrange

MS = 1_000_000


def run(messages, image_times, depth_times=()):
    """Numbers of the images in the order they come out, with their payloads."""
    images = plan_images([t * MS for t in image_times], [t * MS for t in depth_times])
    arranged = arrange(iter(messages), images, image_topic="i", depth_topic="d")
    return [(image.stamp_ns // MS, data, depth) for image, data, depth in arranged]


def test_late_and_early_depth_waits_for_its_image():
    messages = [("d", b"D0"), ("i", b"I0"), ("i", b"I1"), ("i", b"I2"), ("d", b"D1")]
    assert run(messages, [100, 200, 300], [100, 200]) == [
        (100, b"I0", b"D0"),
        (200, b"I1", b"D1"),
        (300, b"I2", None),
    ]


def test_shuffled_images_come_out_in_stamp_order():
    messages = [("i", b"c"), ("i", b"a"), ("i", b"b")]
    assert [data for _, data, _ in run(messages, [300, 100, 200])] == [b"a", b"b", b"c"]


def test_an_image_is_released_as_soon_as_all_before_it_are():
    images = plan_images([100 * MS, 200 * MS], [])
    messages = iter([("i", b"a"), ("i", b"b")])
    arranged = arrange(messages, images, image_topic="i", depth_topic=None)
    assert next(arranged)[1] == b"a"
    assert next(messages) == ("i", b"b")


def test_an_image_too_late_to_wait_for_is_given_up_and_memory_stays_bounded():
    count = 3 * MAXIMUM_HELD
    times = [*range(200, 200 + count), 100]
    messages = [("i", b"%d" % number) for number in range(count + 1)]
    arranged = run(messages, times)
    assert arranged[0] == (100, None, None)
    assert [data for _, data, _ in arranged[1:]] == [b"%d" % number for number in range(count)]


def test_an_image_whose_depth_is_too_late_goes_without():
    count = 3 * MAXIMUM_HELD
    images = [("i", b"%d" % number) for number in range(count)]
    arranged = run([*images, ("d", b"late")], [100 * t for t in range(1, count + 1)], [100])
    assert arranged[0] == (100, b"0", None)
    assert len(arranged) == count and all(data is not None for _, data, _ in arranged)


def test_messages_that_vanished_since_the_plan_leave_a_gap_not_a_loss():
    assert run([("i", b"a")], [100, 200]) == [(100, b"a", None), (200, None, None)]
