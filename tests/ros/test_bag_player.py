# SPDX-License-Identifier: Apache-2.0
import signal
import sys
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("depthsplat_ros.msg")

from commands import Command
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rclpy.time import Time
from recorded_bags import (
    HEIGHT_PX,
    NO_TURN,
    START_NS,
    WIDTH_PX,
    make_camera_info,
    make_compressed,
    make_image,
    make_transforms,
    message_class,
    write_bag,
)
from ros_graph import LATCHED, Graph, Listener
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from depthsplat_ros.recordings.bag import RecordingError
from depthsplat_ros.ros.bag_player import BagPlayer, recorded_qos

pytestmark = pytest.mark.ros

MODULE = "depthsplat_ros.ros.bag_player"
COUNT = 5
LENGTH_S = 0.4
RECEIVED = {"image": Image, "camera_info": CameraInfo, "/tf": TFMessage, "/clock": Clock}


def picture(number):
    return np.full((HEIGHT_PX, WIDTH_PX, 3), number, np.uint8)


def drive():
    """(seconds, topic, message): a latched mount, then pose, info and image again and again."""
    mount = make_transforms((0.0, "base_link", "camera", (0, 0, 1), NO_TURN))
    yield 0.0, "/tf_static", mount
    for number in range(COUNT):
        seconds = number * LENGTH_S / (COUNT - 1)
        link = make_transforms((seconds, "odom", "base_link", (number, 0, 0), NO_TURN))
        yield seconds, "/tf", link
        yield seconds, "/cam/camera_info", make_camera_info(seconds)
        yield seconds, "/cam/image_raw", make_image(seconds, picture(number))


@pytest.fixture
def graph():
    graph = Graph()
    yield graph
    graph.close()


@pytest.fixture
def bag(tmp_path):
    return write_bag(tmp_path / "bag", drive())


def play(graph, path, *, topics=RECEIVED, **settings):
    """A player, and a listener that is there in time."""
    listener = graph.add(Listener(topics))
    late = graph.add(Listener({"/tf_static": TFMessage}, qos=LATCHED))
    listener.received["/tf_static"] = late.received["/tf_static"]
    settings = {"bag": str(path), **settings}
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    return graph.add(BagPlayer(parameter_overrides=overrides)), listener


def finish(graph, player, *received, count=1):
    """Let the bag end, and as many messages as there must be arrive in each of some lists."""
    graph.spin_until(lambda: player.is_done, "the end of the bag")
    assert player.failure is None
    graph.spin_until(lambda: all(len(m) >= count for m in received), "the last messages")


def test_every_message_arrives_in_order_and_unchanged(graph, bag):
    player, listener = play(graph, bag)
    received = [listener.received[topic] for topic in ("image", "camera_info", "/tf")]
    finish(graph, player, *received, count=COUNT)
    assert {len(messages) for messages in received} == {COUNT}
    assert [bytes(m.data[:3]) for m in listener.received["image"]] == [
        bytes([number] * 3) for number in range(COUNT)
    ]
    expected_ns = [START_NS + round(n * LENGTH_S / (COUNT - 1) * 1e9) for n in range(COUNT)]
    assert listener.stamps_ns("image") == expected_ns
    assert listener.stamps_ns("camera_info") == expected_ns
    assert [m.transforms[0].transform.translation.x for m in listener.received["/tf"]] == [
        0, 1, 2, 3, 4,
    ]  # fmt: skip
    first = listener.received["image"][0]
    assert (first.width, first.height, first.encoding) == (WIDTH_PX, HEIGHT_PX, "rgb8")
    assert listener.received["camera_info"][0].k[2] == 15.25


def test_clock_runs_from_the_first_message_to_the_last(graph, bag):
    player, listener = play(graph, bag)
    finish(graph, player)
    graph.spin_until(
        lambda: listener.received["/clock"][-1].clock.nanosec == 400_000_000, "the last time"
    )
    times_ns = [Time.from_msg(m.clock).nanoseconds for m in listener.received["/clock"]]
    assert times_ns == sorted(times_ns)
    assert times_ns[0] == START_NS
    assert times_ns[-1] == START_NS + round(LENGTH_S * 1e9)
    # Between the messages, a tenth of a second apart, it goes on.
    assert len(set(times_ns)) > 2 * COUNT


@pytest.mark.parametrize("rate", [1.0, 4.0])
def test_playing_takes_at_least_the_bags_time_over_the_rate(graph, bag, rate):
    began_s = time.monotonic()
    player, _ = play(graph, bag, rate=rate)
    finish(graph, player)
    assert time.monotonic() - began_s >= LENGTH_S / rate


def test_nothing_is_lost_on_those_who_come_late(graph, bag):
    player = graph.add(BagPlayer(parameter_overrides=[Parameter("bag", value=str(bag))]))
    for _ in range(20):
        graph.executor.spin_once(timeout_sec=0.01)
    assert not player.is_done
    listener = graph.add(Listener(RECEIVED))
    latched = graph.add(Listener({"/tf_static": TFMessage}, qos=LATCHED))
    finish(graph, player, listener.received["image"], count=COUNT)
    finish(graph, player, latched.received["/tf_static"])
    assert len(listener.received["image"]) == COUNT
    assert len(latched.received["/tf_static"]) == 1


def test_it_waits_until_as_many_as_wanted_listen_to_the_images(graph, bag):
    player, listener = play(graph, bag, image_listeners=2)
    for _ in range(20):
        graph.executor.spin_once(timeout_sec=0.01)
    assert listener.received["image"] == []
    second = graph.add(Listener({"image": Image}))
    finish(graph, player, listener.received["image"], second.received["image"], count=COUNT)


