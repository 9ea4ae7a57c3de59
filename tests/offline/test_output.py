# SPDX-License-Identifier: Apache-2.0
import json
import math

import cv2
import numpy as np
import pytest
from plyfile import PlyData

from depthsplat_ros.fusion import ColouredCloud
from depthsplat_ros.offline.output import OutputError, OutputFolder

STAMP_NS = 1_700_000_000_123_456_789


def cloud_of(points_m: np.ndarray) -> ColouredCloud:
    colours = np.tile(np.array([10, 20, 30], np.uint8), (len(points_m), 1))
    return ColouredCloud(
        points_m=points_m, colours=colours, directions=np.zeros_like(points_m), voxel_m=0.1
    )


def test_raw_depth_comes_back_bit_for_bit(tmp_path):
    depth_m = np.random.default_rng(0).uniform(0.1, 80, (30, 40)).astype(np.float32)
    depth_m[3:7, 10:20] = np.nan
    folder = OutputFolder(tmp_path)
    folder.write_raw_depth(STAMP_NS, depth_m)

    path = tmp_path / "depth_raw" / f"{STAMP_NS}.tiff"

    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), depth_m)
    np.testing.assert_array_equal(folder.read_raw_depth(STAMP_NS), depth_m)


def test_short_stamps_are_padded_so_that_names_sort_by_time(tmp_path):
    folder = OutputFolder(tmp_path)
    for stamp_ns in (1_000_000_000, 200_000_000):
        folder.write_depth_picture(stamp_ns, np.zeros((2, 2, 3), np.uint8))

    names = sorted(path.name for path in (tmp_path / "depth").iterdir())

    assert names == ["0000000000200000000.png", "0000000001000000000.png"]


def test_pictures_are_rgb(tmp_path):
    OutputFolder(tmp_path).write_picture("red.png", np.full((2, 2, 3), (255, 0, 0), np.uint8))

    assert cv2.imread(str(tmp_path / "red.png"))[0, 0].tolist() == [0, 0, 255]


def test_the_cloud_is_binary_little_endian_and_exact_in_map_coordinates(tmp_path):
    points_m = np.array([[500_000.001, 5_400_000.002, 400.003], [1.0, -2.0, 3.0]])
    OutputFolder(tmp_path).write_cloud(cloud_of(points_m))

    ply = PlyData.read(str(tmp_path / "cloud.ply"))

    assert not ply.text
    assert ply.byte_order == "<"
    vertices = ply["vertex"]
    np.testing.assert_array_equal(np.stack([vertices[axis] for axis in "xyz"], -1), points_m)
    assert [vertices[name][0] for name in ("red", "green", "blue")] == [10, 20, 30]


def test_an_empty_cloud_is_a_valid_file(tmp_path):
    OutputFolder(tmp_path).write_cloud(cloud_of(np.zeros((0, 3))))

    assert PlyData.read(str(tmp_path / "cloud.ply"))["vertex"].count == 0


def test_numbers_that_json_does_not_know_become_null(tmp_path):
    OutputFolder(tmp_path).write_json("a.json", {"a": [math.nan, 1.5], "b": {"c": math.inf}})

    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [None, 1.5], "b": {"c": None}}


def test_an_earlier_job_is_replaced_and_other_files_stay(tmp_path):
    folder = OutputFolder(tmp_path)
    folder.write_raw_depth(STAMP_NS, np.ones((2, 2), np.float32))
    folder.write_json("summary.json", {})
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "depth" / "mine.png").write_text("mine")

    OutputFolder(tmp_path)

    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["depth", "depth/mine.png", "depth_raw", "notes.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="file.*--output"):
        OutputFolder(tmp_path / "file")


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    folder = OutputFolder(tmp_path)
    (tmp_path / "summary.json").mkdir()

    with pytest.raises(OutputError, match=r"summary\.json"):
        folder.write_json("summary.json", {})
    assert not (tmp_path / "summary.json.part").exists()
