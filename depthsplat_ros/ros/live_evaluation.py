# SPDX-License-Identifier: Apache-2.0
"""Listens to the depth that a node publishes while a bag is played, and scores it at the end."""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depthsplat_ros.calibration import read_calibration
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.evaluation.live import LiveFacts, PublishedDepth, keep, score_live
from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.pixel_layout import unpack_image
from depthsplat_ros.pixel_values import depth_image_m, rgb_image
from depthsplat_ros.recordings.bag import Bag
from depthsplat_ros.recordings.topics import RecordingOptions, choose_topics
from depthsplat_ros.ros.parameters import declare_settings
from depthsplat_ros.ros.process import run_node
from depthsplat_ros.ros.qos import LATEST_QOS, OUTPUT_QOS
from depthsplat_ros.settings import check_settings, setting

QUIET_S = 3.0
"""The evaluation ends when the player is gone and nothing has been heard for this long."""
START_TIMEOUT_S = 360.0
"""Without any player for this long there will be none."""
CHECK_PERIOD_S = 0.2
MOST_INCOMPLETE = 30
"""Stamps of which some topic has not been heard yet; the oldest is given up beyond this."""
OUTPUTS = {
    "depth": ("depth/image_rect", Image),
    "camera_info": ("depth/camera_info", CameraInfo),
    "confidence": ("confidence", Image),
    "image": ("image_rect", Image),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvaluationConfig:
    """Settings of the live evaluation.

    Raises:
        SettingError: if a value is outside its limits.
    """

    bag: str = setting("", "The rosbag2 that is played, for its true depth and its poses.")
    output: str = setting("evaluation", "Folder for evaluation.json and report.html.")
    depth_node: str = setting("depthsplat", "Name of the node whose topics are scored.")
    image_topic: str = setting(
        "", "Recorded topic that is played as `image`; empty takes the one found by type."
    )
    world_frame: str = setting(
        "", "Fixed TF frame of the poses in the bag; empty takes odom, map or the root."
    )
    pose_scale: float = setting(
        1.0, "Multiplies the translations of the recorded poses.", minimum=1e-6, maximum=1e6
    )
    rate: float = setting(
        1.0, "How fast the bag is played, for the report.", minimum=0.01, maximum=100.0
    )

    def __post_init__(self) -> None:
        check_settings(self)


class LiveEvaluation(Node):
    """Keeps what is published with each stamp, and counts and times the rest."""

    def __init__(self, **node_arguments: Any) -> None:
        """Subscribe to the node's topics and to the images it gets.

        Raises:
            DepthSplatError: if there is no bag, or its topics cannot be told.
        """
        super().__init__("live_evaluation", **node_arguments)
        self._config = declare_settings(self, LiveEvaluationConfig)
        if not self._config.bag:
            raise DepthSplatError(
                "no bag to compare with: set the parameter bag, e.g. bag:=FOLDER"
            )
        self._path = Path(self._config.bag).expanduser()
        self._options = RecordingOptions(
            image_topic=self._config.image_topic or None,
            world_frame=self._config.world_frame or None,
            pose_scale=self._config.pose_scale,
        )
        bag = Bag(self._path)
        recorded = bag.topics[choose_topics(bag, self._options).image]
        self._folder = tempfile.TemporaryDirectory(prefix="depthsplat_live_")
        self._incomplete: dict[int, dict[str, Any]] = {}
        self._image_heard_s: dict[int, float] = {}
        self._latency_s: list[float] = []
        self._status: ReconstructionStatus | None = None
        self._first_heard_s: float | None = None
        self._started_s = self._last_heard_s = time.monotonic()
        self._has_player_been_seen = False
        self.is_done = False
        is_compressed = recorded.message_type.endswith("CompressedImage")
        image_type = CompressedImage if is_compressed else Image
        image_topic = "image/compressed" if is_compressed else "image"
        self.create_subscription(image_type, image_topic, self._take_image, OUTPUT_QOS)
        for name, (topic, message_type) in OUTPUTS.items():
            self.create_subscription(
                message_type,
                f"{self._config.depth_node}/{topic}",
                lambda message, name=name: self._take_output(name, message),
                OUTPUT_QOS,
            )
        self.create_subscription(
            ReconstructionStatus,
            f"{self._config.depth_node}/status",
            self._take_status,
            LATEST_QOS,
        )
        self._last_checked_s = time.monotonic()

    def destroy_node(self) -> None:
        """Remove what was kept."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
        super().destroy_node()

    def check_end(self) -> bool:
        """Whether the bag has been played and its last depth heard; to be asked now and then.

        Raises:
            DepthSplatError: if nobody plays a bag.
        """
        now_s = time.monotonic()
        if now_s - self._last_checked_s < CHECK_PERIOD_S:
            return self.is_done
        self._last_checked_s = now_s
        is_playing = self.count_publishers("/clock") > 0
        self._has_player_been_seen |= is_playing
        if not self._has_player_been_seen and now_s - self._started_s > START_TIMEOUT_S:
            raise DepthSplatError("nobody publishes /clock: no bag is being played")
        self.is_done = (
            self._has_player_been_seen and not is_playing and now_s - self._last_heard_s > QUIET_S
        )
        return self.is_done

    def score(self) -> dict[str, Any]:
        """Score what was kept, and write document and page; takes as long as reading the bag.

        Raises:
            DepthSplatError: if the bag cannot be read or the output folder not be written.
        """
        return score_live(
            self._path,
            self._options,
            kept=Path(self._folder.name),
            facts=self._facts(),
            output=Path(self._config.output).expanduser(),
            command=f"ros2 launch depthsplat_ros replay.launch.py bag:={self._path} "
            f"rate:={self._config.rate:g} evaluate:=true",
        )

    def _facts(self) -> LiveFacts:
        status = self._status or ReconstructionStatus()
        begun_s = self._last_heard_s if self._first_heard_s is None else self._first_heard_s
        return LiveFacts(
            model=status.model or "unknown",
            device=status.device or "unknown",
            settings={"rate": self._config.rate, "window_views": status.window_size},
            images=len(self._image_heard_s),
            keyframes=status.keyframes,
            skipped=_counts(status.skipped_reasons, status.skipped_counts),
            dropped=_counts(status.dropped_reasons, status.dropped_counts),
            latency_s=self._latency_s,
            played_s=self._last_heard_s - begun_s,
        )

    def _take_image(self, message: Image | CompressedImage) -> None:
        self._last_heard_s = time.monotonic()
        if self._first_heard_s is None:
            self._first_heard_s = self._last_heard_s
        self._image_heard_s.setdefault(_stamp_ns(message), self._last_heard_s)

    def _take_status(self, status: ReconstructionStatus) -> None:
        self._status = status

    def _take_output(self, name: str, message: Image | CameraInfo) -> None:
        self._last_heard_s = time.monotonic()
        stamp_ns = _stamp_ns(message)
        if name == "depth" and stamp_ns in self._image_heard_s:
            self._latency_s.append(self._last_heard_s - self._image_heard_s[stamp_ns])
        parts = self._incomplete.setdefault(stamp_ns, {})
        parts[name] = message
        if len(parts) == len(OUTPUTS):
            del self._incomplete[stamp_ns]
            keep(Path(self._folder.name), read_published(stamp_ns, parts))
        elif len(self._incomplete) > MOST_INCOMPLETE:
            lost_ns = next(iter(self._incomplete))
            missing = sorted(OUTPUTS.keys() - self._incomplete.pop(lost_ns).keys())
            self.get_logger().warning(f"of stamp {lost_ns} ns no {', '.join(missing)} was heard")


def read_published(stamp_ns: int, parts: dict[str, Any]) -> PublishedDepth:
    """The depth map of the messages of one stamp, one for each of `OUTPUTS`."""
    depth_m = depth_image_m(unpack_image(parts["depth"]))
    calibration = read_calibration(
        parts["camera_info"],
        width_px=depth_m.shape[1],
        height_px=depth_m.shape[0],
        is_rectified=True,
    )
    confidence = unpack_image(parts["confidence"]).samples.reshape(depth_m.shape)
    return PublishedDepth(
        stamp_ns=stamp_ns,
        image=rgb_image(unpack_image(parts["image"])),
        depth_m=depth_m,
        confidence=np.ascontiguousarray(confidence, np.float32),
        camera=calibration.source,
    )


def _counts(reasons: Sequence[str], counts: Sequence[int]) -> dict[str, int]:
    return {reason: int(count) for reason, count in zip(reasons, counts, strict=True)}


def _stamp_ns(message: Any) -> int:
    return Time.from_msg(message.header.stamp).nanoseconds


def main() -> int:
    """Listen until the bag has been played, score, and end; 1 if nothing was published."""
    nodes: list[LiveEvaluation] = []
    documents: list[dict[str, Any]] = []

    def make_node() -> LiveEvaluation:
        nodes.append(LiveEvaluation())
        return nodes[0]

    def is_done() -> bool:
        if not nodes or not nodes[0].check_end():
            return False
        documents.append(nodes[0].score())
        counts = documents[0]["results"][0]["counts"]
        nodes[0].get_logger().info(
            f"scored {counts['reconstructed']} depth maps of {counts['images']} images"
        )
        return True

    status = run_node(make_node, is_done=is_done)
    if status == 0 and documents and not documents[0]["results"][0]["counts"]["reconstructed"]:
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
