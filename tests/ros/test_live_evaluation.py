# SPDX-License-Identifier: Apache-2.0
"""A bag played by `ros2 launch` is scored by its published topics, as it would be offline."""

import io
import json
import subprocess

import numpy as np
import pytest
import small_room
from rich.console import Console

pytest.importorskip("rclpy")
pytest.importorskip("depthsplat_ros.msg")

from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.evaluation.document import read_document
from depthsplat_ros.evaluation.evaluate import EvaluationOrder, evaluate
from depthsplat_ros.evaluation.model_spec import parse_spec
from depthsplat_ros.recordings import RecordingOptions
from depthsplat_ros.ros import messages
from depthsplat_ros.ros.live_evaluation import LiveEvaluation, read_published
from depthsplat_ros.simulation.bag_writer import BagOptions, write_bag
from depthsplat_ros.streaming.config import DEFAULT_MODEL, StreamingConfig

pytestmark = pytest.mark.ros

CAMERA = small_room.CAMERA.resized(width_px=128, height_px=96)


def test_what_was_published_is_read_back_unchanged():
    generator = np.random.default_rng(0)
    depth_m = generator.uniform(1, 5, (96, 128)).astype(np.float32)
    depth_m[:9] = np.nan
    confidence = generator.random((96, 128), np.float32)
    image = generator.integers(0, 255, (96, 128, 3), np.uint8)
    header = Header(frame_id="camera")
    parts: dict[str, Image | CameraInfo] = {
        "depth": messages.depth_message(depth_m, "32FC1", header),
        "camera_info": messages.camera_info_message(CAMERA, header),
        "confidence": messages.confidence_message(confidence, header),
        "image": messages.colour_message(image, header),
    }

    published = read_published(7, parts)

    np.testing.assert_array_equal(published.depth_m, depth_m)
    np.testing.assert_array_equal(published.confidence, confidence)
    np.testing.assert_array_equal(published.image, image)
    assert (published.camera, published.stamp_ns) == (CAMERA, 7)


def test_without_a_bag_nothing_can_be_scored(capfd):
    from depthsplat_ros.ros.process import run_node

    assert run_node(LiveEvaluation, arguments=[]) == 1
    assert "set the parameter bag" in capfd.readouterr().err
    assert issubclass(DepthSplatError, Exception)


@pytest.mark.slow
def test_published_depth_scores_as_offline_where_it_was_matched_with_the_same_keyframes(tmp_path):
    bag = tmp_path / "drive"
    world, trajectory = small_room.world(), small_room.trajectory()
    write_bag(bag, world, trajectory, CAMERA, duration_s=4.0, options=BagOptions())
    finished = subprocess.run(
        [
            *("ros2", "launch", "depthsplat_ros", "replay.launch.py", f"bag:={bag}"),
            *("rate:=0.3", "evaluate:=true", f"evaluation_output:={tmp_path / 'live'}"),
        ],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    output = finished.stdout + finished.stderr
    live_path = tmp_path / "live" / "evaluation.json"
    assert live_path.is_file(), output[-3000:]
    assert (tmp_path / "live" / "report.html").is_file()
    live = read_document(live_path)["results"][0]
    offline = _evaluate_offline(bag, tmp_path / "offline")["results"][0]

    assert live["source"] == "live"
    counts = live["counts"]
    assert counts["images"] == 21
    assert counts["reconstructed"] + sum(counts["skipped_by_reconstruction"].values()) == 21
    assert live["performance"]["stages"]["latency"]["median_s"] > 0
    expected = {each["stamp_ns"]: each for each in offline["figures"]["keyframes"]}
    # Once the node has lost a frame, later windows may hold other keyframes than offline.
    pairs = [(each, expected.get(each["stamp_ns"])) for each in live["figures"]["keyframes"]]
    agreeing = [
        here
        for here, there in pairs
        if there is not None
        and here["known_share"] == there["known_share"]
        and here["absolute_relative"] == pytest.approx(there["absolute_relative"], rel=1e-6)
    ]
    has_lost = any(name.startswith("dropped") for name in counts["skipped_by_reconstruction"])
    assert len(agreeing) >= (1 if has_lost else len(pairs))
    assert json.dumps(live)


def _evaluate_offline(bag, output):
    order = EvaluationOrder(
        recordings=(bag,),
        specs=(parse_spec(DEFAULT_MODEL),),
        output=output,
        device="cpu",
        precision="auto",
        maximum_frames=None,
        recording_options=RecordingOptions(),
        streaming=StreamingConfig(),
        has_novel_views=False,
        is_fresh=False,
        command="",
    )
    return evaluate(order, Console(file=io.StringIO()))
