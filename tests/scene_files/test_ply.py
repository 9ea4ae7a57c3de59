# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
from gaussian_samples import make_gaussians
from plyfile import PlyData, PlyElement

from depthsplat_ros.scene_files import SceneFileError, read_scene, write_scene

FIELDS = ("means_m", "scales_m", "rotations_wxyz", "opacities", "harmonics")


def header_of(path):
    return path.read_bytes().partition(b"end_header\n")[0].decode()


def rewrite(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "scene.ply"
    write_scene(path, make_gaussians(20))
    return path


@pytest.mark.parametrize("degree", range(5))
def test_what_is_written_is_read_back(tmp_path, degree):
    gaussians = make_gaussians(50, degree=degree)
    write_scene(tmp_path / "scene.ply", gaussians)
    found = read_scene(tmp_path / "scene.ply")
    for name in FIELDS:
        np.testing.assert_allclose(
            getattr(found, name), getattr(gaussians, name), rtol=2e-5, atol=1e-6, err_msg=name
        )
    assert not found.origin_m.any()


def test_another_library_reads_what_viewers_expect(tmp_path):
    gaussians = make_gaussians(30, degree=1)
    write_scene(tmp_path / "scene.ply", gaussians)
    (vertices,) = PlyData.read(str(tmp_path / "scene.ply")).elements
    names = [prop.name for prop in vertices.properties]
    assert names == (
        ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
        + [f"f_rest_{index}" for index in range(9)]
        + ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    )
    assert {prop.val_dtype for prop in vertices.properties} == {"f4"}
    np.testing.assert_allclose(vertices["x"], gaussians.means_m[:, 0])
    np.testing.assert_allclose(np.exp(vertices["scale_2"]), gaussians.scales_m[:, 2], rtol=1e-5)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-vertices["opacity"])), gaussians.opacities, rtol=1e-5
    )
    np.testing.assert_allclose(vertices["rot_0"], gaussians.rotations_wxyz[:, 0])
    np.testing.assert_allclose(vertices["f_dc_1"], gaussians.harmonics[:, 1, 0])
    # Colour by colour: all of red, then all of green.
    np.testing.assert_allclose(vertices["f_rest_2"], gaussians.harmonics[:, 0, 3])
    np.testing.assert_allclose(vertices["f_rest_3"], gaussians.harmonics[:, 1, 1])


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_files_of_other_programs_are_read(tmp_path, byte_order):
    """Doubles, another order of properties, more of them, and quaternions of any length."""
    gaussians = make_gaussians(10, degree=0)
    columns = {
        "rot_3": 2 * gaussians.rotations_wxyz[:, 3],
        "red": np.zeros(10),
        **{f"rot_{index}": 2 * gaussians.rotations_wxyz[:, index] for index in range(3)},
        **{f"scale_{index}": np.log(gaussians.scales_m[:, index]) for index in range(3)},
        "opacity": np.log(gaussians.opacities / (1 - gaussians.opacities)),
        **{f"f_dc_{index}": gaussians.harmonics[:, index, 0] for index in range(3)},
        **{name: gaussians.means_m[:, index] for index, name in enumerate("xyz")},
    }
    rows = np.empty(10, [(name, "f8") for name in columns])
    for name, values in columns.items():
        rows[name] = values
    path = tmp_path / "other.ply"
    PlyData([PlyElement.describe(rows, "vertex")], byte_order=byte_order).write(str(path))
    found = read_scene(path)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(found, name), getattr(gaussians, name), rtol=1e-5)


def test_map_coordinates_keep_their_millimetres(tmp_path):
    origin_m = np.array([4_321_987.123456, 5_432_198.654321, 431.25])
    gaussians = dataclasses.replace(make_gaussians(40), origin_m=origin_m)
    write_scene(tmp_path / "utm.ply", gaussians)
    found = read_scene(tmp_path / "utm.ply")
    np.testing.assert_allclose(
        found.origin_m + found.means_m, origin_m + gaussians.means_m, rtol=0, atol=1e-6
    )


def test_near_the_worlds_origin_coordinates_are_the_worlds(tmp_path):
    gaussians = dataclasses.replace(make_gaussians(40), origin_m=np.array([100.0, -50.0, 2.0]))
    write_scene(tmp_path / "near.ply", gaussians)
    assert "origin_m" not in header_of(tmp_path / "near.ply")
    vertices = PlyData.read(str(tmp_path / "near.ply"))["vertex"]
    np.testing.assert_allclose(vertices["y"], gaussians.means_m[:, 1] - 50, atol=1e-5)


def test_an_empty_scene_is_written_and_read(tmp_path):
    write_scene(tmp_path / "empty.ply", make_gaussians(0))
    assert len(read_scene(tmp_path / "empty.ply")) == 0


def test_a_count_that_the_file_cannot_hold_is_refused_before_anything_is_allocated(path):
    rewrite(path, b"element vertex 20", b"element vertex 1000000000000")
    with pytest.raises(SceneFileError, match="promises 1000000000000 Gaussians"):
        read_scene(path)


@pytest.mark.parametrize("kept", [1, 3, 5, 50, 300, 1000, -1])
def test_a_file_cut_off_anywhere_is_refused(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SceneFileError, match=r"cut off|no header"):
        read_scene(path)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"binary_little_endian", b"ascii", "convert it to binary_little_endian"),
        (b"float opacity", b"uchar opacity", "property uchar opacity"),
        (b"float rot_0", b"list uchar int rot_0", "property list"),
        (b"float rot_0", b"float nx", "twice"),
        (b"float rot_0", b"float rot_9", "lacks the properties rot_0"),
        (b"element vertex", b"element chunk", "element chunk"),
        (b"element vertex 20", b"element vertex -20", "element vertex -20"),
        (b"end_header", b"element face 3\nend_header", "element face"),
        (b"float f_rest_8", b"float g_rest_8", "harmonics up to degree"),
        (b"comment 3D", b"comment origin_m 1 2 nan\ncomment 3D", "three numbers"),
        (b"comment 3D", b"comment origin_m 1 2\ncomment 3D", "three numbers"),
        (b"ply\n", b"PNG\n", "no header"),
        (b"format binary_little_endian 1.0\n", b"", "does not say its format"),
    ],
)
def test_hostile_headers_are_refused_with_what_is_wrong(tmp_path, old, new, complaint):
    path = tmp_path / "scene.ply"
    write_scene(path, make_gaussians(20, degree=1))
    rewrite(path, old, new)
    with pytest.raises(SceneFileError, match=complaint):
        read_scene(path)


def test_a_header_without_end_is_refused_soon(tmp_path):
    path = tmp_path / "endless.ply"
    path.write_bytes(b"ply\n" + b"comment x\n" * 100_000)
    with pytest.raises(SceneFileError, match="no header"):
        read_scene(path)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("means_m", np.nan, "place of Gaussian 7"),
        ("scales_m", np.inf, "scale of Gaussian 7"),
        ("opacities", np.nan, "opacity of Gaussian 7"),
        ("harmonics", np.inf, "colour of Gaussian 7"),
        ("rotations_wxyz", 0.0, "rotation of Gaussian 7"),
    ],
)
def test_numbers_that_are_none_are_refused(tmp_path, name, value, complaint):
    gaussians = make_gaussians(20)
    values = getattr(gaussians, name).copy()
    values[7] = value
    write_scene(tmp_path / "bad.ply", dataclasses.replace(gaussians, **{name: values}))
    with pytest.raises(SceneFileError, match=complaint):
        read_scene(tmp_path / "bad.ply")