def test_static_transforms_reach_a_subscriber_that_comes_after_the_end(graph, bag):
    player = graph.add(
        BagPlayer(
            parameter_overrides=[
                Parameter("bag", value=str(bag)),
                Parameter("subscriber_timeout_s", value=0.0),
                Parameter("rate", value=100.0),
            ]
        )
    )
    finish(graph, player)
    late = graph.add(Listener({"/tf_static": TFMessage}, qos=LATCHED))
    graph.spin_until(lambda: late.received["/tf_static"], "the latched transforms")
    assert late.received["/tf_static"][0].transforms[0].child_frame_id == "camera"


def test_loop_begins_again_with_the_clock(graph, bag):
    player, listener = play(graph, bag, loop=True, rate=10.0)
    graph.spin_until(lambda: len(listener.received["image"]) > 2 * COUNT, "a third round")
    assert not player.is_done
    stamps_ns = listener.stamps_ns("image")
    assert stamps_ns[COUNT] == stamps_ns[0]
    times_ns = [Time.from_msg(m.clock).nanoseconds for m in listener.received["/clock"]]
    assert any(later < earlier for earlier, later in zip(times_ns, times_ns[1:], strict=False))


def test_compressed_images_keep_their_transport(graph, tmp_path):
    jpeg = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")

    def messages():
        for seconds, topic, message in drive():
            if topic == "/cam/image_raw":
                yield seconds, "/cam/image_raw/compressed", make_compressed(seconds, jpeg)
            else:
                yield seconds, topic, message

    bag = write_bag(tmp_path / "bag", messages())
    topics = {"image/compressed": CompressedImage, "camera_info": CameraInfo, "/tf": TFMessage}
    player, listener = play(graph, bag, topics=topics)
    finish(graph, player, listener.received["image/compressed"])
    assert bytes(listener.received["image/compressed"][0].data) == jpeg


def test_topic_without_a_python_class_is_left_out(graph, tmp_path, monkeypatch):
    import depthsplat_ros.ros.bag_player as module

    import_message = module.import_message
    monkeypatch.setattr(
        module,
        "import_message",
        lambda name: None if name == "std_msgs/msg/String" else import_message(name),
    )
    text = message_class("std_msgs/msg/String")(data="hello")
    bag = write_bag(tmp_path / "bag", [*drive(), (LENGTH_S, "/chatter", text)])
    player, listener = play(graph, bag, topics={**RECEIVED, "/chatter": String})
    finish(graph, player, listener.received["image"], count=COUNT)
    assert listener.received["/chatter"] == []
    assert len(listener.received["image"]) == COUNT


def test_other_topics_keep_their_names(graph, tmp_path):
    text = message_class("std_msgs/msg/String")(data="hello")
    bag = write_bag(tmp_path / "bag", [*drive(), (LENGTH_S, "/chatter", text)])
    player, listener = play(graph, bag, topics={**RECEIVED, "/chatter": String})
    finish(graph, player, listener.received["/chatter"])
    assert [m.data for m in listener.received["/chatter"]] == ["hello"]


class Connection:
    def __init__(self, topic, *profiles):
        self.topic = topic
        self.ext = type("Ext", (), {"offered_qos_profiles": list(profiles)})()


def profile(reliability, durability):
    forever = QosTime(0, 0)
    return Qos(
        QosHistory.KEEP_LAST, 1, reliability, durability, forever, forever,
        QosLiveliness.AUTOMATIC, forever, False,
    )  # fmt: skip


def test_recorded_durability_is_offered_again_and_everything_reliably():
    latched = profile(QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL)
    sensor = profile(QosReliability.BEST_EFFORT, QosDurability.VOLATILE)
    assert recorded_qos(Connection("/map", latched)).durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert recorded_qos(Connection("/image", sensor)).durability is DurabilityPolicy.VOLATILE
    assert recorded_qos(Connection("/image", sensor)).reliability is ReliabilityPolicy.RELIABLE
    # A bag that says nothing: static transforms are latched all the same.
    assert recorded_qos(Connection("/tf_static")).durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert recorded_qos(Connection("/tf")).durability is DurabilityPolicy.VOLATILE


def test_missing_bag_is_named(graph):
    with pytest.raises(RecordingError, match="recording /no/such/bag does not exist"):
        BagPlayer(parameter_overrides=[Parameter("bag", value="/no/such/bag")])


def command(*parameters):
    words = [word for parameter in parameters for word in ("-p", parameter)]
    return Command(sys.executable, "-m", MODULE, "--ros-args", *words)


def test_process_ends_with_the_bag(bag):
    with command(f"bag:={bag}", "subscriber_timeout_s:=0.0") as player:
        assert player.finish() == 0
        assert "nobody listens to" in player.output
        assert "the bag has been played" in player.output


def test_process_interrupted_twice_ends_cleanly(bag):
    with command(f"bag:={bag}", "loop:=true", "subscriber_timeout_s:=0.0") as player:
        player.wait_for("playing 16 messages")
        player.send(signal.SIGINT)
        player.send(signal.SIGINT)
        assert player.finish() == 0
        assert "Traceback" not in player.output


def test_process_without_a_bag_says_what_is_missing():
    with command() as player:
        assert player.finish() == 1
        assert "no bag to play: set the parameter bag" in player.output


def test_damaged_bag_ends_the_process_with_a_reason(bag):
    (storage,) = bag.glob("*.mcap")
    data = bytearray(storage.read_bytes())
    data[len(data) // 4 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 4)
    storage.write_bytes(data)
    with command(f"bag:={bag}", "subscriber_timeout_s:=0.0") as player:
        assert player.finish() == 1
        assert "is damaged: of its 16 messages" in player.output
        assert "Traceback" not in player.output
