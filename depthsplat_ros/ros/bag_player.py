# SPDX-License-Identifier: Apache-2.0
"""Plays a recorded bag into the live graph, in its own time, without rosbag2 installed."""

import importlib
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.recordings.bag import Bag, RecordingError
from depthsplat_ros.recordings.topics import RecordingOptions, choose_topics
from depthsplat_ros.ros.parameters import declare_settings
from depthsplat_ros.ros.process import run_node
from depthsplat_ros.settings import check_settings, setting

CLOCK_PERIOD_S = 0.01
ACKNOWLEDGEMENT_TIMEOUT_S = 5.0
STATIC_TRANSFORMS = "/tf_static"
TRANSFORMS = "/tf"
COMPRESSED_SUFFIX = "/compressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerConfig:
    """Settings of the player.

    Raises:
        SettingError: if a value is outside its limits.
    """

    bag: str = setting("", "The rosbag2 to play: its folder, or its .mcap or .db3 file.")
    rate: float = setting(
        1.0, "How fast to play; 2.0 is twice as fast.", minimum=0.01, maximum=100.0
    )
    loop: bool = setting(False, "Begin again at the end of the bag.")
    image_topic: str = setting(
        "", "Recorded topic that is published as `image`; empty takes the first that holds images."
    )
    camera_info_topic: str = setting(
        "", "Recorded topic that is published as `camera_info`; empty takes the images' sibling."
    )
    image_listeners: int = setting(
        1,
        "How many must listen to the images before it begins; 2 if somebody scores the depth.",
        minimum=1,
        maximum=100,
    )
    subscriber_timeout_s: float = setting(
        30.0,
        "How long to wait until somebody listens to images, camera_info and transforms, seconds.",
        minimum=0.0,
        maximum=3600.0,
    )

    def __post_init__(self) -> None:
        check_settings(self)


