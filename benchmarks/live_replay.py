# SPDX-License-Identifier: Apache-2.0
"""Plays a recording in real time through the real ROS graph and measures what comes out.

Starts `ros2 launch depthsplat_ros replay.launch.py` in a process of its own and listens beside it:
how many keyframes gave exactly one depth, camera_info and cloud with the image's stamp, how long
after its image each depth arrived, and what the node says about the frames it did not use.

    python benchmarks/live_replay.py BAG [name:=value ...]

With --novel-views it plays the recording twice, without and with somebody who looks at novel
views, and tells how often those came and what they cost the depth.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter_client import AsyncParameterClient
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.recordings.bag import Bag
from depthsplat_ros.recordings.topics import RecordingOptions, choose_topics
from depthsplat_ros.ros.qos import LATEST_QOS, OUTPUT_QOS

QUIET_S = 6.0
"""The replay is over when nothing has been heard for this long ..."""
SETTLED_S = 1.0
"""... or for this long after all images have met their end: nothing comes twice."""
START_TIMEOUT_S = 120.0
OUTPUTS = {
    "depth": ("/depthsplat/depth/image_rect", Image),
    "camera_info": ("/depthsplat/depth/camera_info", CameraInfo),
    "points": ("/depthsplat/points", PointCloud2),
}
VIEWS = {
    "novel_view": ("/depthsplat/novel_view/image", Image),
    "novel_view_depth": ("/depthsplat/novel_view/depth", Image),
}


class Ear(Node):
    """Notes when each stamp was heard on each topic."""

    def __init__(
        self, image_topic: str, image_type: type, *, wants_views: bool, folder: Path | None
    ) -> None:
        """Listen to the images and to what the node publishes; keep views in a folder."""
        super().__init__("ear")
        self._folder = folder
        self._parameters = AsyncParameterClient(self, "/depthsplat")
        self._rate_asked: Any = None
        self.heard_s: dict[str, list[tuple[int, float]]] = {}
        self.known_share: list[float] = []
        self.status: ReconstructionStatus | None = None
        self.inference_median_s: float | None = None
        self.last_heard_s: float | None = None
        self._listen("image", image_topic, image_type)
        for name, (topic, message_type) in (OUTPUTS | (VIEWS if wants_views else {})).items():
            self._listen(name, topic, message_type)
        self.create_subscription(
            ReconstructionStatus, "/depthsplat/status", self._take_status, LATEST_QOS
        )

    def _listen(self, name: str, topic: str, message_type: type) -> None:
        heard = self.heard_s[name] = []

        def take(message: object) -> None:
            now_s = time.monotonic()
            heard.append((Time.from_msg(message.header.stamp).nanoseconds, now_s))
            if name not in VIEWS:
                self.last_heard_s = now_s
            if name == "depth":
                depth_m = np.frombuffer(message.data, np.float32)
                self.known_share.append(float(np.isfinite(depth_m).mean()))
            elif name == "novel_view":
                self._take_view(message, len(heard))

        self.create_subscription(message_type, topic, take, OUTPUT_QOS)

    @property
    def rate_set_hz(self) -> float | None:
        """How many novel views per second the node was told to give."""
        if self._rate_asked is None or not self._rate_asked.done():
            return None
        return self._rate_asked.result().values[0].double_value

    def _take_view(self, message: Image, number: int) -> None:
        if self._rate_asked is None:
            self._rate_asked = self._parameters.get_parameters(["novel_view_rate_hz"])
        if self._folder is not None:
            rgb = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
            path = self._folder / f"novel_view_{number:04d}.png"
            cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))

    def _take_status(self, status: ReconstructionStatus) -> None:
        self.status = status
        if math.isfinite(status.inference_median_s):
            self.inference_median_s = status.inference_median_s

    def has_heard_all(self, images: int) -> bool:
        """Whether so many images have met their end, and all that came of them is here."""
        status = self.status
        return (
            status is not None
            and status.frames_received == images
            and images
            == status.predictions + sum(status.skipped_counts) + sum(status.dropped_counts)
            and all(len(self.heard_s[name]) >= status.predictions for name in OUTPUTS)
        )


def main() -> int:
    """Replay, listen, print; exit status 1 if a keyframe lacks an output or has it twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag")
    parser.add_argument("launch_arguments", nargs="*", help="passed on, e.g. world_frame:=map")
    parser.add_argument(
        "--novel-views", action="store_true", help="play twice, without and with novel views"
    )
    parser.add_argument("--keep-views", type=Path, help="folder for the novel views, as PNG")
    arguments = parser.parse_args()
    if arguments.keep_views is not None:
        arguments.keep_views.mkdir(parents=True, exist_ok=True)
    rclpy.init()
    ear = replay(arguments, wants_views=False)
    figures = report(ear)
    if arguments.novel_views:
        looking = replay(arguments, wants_views=True)
        figures = {
            "without_novel_views": figures,
            "with_novel_views": report(looking) | report_views(looking),
        }
        before_s, after_s = (run["latency_from_image_s"] for run in figures.values())
        figures["ratio_of_latencies"] = {
            name: round(after_s[name] / before_s[name], 2) for name in before_s if before_s[name]
        }
    sys.stdout.write(json.dumps(figures, indent=2, default=int) + "\n")
    return 0 if has_one_of_each(ear) else 1


