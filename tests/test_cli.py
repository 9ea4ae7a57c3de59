# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers import WallPredictor
from model.tiny import tiny_model
from plyfile import PlyData
from typer.testing import CliRunner
from wall_bag import WALL_M, WallBag

import depthsplat_ros
from depthsplat_ros.cli import app, main
from depthsplat_ros.fusion import FusionConfig
from depthsplat_ros.model.checkpoint import save_depthsplat
from depthsplat_ros.offline import cloud_picture
from depthsplat_ros.offline import reconstruct as offline_reconstruct
from depthsplat_ros.settings import limits_of
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.factory import resolve_device
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor


@pytest.fixture
def run(monkeypatch):
    """Runs the command with a predictor that knows where the wall is."""

    def create(config, *, model, device, precision, scene):
        device = resolve_device(device)
        return StreamingReconstructor(WallPredictor(WALL_M), config, device=device, scene=scene)

    monkeypatch.setattr(offline_reconstruct, "create_reconstructor", create)
    # Large pictures are for eyes; these tests have none.
    monkeypatch.setattr(cloud_picture, "PANEL_PX", 100)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])


def error_line(result):
    """The one line that a failed command wrote."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return lines[0]


def test_a_recording_becomes_depth_cloud_pictures_and_figures(run, tmp_path):
    bag = WallBag(images=8).write(tmp_path / "wall")
    output = tmp_path / "out"

    result = run("reconstruct", bag, "--output", output, "--device", "cpu")

    assert result.exit_code == 0, result.output
    summary = json.loads((output / "summary.json").read_text())
    assert summary["recording"] == "wall"
    assert summary["counts"]["images"] == 8
    assert summary["counts"]["reconstructed"] == 7
    assert summary["counts"]["skipped_by_reconstruction"] == {"waiting_for_partner": 1}
    keyframes = json.loads((output / "keyframes.json").read_text())
    assert len(keyframes) == 7
    for keyframe in keyframes:
        raw = output / "depth_raw" / f"{keyframe['stamp_ns']:019d}.tiff"
        depth_m = cv2.imread(str(raw), cv2.IMREAD_UNCHANGED)
        assert depth_m.dtype == np.float32
        np.testing.assert_array_equal(depth_m, WALL_M)
        assert (output / "depth" / f"{keyframe['stamp_ns']:019d}.png").is_file()
    for name in ("contact_sheet.png", "cloud.png"):
        assert cv2.imread(str(output / name)).shape[2] == 3
    points = PlyData.read(str(output / "cloud.ply"))["vertex"]
    assert points.count > 1000
    np.testing.assert_allclose(points["z"], WALL_M, atol=1e-5)
    assert str(output) in result.stdout.replace("\n", "")


def test_errors_are_those_against_the_recorded_depth(run, tmp_path):
    bag = WallBag(images=9, depth_m=WALL_M / 1.2).write(tmp_path / "wall")

    result = run("reconstruct", bag, "--output", tmp_path / "out", "--device", "cpu")

    accuracy = json.loads((tmp_path / "out" / "summary.json").read_text())["accuracy"]
    everything, late = accuracy["all_keyframes"], accuracy["after_keyframe_5"]
    assert everything["full"]["keyframes"] == 8
    assert late["full"]["keyframes"] == 4
    for found in (everything["full"], late["published"]):
        assert found["metrics"]["absolute_relative"] == pytest.approx(0.2, abs=1e-3)
        assert found["metrics"]["delta_1_10"] == 0
        assert found["metrics"]["delta_1_25"] == 1
        assert found["metrics"]["coverage"] == 1
        assert found["median_ratio"]["median"] == pytest.approx(1.2, abs=1e-3)
    assert "no scale alignment" in result.stdout


def test_the_middle_reference_is_compared_with_its_own_truth(run, tmp_path):
    bag = WallBag(images=6).write(tmp_path / "wall")

    run("reconstruct", bag, "-o", tmp_path / "out", "--reference", "middle", "--device", "cpu")

    keyframes = json.loads((tmp_path / "out" / "keyframes.json").read_text())
    assert [keyframe["keyframe"] for keyframe in keyframes] == [1, 2, 3, 4, 5]
    assert all(keyframe["score"]["full"]["sums"]["compared_pixels"] for keyframe in keyframes)


def test_without_true_depth_there_are_no_errors_but_everything_else(run, tmp_path):
    bag = WallBag(has_depth=False).write(tmp_path / "wall")

    result = run("reconstruct", bag, "--output", tmp_path / "out", "--device", "cpu")

    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["accuracy"] is None
    assert (tmp_path / "out" / "contact_sheet.png").is_file()


def test_true_depth_can_be_left_out(run, tmp_path):
    bag = WallBag().write(tmp_path / "wall")

    run("reconstruct", bag, "--output", tmp_path / "out", "--depth-topic", "", "--device", "cpu")

    assert json.loads((tmp_path / "out" / "summary.json").read_text())["accuracy"] is None


def test_scaled_poses_are_scaled(run, tmp_path):
    bag = WallBag().write(tmp_path / "wall")

    run("reconstruct", bag, "-o", tmp_path / "out", "--pose-scale", "2", "--device", "cpu")

    keyframes = json.loads((tmp_path / "out" / "keyframes.json").read_text())
    assert keyframes[-1]["world_from_camera"][0][3] == pytest.approx(2 * 7 * 0.15)


def test_reading_stops_after_the_maximum(run, tmp_path):
    bag = WallBag(images=8).write(tmp_path / "wall")

    run("reconstruct", bag, "-o", tmp_path / "out", "--maximum-frames", "3", "--device", "cpu")

    assert json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]["images"] == 3


def test_a_camera_that_stands_still_gives_no_depth_says_why_and_fails(run, tmp_path):
    bag = WallBag(step_m=0.0).write(tmp_path / "wall")

    result = run("reconstruct", bag, "--output", tmp_path / "out", "--device", "cpu")

    assert result.exit_code == 1
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
    assert counts["reconstructed"] == 0
    assert counts["skipped_by_reconstruction"] == {"standing_still": 7, "waiting_for_partner": 1}
    assert "stands still" in " ".join(result.stdout.split())
    assert not (tmp_path / "out" / "contact_sheet.png").exists()


def test_images_without_pose_are_counted_and_explained(run, tmp_path):
    bag = WallBag(images=8, poses=6).write(tmp_path / "wall")

    result = run("reconstruct", bag, "--output", tmp_path / "out", "--device", "cpu")

    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
    assert counts["skipped_by_recording"] == {"no_pose": 2}
    assert counts["images"] == counts["frames"] + 2 == 8
    assert counts["frames"] == counts["reconstructed"] + 1
    assert set(counts["examples"]) == {"no_pose", "waiting_for_partner"}
    assert "no_pose" in result.stdout


def test_a_missing_recording_is_one_line(run, tmp_path):
    result = run("reconstruct", tmp_path / "nowhere", "-o", tmp_path / "out", "--device", "cpu")

    assert "nowhere" in error_line(result)


def test_a_recording_without_images_is_one_line(run, tmp_path):
    bag = WallBag(has_images=False, has_depth=False).write(tmp_path / "wall")

    assert "image" in error_line(run("reconstruct", bag, "-o", tmp_path / "out"))


def test_a_recording_without_poses_is_one_line(run, tmp_path):
    bag = WallBag(poses=0).write(tmp_path / "wall")

    line = error_line(run("reconstruct", bag, "-o", tmp_path / "out", "--device", "cpu"))

    assert "tf" in line.lower() or "transform" in line.lower()


def test_a_frame_that_does_not_exist_is_one_line(run, tmp_path):
    bag = WallBag().write(tmp_path / "wall")

    result = run("reconstruct", bag, "-o", tmp_path / "out", "--world-frame", "moon")

    assert "moon" in error_line(result)


def test_a_folder_that_cannot_be_written_is_one_line(run, tmp_path):
    bag = WallBag().write(tmp_path / "wall")
    (tmp_path / "file").write_text("")

    line = error_line(run("reconstruct", bag, "-o", tmp_path / "file" / "out", "--device", "cpu"))

    assert "--output" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--near-m", "9", "--far-m", "3"), ("near_m is 9", "far_m 3")),
        (("--window-views", "1"), ("window_views is 1", "at least 2")),
        (("--device", "abacus"), ("device", "abacus")),
    ],
)
def test_an_impossible_option_is_one_line(run, tmp_path, arguments, words):
    bag = WallBag().write(tmp_path / "wall")

    line = error_line(run("reconstruct", bag, "-o", tmp_path / "out", *arguments))

    assert all(word in line for word in words)


def test_an_unknown_model_is_one_line(tmp_path):
    bag = WallBag().write(tmp_path / "wall")

    result = CliRunner().invoke(
        app, ["reconstruct", str(bag), "-o", str(tmp_path / "out"), "--model", "oracle"]
    )

    assert "oracle" in error_line(result)


def test_a_network_from_a_file_reconstructs(monkeypatch, tmp_path):
    monkeypatch.setattr(cloud_picture, "PANEL_PX", 100)
    bag = WallBag(images=5).write(tmp_path / "wall")
    save_depthsplat(tiny_model(), tmp_path / "own.safetensors")
    words = ("--model", tmp_path / "own.safetensors", "--device", "cpu", "--precision", "float32")
    words = ("reconstruct", bag, "-o", tmp_path / "out", "--far-m", "20", "--no-scene", *words)

    result = CliRunner().invoke(app, [str(word) for word in words])

    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["model"] == str(tmp_path / "own.safetensors")
    assert summary["counts"]["reconstructed"] == 4
    for path in (tmp_path / "out" / "depth_raw").iterdir():
        depth_m = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        # 64x48, of which multiples of 32 are 64x32.
        assert depth_m.shape == (32, 64)
        known_m = depth_m[np.isfinite(depth_m)]
        assert known_m.size > 0.5 * depth_m.size
        assert 0.5 <= known_m.min() <= known_m.max() <= 20.0


def test_missing_weights_are_one_line_with_the_command_that_fetches_them(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPTHSPLAT_PRETRAINED", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    bag = WallBag().write(tmp_path / "wall")
    words = ("reconstruct", bag, "-o", tmp_path / "out", "--model", "gs-base-448x768")

    line = error_line(CliRunner().invoke(app, [str(word) for word in words]))

    assert "depthsplat models download gs-base-448x768" in line
    assert str(tmp_path) in line


def test_weights_of_another_network_are_listed_line_by_line(tmp_path):
    bag = WallBag().write(tmp_path / "wall")
    path = tmp_path / "depth-small.safetensors"
    save_depthsplat(tiny_model(), path)
    whole = path.read_bytes()
    # A name changed, nothing else: one weight is missing and another has no place.
    path.write_bytes(whole.replace(b"depth.residual.4.bias", b"depth.residual.4.sias"))
    words = ("reconstruct", bag, "-o", tmp_path / "out", "--model", path, "--device", "cpu")

    result = CliRunner().invoke(app, [str(word) for word in words])

    assert result.exit_code == 2
    assert "Traceback" not in result.output
    first_line, *listed = result.stderr.splitlines()
    assert first_line.startswith("error: depth-small.safetensors")
    assert listed == [
        "missing (1):",
        "  depth.residual.4.bias",
        "not part of the network (1):",
        "  depth.residual.4.sias",
    ]


def test_an_unknown_precision_is_refused_with_the_known_ones(run, tmp_path):
    result = run("reconstruct", "bag", "-o", tmp_path / "out", "--precision", "int4")

    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert all(word in said for word in ("--precision", "auto", "float32", "fast"))


def test_version(run):
    assert run("--version").stdout.strip() == f"depthsplat_ros {depthsplat_ros.__version__}"


def test_without_arguments_help_is_shown(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["depthsplat"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 0
    assert "reconstruct" in capsys.readouterr().out


def test_every_setting_is_an_option_with_its_default_and_meaning(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    shown = " ".join(run("reconstruct", "--help").stdout.split())

    for config_type in (StreamingConfig, FusionConfig):
        for field in dataclasses.fields(config_type):
            assert f"--{field.name.replace('_', '-')} " in shown
            assert limits_of(field).description in shown
            assert f"[default: {field.default}]" in shown


def test_help_does_not_wait_for_torch():
    # Nor may torch be loaded before main() has told OpenMP to let idle threads sleep.
    code = "import sys, depthsplat_ros.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
