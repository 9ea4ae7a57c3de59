# SPDX-License-Identifier: Apache-2.0
import io

import pytest
from helpers import WallPredictor
from rich.console import Console

from depthsplat_ros.offline import cloud_picture, demo
from depthsplat_ros.offline import reconstruct as offline_reconstruct
from depthsplat_ros.offline.demo import DemoOrder, demonstrate
from depthsplat_ros.offline.output import OutputError
from depthsplat_ros.recordings import open_recording
from depthsplat_ros.simulation.world import WorldError
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor


def order(output, **changes):
    return DemoOrder(
        **{
            "output": output,
            "room": "bare_room",
            "seed": 1,
            "duration_s": 2.0,
            "device": "cpu",
            **changes,
        }
    )


def demonstrate_quietly(found):
    console = Console(file=io.StringIO(), width=200)
    summary = demonstrate(found, console)
    return summary, console.file.getvalue()


@pytest.fixture
def quick(monkeypatch):
    """Small images and a predictor that need no time; the world is a real one."""

    def create(config, *, model, device, precision, scene):
        return StreamingReconstructor(WallPredictor(), config, device=device, scene=scene)

    monkeypatch.setattr(offline_reconstruct, "create_reconstructor", create)
    monkeypatch.setattr(demo, "WIDTH_PX", 64)
    monkeypatch.setattr(demo, "HEIGHT_PX", 48)
    monkeypatch.setattr(cloud_picture, "PANEL_PX", 100)


def test_a_simulated_drive_is_recorded_and_reconstructed(quick, tmp_path):
    (tmp_path / "out" / "recording").mkdir(parents=True)
    (tmp_path / "out" / "recording" / "metadata.yaml").write_text("of an earlier demo")

    summary, text = demonstrate_quietly(order(tmp_path / "out"))

    recording = open_recording(tmp_path / "out" / "recording")
    assert len(recording) == summary.counts.images == 11
    assert summary.counts.skipped_by_recording == {}
    assert summary.counts.reconstructed > 0
    assert summary.accuracy is not None
    assert (tmp_path / "out" / "contact_sheet.png").is_file()
    assert "recording" in text
    assert "AbsRel" in text


def test_what_is_no_recording_is_not_removed(tmp_path):
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "thesis.tex").write_text("mine")

    with pytest.raises(OutputError, match="in the way"):
        demonstrate_quietly(order(tmp_path))
    assert (tmp_path / "recording" / "thesis.tex").is_file()


def test_an_unknown_room_is_named(tmp_path):
    with pytest.raises(WorldError, match="ballroom"):
        demonstrate_quietly(order(tmp_path, room="ballroom"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="--output"):
        demonstrate_quietly(order(tmp_path / "file"))
