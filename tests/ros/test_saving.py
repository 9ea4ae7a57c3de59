# SPDX-License-Identifier: Apache-2.0
import errno
import threading

import pytest
import torch

pytest.importorskip("rclpy")

from depthsplat_ros.ros.gaussian_output import GaussianOutputConfig
from depthsplat_ros.ros.saving import SavingError, save_scene
from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.scene import Scene
from depthsplat_ros.streaming.scene_config import SceneConfig


class SceneOfBytes(Scene):
    """A scene as `save_scene` sees it, whose file is one word."""

    stamp_ns = 1_700_000_000_000_000_005

    def __init__(self, error=None):
        super().__init__(SceneConfig(), torch.device("cpu"))
        self.error = error

    def save(self, path):
        if self.error is not None:
            raise self.error
        path.write_bytes(b"scene")
        return 3


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_is_named_after_the_stamp_and_the_answer_says_all(tmp_path):
    folder = tmp_path / "made" / "on demand"
    said = save_scene(SceneOfBytes(), str(folder), ".ply")
    assert names(folder) == ["gaussians_1700000000_000000005.ply"]
    assert said == f"{folder}/gaussians_1700000000_000000005.ply: 3 Gaussians, 0.0 MB"


def test_no_file_is_ever_replaced(tmp_path):
    taken = tmp_path / "gaussians_1700000000_000000005.ply"
    taken.write_bytes(b"precious")
    (tmp_path / "gaussians_1700000000_000000005_2.ply").symlink_to(tmp_path / "nowhere")
    save_scene(SceneOfBytes(), str(tmp_path), ".ply")
    assert taken.read_bytes() == b"precious"
    assert names(tmp_path)[-1] == "gaussians_1700000000_000000005_3.ply"
    assert not (tmp_path / "nowhere").exists()


def test_two_at_once_get_a_file_each(tmp_path):
    threads = [
        threading.Thread(target=save_scene, args=(SceneOfBytes(), str(tmp_path), ".splat"))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(tmp_path)) == 8


def test_home_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save_scene(SceneOfBytes(), "~/scenes", ".ply")
    assert len(names(tmp_path / "scenes")) == 1


def test_without_a_folder_the_remedy_is_named():
    with pytest.raises(SavingError, match="save_directory"):
        save_scene(SceneOfBytes(), "", ".ply")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(SavingError, match="No space left on device"):
        save_scene(SceneOfBytes(error=full), str(tmp_path), ".ply")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SavingError, match=str(tmp_path / "file" / "inside")):
        save_scene(SceneOfBytes(), str(tmp_path / "file" / "inside"), ".ply")


@pytest.mark.parametrize("directory", ["relative", "../up", "/nul\0byte"])
def test_a_folder_that_depends_on_where_the_node_was_started_is_refused(directory):
    with pytest.raises(SettingError, match="save_directory"):
        GaussianOutputConfig(save_directory=directory)