class BagPlayer(Node):
    """Publishes every recorded message at its time, bytes untouched, and the bag's time on /clock.

    The images go out on `image` (compressed ones on `image/compressed`) and their CameraInfo on
    `camera_info`, to be remapped as wanted; all other topics keep their names.
    """

    def __init__(self, **node_arguments: Any) -> None:
        """Open the bag, advertise its topics and start to play once somebody listens.

        Raises:
            RecordingError: if the bag cannot be read or has no images.
        """
        super().__init__("bag_player", **node_arguments)
        self._config = declare_settings(self, PlayerConfig)
        if not self._config.bag:
            raise DepthSplatError("no bag to play: set the parameter bag, e.g. bag:=FOLDER")
        bag = Bag(Path(self._config.bag).expanduser())
        self._path = bag.path
        topics = choose_topics(
            bag,
            RecordingOptions(
                image_topic=self._config.image_topic or None,
                camera_info_topic=self._config.camera_info_topic or None,
            ),
        )
        is_compressed = bag.topics[topics.image].message_type.endswith("CompressedImage")
        self._renamed = {
            topics.image: "image" + (COMPRESSED_SUFFIX if is_compressed else ""),
            topics.camera_info: "camera_info",
        }
        self._clock_publisher = self.create_publisher(Clock, "/clock", 10)
        self._types: dict[str, str] = {}
        self._players = self._advertise()
        self._awaited = [
            self._players[name]
            for name in (topics.image, topics.camera_info, TRANSFORMS, STATIC_TRANSFORMS)
            if name in self._players
        ]
        self._stopped = threading.Event()
        self.is_done = False
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def destroy_node(self) -> None:
        """Stop playing before the node goes."""
        self._stopped.set()
        if hasattr(self, "_thread"):
            self._thread.join(timeout=2.0)
        super().destroy_node()

    def _advertise(self) -> dict[str, Publisher]:
        publishers: dict[str, Publisher] = {}
        with Reader(self._path) as reader:
            for connection in reader.connections:
                if connection.topic in publishers or connection.topic == "/clock":
                    continue
                message_type = import_message(connection.msgtype)
                if message_type is None:
                    self.get_logger().warning(
                        f"{connection.topic} is left out: no Python class for {connection.msgtype}"
                    )
                    continue
                self._types[connection.topic] = connection.msgtype
                publishers[connection.topic] = self.create_publisher(
                    message_type,
                    self._renamed.get(connection.topic, connection.topic),
                    recorded_qos(connection),
                )
        return publishers

    def _run(self) -> None:
        try:
            self._wait_for_subscribers()
            while not self._stopped.is_set():
                self._play_once()
                if not self._config.loop:
                    break
            self._wait_for_acknowledgements()
        except Exception as error:  # noqa: BLE001  the boundary of the thread: say it and end
            if not self._stopped.is_set():
                self.failure = f"{type(error).__name__}: {error}"
        self.is_done = True

    def _wait_for_acknowledgements(self) -> None:
        """Give what was published last the time to arrive."""
        deadline_s = time.monotonic() + ACKNOWLEDGEMENT_TIMEOUT_S
        for publisher in self._players.values():
            # In short waits: the node may be told to end.
            while not publisher.wait_for_all_acked(Duration(seconds=CLOCK_PERIOD_S)):
                if self._stopped.is_set() or time.monotonic() > deadline_s:
                    return

    def _wait_for_subscribers(self) -> None:
        with Reader(self._path) as reader:
            first_ns = reader.start_time
        deadline_s = time.monotonic() + self._config.subscriber_timeout_s
        while missing := self._topics_without_listeners():
            if time.monotonic() > deadline_s:
                who = "nobody listens" if self._config.image_listeners == 1 else "too few listen"
                self.get_logger().warning(f"{who} to {', '.join(missing)}; playing all the same")
                return
            # Nodes on the bag's time may need to know it before they can listen.
            self._publish_clock(first_ns)
            if self._stopped.wait(CLOCK_PERIOD_S):
                return

    def _topics_without_listeners(self) -> list[str]:
        """Topics that fewer than wanted listen to; the images are the first of those awaited."""
        wanted = [self._config.image_listeners] + [1] * (len(self._awaited) - 1)
        return [
            publisher.topic_name
            for publisher, count in zip(self._awaited, wanted, strict=True)
            if publisher.get_subscription_count() < count
        ]

    def _play_once(self) -> None:
        started_s: float | None = None
        with Reader(self._path) as reader:
            first_ns = reader.start_time
            self.get_logger().info(
                f"playing {reader.message_count} messages, {reader.duration / 1e9:.1f} s"
            )
            read = 0
            for connection, log_ns, data in reader.messages():
                read += 1
                if started_s is None:
                    # Not before: finding the first message may take long.
                    started_s = time.monotonic()
                publisher = self._players.get(connection.topic)
                if publisher is None or connection.msgtype != self._types[connection.topic]:
                    continue
                due_s = started_s + (log_ns - first_ns) / 1e9 / self._config.rate
                while (remaining_s := due_s - time.monotonic()) > 0:
                    self._publish_clock(log_ns - round(remaining_s * self._config.rate * 1e9))
                    if self._stopped.wait(min(remaining_s, CLOCK_PERIOD_S)):
                        return
                self._publish_clock(log_ns)
                publisher.publish(bytes(data))
            # The reader takes some damage for the end of the file.
            if read < reader.message_count:
                raise RecordingError(
                    f"recording {self._path} is damaged: of its {reader.message_count} messages "
                    f"{read} can be read; recover it with 'mcap recover' or 'ros2 bag reindex'"
                )
        self.get_logger().info("the bag has been played")

    def _publish_clock(self, now_ns: int) -> None:
        self._clock_publisher.publish(Clock(clock=Time(nanoseconds=now_ns).to_msg()))


def import_message(name: str) -> type | None:
    """The Python class of a message type such as sensor_msgs/msg/Image, if it is installed."""
    package, _, message = name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), message)
    except (ImportError, AttributeError):
        return None


def recorded_qos(connection: Any) -> QoSProfile:
    """The QoS a topic was offered with when recorded; reliable where the bag does not say."""
    offered = getattr(connection.ext, "offered_qos_profiles", None) or []
    is_latched = connection.topic == STATIC_TRANSFORMS or any(
        profile.durability.name == "TRANSIENT_LOCAL" for profile in offered
    )
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        # Static transforms of several broadcasters share one publisher here.
        depth=100,
        # What was best effort on the robot may as well arrive whole here.
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE,
    )


def main() -> int:
    """Play a bag as a process; exit status 1 if it could not be played."""
    players: list[BagPlayer] = []

    def make_player() -> BagPlayer:
        players.append(BagPlayer())
        return players[0]

    status = run_node(make_player, is_done=lambda: bool(players) and players[0].is_done)
    if players and players[0].failure:
        sys.stderr.write(f"the bag could not be played to its end: {players[0].failure}\n")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
