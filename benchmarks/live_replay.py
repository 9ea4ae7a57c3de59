# SPDX-License-Identifier: Apache-2.0
"""Plays a recording in real time through the real ROS graph and measures what comes out.

Starts `ros2 launch depthsplat_ros replay.launch.py` in a process of its own and listens beside it:
how many keyframes gave exactly one depth, camera_info and cloud with the image's stamp, how long
after its image each depth arrived, and what the node says about the frames it did not use.

    python benchmarks/live_replay.py BAG [name:=value ...]
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

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.recordings.bag import Bag
from depthsplat_ros.recordings.topics import RecordingOptions, choose_topics
from depthsplat_ros.ros.qos import LATEST_QOS, OUTPUT_QOS

QUIET_S = 6.0
"""The replay is over when nothing has been heard for this long."""
START_TIMEOUT_S = 120.0
OUTPUTS = {
    "depth": ("/depthsplat/depth/image_rect", Image),
    "camera_info": ("/depthsplat/depth/camera_info", CameraInfo),
    "points": ("/depthsplat/points", PointCloud2),
}


class Ear(Node):
    """Notes when each stamp was heard on each topic."""

    def __init__(self, image_topic: str, image_type: type) -> None:
        """Listen to the images and to what the node publishes."""
        super().__init__("ear")
        self.heard_s: dict[str, list[tuple[int, float]]] = {}
        self.known_share: list[float] = []
        self.status: ReconstructionStatus | None = None
        self.inference_median_s: float | None = None
        self.last_heard_s: float | None = None
        self._listen("image", image_topic, image_type)
        for name, (topic, message_type) in OUTPUTS.items():
            self._listen(name, topic, message_type)
        self.create_subscription(
            ReconstructionStatus, "/depthsplat/status", self._take_status, LATEST_QOS
        )

    def _listen(self, name: str, topic: str, message_type: type) -> None:
        heard = self.heard_s[name] = []

        def take(message: object) -> None:
            self.last_heard_s = time.monotonic()
            heard.append((Time.from_msg(message.header.stamp).nanoseconds, self.last_heard_s))
            if name == "depth":
                depth_m = np.frombuffer(message.data, np.float32)
                self.known_share.append(float(np.isfinite(depth_m).mean()))

        self.create_subscription(message_type, topic, take, OUTPUT_QOS)

    def _take_status(self, status: ReconstructionStatus) -> None:
        self.status = status
        if math.isfinite(status.inference_median_s):
            self.inference_median_s = status.inference_median_s


def main() -> int:
    """Replay, listen, print; exit status 1 if a keyframe lacks an output or has it twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag")
    parser.add_argument("launch_arguments", nargs="*", help="passed on, e.g. world_frame:=map")
    arguments = parser.parse_args()
    bag = Bag(arguments.bag)
    recorded = bag.topics[choose_topics(bag, RecordingOptions()).image]
    is_compressed = recorded.message_type.endswith("CompressedImage")
    rclpy.init()
    ear = Ear(*(("/image/compressed", CompressedImage) if is_compressed else ("/image", Image)))
    executor = SingleThreadedExecutor()
    executor.add_node(ear)
    launch = subprocess.Popen(
        ["ros2", "launch", "depthsplat_ros", "replay.launch.py", f"bag:={arguments.bag}"]
        + arguments.launch_arguments,
        stdout=sys.stderr,
        start_new_session=True,
    )
    started_s = time.monotonic()
    try:
        while launch.poll() is None:
            executor.spin_once(timeout_sec=0.1)
            now_s = time.monotonic()
            if ear.last_heard_s is None:
                assert now_s - started_s < START_TIMEOUT_S, "the replay never started"
            elif now_s - ear.last_heard_s > QUIET_S:
                break
    finally:
        if launch.poll() is None:
            os.killpg(launch.pid, signal.SIGINT)
        launch.wait(timeout=30)
    return report(ear)


def report(ear: Ear) -> int:
    """Print the figures as a JSON object; 0 if every keyframe has all outputs exactly once."""
    counts = {name: Counter(stamp for stamp, _ in heard) for name, heard in ear.heard_s.items()}
    depth_stamps = set(counts["depth"])
    is_complete = all(counts[name] == Counter(dict.fromkeys(depth_stamps, 1)) for name in OUTPUTS)
    image_heard_s = dict(ear.heard_s["image"])
    latencies_s = [
        heard_s - image_heard_s[stamp]
        for stamp, heard_s in ear.heard_s["depth"]
        if stamp in image_heard_s
    ]
    status = ear.status
    figures = {
        "images": len(ear.heard_s["image"]),
        "keyframes": status.keyframes,
        "predictions": status.predictions,
        **{name: len(ear.heard_s[name]) for name in OUTPUTS},
        "one_of_each_per_prediction": is_complete and len(depth_stamps) == status.predictions,
        "stamps_are_those_of_images": depth_stamps <= set(counts["image"]),
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
    sys.stdout.write(json.dumps(figures, indent=2, default=int) + "\n")
    return 0 if is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
