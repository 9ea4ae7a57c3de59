# SPDX-License-Identifier: Apache-2.0
"""The whole chain over several processes: a recording, played by `ros2 launch`, becomes depth."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import small_room

from depthsplat_ros.simulation.bag_writer import BagOptions, write_bag

pytestmark = pytest.mark.ros

LIVE_REPLAY = Path(__file__).parents[1] / "benchmarks" / "live_replay.py"


@pytest.mark.parametrize("is_compressed", [False, True], ids=["raw", "compressed"])
def test_a_recording_played_by_launch_becomes_depth_with_the_stamps_of_its_images(
    tmp_path, is_compressed
):
    bag = tmp_path / "drive"
    write_bag(
        bag,
        small_room.world(),
        small_room.trajectory(),
        small_room.CAMERA.resized(width_px=128, height_px=96),
        duration_s=4.0,
        options=BagOptions(is_compressed=is_compressed),
    )
    finished = subprocess.run(
        [sys.executable, str(LIVE_REPLAY), str(bag)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    figures = json.loads(finished.stdout)
    assert figures["images"] == 21
    assert figures["predictions"] >= 1
    assert figures["one_of_each_per_prediction"]
    assert figures["stamps_are_those_of_images"]
    counted = (
        figures["predictions"]
        + sum(figures["skipped"].values())
        + sum(figures["dropped"].values())
    )
    assert counted == figures["images"]
    assert set(figures["dropped"]) <= {"overtaken_by_newer"}
