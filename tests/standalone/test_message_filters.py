# SPDX-License-Identifier: Apache-2.0
"""Caching and synchronising, against answers of the real message_filters and through a graph.

`golden/mf_golden.json` was recorded from message_filters 6.0.6 (361e42c): which messages came in
on which input with which stamp, and which sets went out after each.
"""

import json
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS")
pytest.importorskip(
    "message_filters.time_synchronizer", reason="the real message_filters is installed"
)

import message_filters
from hand_spun_graph import DEADLINE_S, Graph
from message_filters import ApproximateTimeSynchronizer, Cache, SimpleFilter, TimeSynchronizer
from rclpy.clock import ROSClock
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import ColorRGBA, Header, String

pytestmark = pytest.mark.ros

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("mf_golden.json").read_text())


def stamped(milliseconds, name=None):
    stamp = Time(nanoseconds=round(milliseconds * 1e6)).to_msg()
    return SimpleNamespace(header=Header(stamp=stamp), name=name or milliseconds)


def collect(synchronizer):
    """The names of the messages in each set that goes out, as they go."""
    sets = []
    synchronizer.registerCallback(lambda *messages: sets.append([m.name for m in messages]))
    return sets


@pytest.mark.parametrize("case", GOLDEN["sync"], ids=lambda case: case["name"])
def test_sets_are_those_of_the_real_synchronizer(case):
    kinds = {"exact": TimeSynchronizer, "approx": ApproximateTimeSynchronizer}
    inputs = [SimpleFilter() for _ in range(case["n"])]
    sets = collect(kinds[case["kind"]](inputs, *case["args"]))
    emitted = []
    for number, (index, stamp_ns) in enumerate(case["events"]):
        inputs[index].signalMessage(stamped(stamp_ns / 1e6, name=f"{index}:{number}"))
        emitted.append(sets[:])
        sets.clear()
    assert emitted == case["emitted"]


@pytest.fixture(params=["exact", "approximate"])
def pair(request):
    """Two inputs and what synchronises them."""
    inputs = [SimpleFilter(), SimpleFilter()]
    if request.param == "exact":
        return inputs, TimeSynchronizer(inputs, 5)
    return inputs, ApproximateTimeSynchronizer(inputs, 5, 0.01)


