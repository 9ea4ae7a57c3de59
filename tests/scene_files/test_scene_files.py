# SPDX-License-Identifier: Apache-2.0
import pytest
from gaussian_samples import make_gaussians

from depthsplat_ros import scene_files
from depthsplat_ros.scene_files import SUFFIXES, SceneFileError, read_scene, write_scene


@pytest.mark.parametrize("name", ["scene", "scene.obj", "scene.ply.gz"])
def test_the_suffix_must_name_a_format(tmp_path, name):
    with pytest.raises(SceneFileError, match=r"\.ply or \.splat"):
        write_scene(tmp_path / name, make_gaussians(1))
    with pytest.raises(SceneFileError, match=r"\.ply or \.splat"):
        read_scene(tmp_path / name)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PLY"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"scene{suffix}"
    write_scene(path, make_gaussians(5))
    before = path.read_bytes()

    def full(gaussians):
        yield b"the first bytes"
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(scene_files._ENCODERS, suffix.lower(), full)
    with pytest.raises(SceneFileError, match="No space left"):
        write_scene(path, make_gaussians(6))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_an_error_with_its_name(tmp_path):
    with pytest.raises(SceneFileError, match="nowhere"):
        write_scene(tmp_path / "nowhere" / "scene.ply", make_gaussians(1))


def test_a_file_that_does_not_exist_is_an_error_with_its_name(tmp_path):
    with pytest.raises(SceneFileError, match=r"absent\.ply"):
        read_scene(tmp_path / "absent.ply")


def test_others_may_read_what_is_written(tmp_path):
    write_scene(tmp_path / "scene.ply", make_gaussians(1))
    assert (tmp_path / "scene.ply").stat().st_mode & 0o444 == 0o444