def replay(arguments: argparse.Namespace, *, wants_views: bool) -> Ear:
    """Play the recording once and return what was heard."""
    bag = Bag(arguments.bag)
    recorded = bag.topics[choose_topics(bag, RecordingOptions()).image]
    is_compressed = recorded.message_type.endswith("CompressedImage")
    images = ("/image/compressed", CompressedImage) if is_compressed else ("/image", Image)
    ear = Ear(*images, wants_views=wants_views, folder=arguments.keep_views)
    executor = SingleThreadedExecutor()
    executor.add_node(ear)
    launch = subprocess.Popen(
        ["ros2", "launch", "depthsplat_ros", "replay.launch.py", f"bag:={arguments.bag}"]
        # The node, and this program's ear.
        + ["image_listeners:=2"]
        + arguments.launch_arguments,
        stdout=sys.stderr,
        start_new_session=True,
    )
    started_s = time.monotonic()
    try:
        while launch.poll() is None:
            executor.spin_once(timeout_sec=0.1)
            now_s = time.monotonic()
            quiet_s = SETTLED_S if ear.has_heard_all(recorded.count) else QUIET_S
            if ear.last_heard_s is None:
                assert now_s - started_s < START_TIMEOUT_S, "the replay never started"
            elif now_s - ear.last_heard_s > quiet_s:
                break
    finally:
        if launch.poll() is None:
            os.killpg(launch.pid, signal.SIGINT)
        launch.wait(timeout=30)
        executor.shutdown()
    ear.destroy_node()
    return ear


def has_one_of_each(ear: Ear) -> bool:
    """Whether every depth came exactly once, and with it all that belongs to it."""
    counts = {name: Counter(stamp for stamp, _ in ear.heard_s[name]) for name in OUTPUTS}
    return all(counts[name] == Counter(dict.fromkeys(counts["depth"], 1)) for name in OUTPUTS)


def report(ear: Ear) -> dict[str, Any]:
    """The figures of a replay."""
    depth_stamps = {stamp for stamp, _ in ear.heard_s["depth"]}
    image_heard_s = dict(ear.heard_s["image"])
    latencies_s = [
        heard_s - image_heard_s[stamp]
        for stamp, heard_s in ear.heard_s["depth"]
        if stamp in image_heard_s
    ]
    status = ear.status
    return {
        "images": len(ear.heard_s["image"]),
        "keyframes": status.keyframes,
        "predictions": status.predictions,
        **{name: len(ear.heard_s[name]) for name in OUTPUTS},
        "one_of_each_per_prediction": has_one_of_each(ear)
        and len(depth_stamps) == status.predictions,
        "stamps_are_those_of_images": depth_stamps <= set(image_heard_s),
        "latency_from_image_s": {
            "median": round(float(np.median(latencies_s)), 3) if latencies_s else None,
            "p95": round(float(np.quantile(latencies_s, 0.95)), 3) if latencies_s else None,
            "maximum": round(max(latencies_s), 3) if latencies_s else None,
        },
        "inference_median_s": ear.inference_median_s and round(ear.inference_median_s, 3),
        "known_share_of_pixels": round(float(np.mean(ear.known_share or [0])), 3),
        "skipped": dict(zip(status.skipped_reasons, status.skipped_counts, strict=True)),
        "dropped": dict(zip(status.dropped_reasons, status.dropped_counts, strict=True)),
        "state": status.state,
        "reason": status.reason,
    }


def report_views(ear: Ear) -> dict[str, Any]:
    """The figures of the novel views, while there still were images to work on."""
    end_s = ear.heard_s["image"][-1][1]
    times_s = [heard_s for _, heard_s in ear.heard_s["novel_view"] if heard_s <= end_s]
    status = ear.status
    return {
        "novel_views": len(times_s),
        "novel_views_dropped": status.novel_views_dropped,
        "novel_view_rate_set_hz": ear.rate_set_hz,
        "novel_view_rate_hz": round((len(times_s) - 1) / (times_s[-1] - times_s[0]), 2)
        if len(times_s) > 1
        else None,
        "rendering_median_s": round(status.novel_view_median_s, 4),
        "gaussians": status.gaussians,
        "scene_memory_mb": round(status.scene_memory_bytes / 1e6, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