def test_exception_in_a_callback_costs_one_set_only(pair):
    inputs, synchronizer = pair
    seen = []

    def callback(left, right):
        seen.append(left.name)
        if left.name == 1:
            raise RuntimeError("as users do")

    synchronizer.registerCallback(callback)
    inputs[0].signalMessage(stamped(1))
    with pytest.raises(RuntimeError, match="as users do"):
        inputs[1].signalMessage(stamped(1))

    def next_set():  # another thread, which would wait for ever for a lock left behind
        for source in inputs:
            source.signalMessage(stamped(20))

    thread = threading.Thread(target=next_set, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert seen == [1, 20]


def test_callback_may_feed_its_own_synchronizer(pair):
    inputs, synchronizer = pair
    sets = collect(synchronizer)

    def callback(left, right):
        if left.name == 1:
            for source in inputs:
                source.signalMessage(stamped(50))

    synchronizer.registerCallback(callback)
    for source in inputs:
        source.signalMessage(stamped(1))
    assert sets == [[1, 1], [50, 50]]


def test_after_a_jump_back_old_messages_in_a_full_queue_block_the_new(pair):
    # Recorded behaviour of the real ones; a node has to make new synchronisers then.
    inputs, synchronizer = pair
    sets = collect(synchronizer)
    for milliseconds in range(1000, 1500, 100):
        inputs[0].signalMessage(stamped(milliseconds))
    for milliseconds in range(0, 500, 100):
        for source in inputs:
            source.signalMessage(stamped(milliseconds))
    assert sets == []


def test_reconnected_synchronizer_starts_empty(pair):
    inputs, synchronizer = pair
    sets = collect(synchronizer)
    inputs[0].signalMessage(stamped(1))
    fresh = [SimpleFilter(), SimpleFilter()]
    synchronizer.connectInput(fresh)
    fresh[1].signalMessage(stamped(1))
    assert sets == []
    fresh[0].signalMessage(stamped(1))
    assert sets == [[1, 1]]


def test_sets_from_two_threads_are_complete(pair):
    inputs, synchronizer = pair
    synchronizer.queue_size = 10_000
    sets = collect(synchronizer)
    milliseconds = range(0, 20_000, 20)

    def feed(source):
        for stamp_ms in milliseconds:
            source.signalMessage(stamped(stamp_ms))

    threads = [threading.Thread(target=feed, args=(source,)) for source in inputs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sets) == [[stamp_ms, stamp_ms] for stamp_ms in milliseconds]


def test_nearest_of_several_partners_is_taken():
    inputs = [SimpleFilter(), SimpleFilter()]
    sets = collect(ApproximateTimeSynchronizer(inputs, 5, 0.05))
    for milliseconds in (100, 130, 110):
        inputs[0].signalMessage(stamped(milliseconds))
    inputs[1].signalMessage(stamped(118))
    assert sets == [[110, 118]]


def test_message_without_a_stamp_is_dropped_unless_allowed():
    for allowed in (False, True):
        inputs = [SimpleFilter(), SimpleFilter()]
        synchronizer = ApproximateTimeSynchronizer(inputs, 5, 60.0, allow_headerless=allowed)
        sets = collect(synchronizer)
        inputs[0].signalMessage(SimpleNamespace(name="bare"))
        now = ROSClock().now().to_msg()
        inputs[1].signalMessage(SimpleNamespace(name="now", header=Header(stamp=now)))
        assert sets == ([["bare", "now"]] if allowed else [])


def test_arrival_time_may_replace_the_stamps():
    inputs = [SimpleFilter(), SimpleFilter()]
    sets = collect(ApproximateTimeSynchronizer(inputs, 5, 60.0, sync_arrival_time=True))
    inputs[0].signalMessage(stamped(1))
    inputs[1].signalMessage(stamped(1_000_000))
    assert sets == [[1, 1_000_000]]


def test_exact_synchronizer_refuses_a_message_without_a_stamp():
    source = SimpleFilter()
    TimeSynchronizer([source], 5)
    with pytest.raises(ValueError, match="could not extract a timestamp"):
        source.signalMessage(String())


@pytest.mark.parametrize("kind", [TimeSynchronizer, ApproximateTimeSynchronizer])
def test_time_may_come_from_elsewhere(kind):
    inputs = [SimpleFilter(), SimpleFilter()]
    arguments = (inputs, 5) if kind is TimeSynchronizer else (inputs, 5, 0.1)
    getter = {"time_getter": lambda message: Time(seconds=message.second)}
    sets = collect(kind(*arguments, **getter))
    for name, source in zip("ab", inputs, strict=True):
        source.signalMessage(SimpleNamespace(second=3, name=name))
    assert sets == [["a", "b"]]


def test_unregistered_callback_is_not_called_and_its_number_not_reused():
    source, seen = SimpleFilter(), []
    first = source.registerCallback(lambda message: seen.append(("first", message)))
    source.registerCallback(lambda message, extra: seen.append((extra, message)), "second")
    source.signalMessage(1)
    source.unregisterCallback(first)
    source.unregisterCallback(first)
    source.registerCallback(lambda message: seen.append(("third", message)))
    source.signalMessage(2)
    assert seen == [("first", 1), ("second", 1), ("second", 2), ("third", 2)]


def test_cache_answers_like_the_real_one():
    recorded = GOLDEN["cache"]
    source = SimpleFilter()
    cache = Cache(source, recorded["size"])
    for number, milliseconds in enumerate(recorded["inserted_ms"]):
        source.signalMessage(stamped(milliseconds, name=str(number)))

    def number_of(message):
        return None if message is None else int(message.name)

    def moment(milliseconds):
        return Time.from_msg(stamped(milliseconds).header.stamp)

    for name in ("interval_20_45", "interval_0_1000"):
        bounds = [moment(int(part)) for part in name.split("_")[1:]]
        assert [number_of(message) for message in cache.getInterval(*bounds)] == recorded[name]
    for name in ("after_30", "after_35", "after_99", "before_30", "before_35", "before_1"):
        side, milliseconds = name.split("_")
        ask = cache.getElemAfterTime if side == "after" else cache.getElemBeforeTime
        assert number_of(ask(moment(int(milliseconds)))) == recorded[name]
    assert cache.getOldestTime().nanoseconds == recorded["oldest"]
    assert cache.getLastestTime().nanoseconds == recorded["latest"]
    assert cache.getLatestTime() == cache.getLastestTime()
    assert number_of(cache.getLast()) == recorded["last"]


def test_cache_passes_on_what_it_keeps():
    source = SimpleFilter()
    cache, seen = Cache(source), []
    cache.registerCallback(seen.append)
    assert cache.getLast() is None
    assert cache.getLatestTime() is None
    source.signalMessage(String())  # no stamp: neither kept nor passed on
    message = stamped(5)
    source.signalMessage(message)
    assert seen == cache.cache_msgs == [message]


def test_cache_takes_the_time_of_arrival_if_allowed():
    source = SimpleFilter()
    cache = Cache(source, allow_headerless=True)
    before = ROSClock().now()
    source.signalMessage(String())
    assert before <= cache.getLatestTime() <= ROSClock().now()


def test_chain_is_one_filter():
    source, seen = SimpleFilter(), []
    chain = message_filters.Chain(source)
    chain.registerCallback(lambda message: seen.append(message.name))
    source.signalMessage(stamped(1))
    caches = [Cache(SimpleFilter(), 9), Cache(SimpleFilter(), 9)]
    for cache in caches:
        chain.addFilter(cache)
    source.signalMessage(stamped(2))
    chain.add(stamped(3))
    assert seen == [1, 2, 3]
    for index, cache in enumerate(caches):
        assert [message.name for message in cache.cache_msgs] == [2, 3]
        assert chain.getFilter(index) is cache
    with pytest.raises(KeyError):
        chain.getFilter(2)
    with pytest.raises(RuntimeError, match="Already connected"):
        chain.connectInput(source)


def test_delta_filter_passes_changes_only():
    source, seen = SimpleFilter(), []
    delta = message_filters.PathDeltaFilter(["r", "g"], source)
    delta.registerCallback(lambda message: seen.append((message.r, message.g, message.b)))
    for red, green, blue in ((0, 0, 0), (0, 0, 1), (1, 0, 1), (1, 2, 1), (1, 2, 3)):
        source.signalMessage(ColorRGBA(r=float(red), g=float(green), b=float(blue)))
    assert seen == [(0, 0, 0), (1, 0, 1), (1, 2, 1)]


def test_delta_filter_names_a_field_it_cannot_compare():
    delta = message_filters.PathDeltaFilter(["header.frame"])
    delta.add(stamped(1))
    with pytest.raises(RuntimeError, match="'frame' of Header .full path: 'header.frame'"):
        delta.add(stamped(2))
    delta = message_filters.DeltaFilter([lambda message: message.header])
    delta.add(stamped(1))
    with pytest.raises(TypeError, match="Unable to compare fields of types"):
        delta.add(stamped(2))


@pytest.fixture
def graph():
    graph = Graph()
    yield graph
    graph.close()


def test_images_meet_their_camera_info(graph):
    node = graph.node("node")
    images = message_filters.Subscriber(node, Image, "image", QoSProfile(depth=7))
    infos = message_filters.Subscriber(node, CameraInfo, "camera_info", qos_profile=5)
    sets = []
    TimeSynchronizer([images, infos], 5).registerCallback(
        lambda image, info: sets.append((image.header.stamp.sec, info.width))
    )
    image_publisher = node.create_publisher(Image, "image", 5)
    info_publisher = node.create_publisher(CameraInfo, "camera_info", 5)
    graph.spin_until(
        lambda: (
            image_publisher.get_subscription_count() and info_publisher.get_subscription_count()
        )
    )
    for second in (1, 2, 3):
        header = Header(stamp=Time(seconds=second).to_msg())
        info_publisher.publish(CameraInfo(header=header, width=10 * second))
        image_publisher.publish(Image(header=header))
    graph.spin_until(lambda: len(sets) == 3)
    assert sorted(sets) == [(1, 10), (2, 20), (3, 30)]
    assert images.getTopic() == "image"
    assert images.qos_profile.depth == 7  # of the subscription
    assert node.destroy_subscription(images.sub)


def test_subscriber_that_could_not_subscribe_names_the_missing_attribute():
    with pytest.raises(AttributeError, match="sub"):
        _ = message_filters.Subscriber.__new__(message_filters.Subscriber).topic_name
