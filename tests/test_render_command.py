# SPDX-License-Identifier: Apache-2.0
import json

import cv2
import numpy as np
import pytest
from gaussian_samples import make_gaussians
from helpers import make_pose
from typer.testing import CliRunner

from depthsplat_ros.cli import app
from depthsplat_ros.scene_files import write_scene

SMALL = ("--width-px", 64, "--height-px", 48, "--pictures", 4, "--device", "cpu")


def run(*arguments):
    return CliRunner().invoke(app, ["render", *map(str, arguments)])


def write_keyframes(path, count=5):
    poses = [make_pose(x_m=0.1 * step) for step in range(count)]
    path.write_text(json.dumps([{"world_from_camera": pose.tolist()} for pose in poses]))


@pytest.fixture
def scene(tmp_path):
    write_scene(tmp_path / "scene.ply", make_gaussians(300))
    return tmp_path / "scene.ply"


def pictures_in(folder):
    return [cv2.imread(str(path)) for path in sorted(folder.iterdir())]


def test_a_scene_alone_is_orbited(scene, tmp_path):
    result = run(scene, "-o", tmp_path / "frames", *SMALL)
    assert result.exit_code == 0, result.output
    pictures = pictures_in(tmp_path / "frames")
    assert [picture.shape for picture in pictures] == 4 * [(48, 64, 3)]
    for picture in pictures:
        assert (picture[12:36, 16:48] > 0).any(axis=-1).mean() > 0.5
    assert (pictures[0] != pictures[2]).any()


@pytest.mark.parametrize("path", ["auto", "follow", "spiral"])
def test_recorded_cameras_are_followed(scene, tmp_path, path):
    write_keyframes(tmp_path / "keyframes.json")
    result = run(scene, "-o", tmp_path / "frames", "--path", path, *SMALL)
    assert result.exit_code == 0, result.output
    for picture in pictures_in(tmp_path / "frames"):
        # The Gaussians lie around 3 m ahead of where the cameras were.
        assert (picture[12:36, 16:48] > 0).any(axis=-1).mean() > 0.9


def test_the_compact_format_becomes_a_film(tmp_path):
    write_scene(tmp_path / "scene.splat", make_gaussians(300))
    result = run(tmp_path / "scene.splat", "-o", tmp_path / "film.mp4", *SMALL)
    assert result.exit_code == 0, result.output
    assert cv2.VideoCapture(str(tmp_path / "film.mp4")).read()[1].any()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--path", "follow"), "needs the recorded cameras"),
        (("--keyframes", "absent.json"), "cannot read absent.json"),
        (("--device", "cuda:99"), "cuda:99"),
    ],
)
def test_what_cannot_be_done_is_one_line(scene, tmp_path, arguments, complaint):
    result = run(scene, "-o", tmp_path / "frames", *SMALL, *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert complaint in result.stderr
    assert not (tmp_path / "frames").exists()


@pytest.mark.parametrize("content", ["{", "[1]", '[{"world_from_camera": [[1]]}]', "[{}]"])
def test_a_wrong_keyframes_file_is_named(scene, tmp_path, content):
    (tmp_path / "keyframes.json").write_text(content)
    result = run(scene, "-o", tmp_path / "frames", *SMALL)
    assert result.exit_code == 2
    assert "keyframes.json" in result.stderr


def test_an_empty_scene_is_refused(tmp_path):
    write_scene(tmp_path / "empty.ply", make_gaussians(0))
    result = run(tmp_path / "empty.ply", "-o", tmp_path / "frames", *SMALL)
    assert result.exit_code == 2
    assert "nothing to see" in result.stderr


def test_a_wider_field_of_view_shows_the_scene_smaller(scene, tmp_path):
    shares = []
    for degrees in (30, 90):
        folder = tmp_path / str(degrees)
        assert run(scene, "-o", folder, "--field-of-view-deg", degrees, *SMALL).exit_code == 0
        shares.append(
            np.mean([(picture > 8).any(axis=-1).mean() for picture in pictures_in(folder)])
        )
    assert shares[0] > 1.5 * shares[1]
