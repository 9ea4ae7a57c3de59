# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from gaussian_samples import make_gaussians

from depthsplat_ros.scene_files import SceneFileError, read_scene, write_scene


def by_place(gaussians):
    """Indices that sort Gaussians, whatever order a file holds them in."""
    return np.lexsort(gaussians.means_m.T)


def test_places_and_sizes_are_exact_and_the_rest_is_rounded_to_bytes(tmp_path):
    gaussians = make_gaussians(200, degree=0)
    write_scene(tmp_path / "scene.splat", gaussians)
    found = read_scene(tmp_path / "scene.splat")
    ours, theirs = by_place(gaussians), by_place(found)
    assert (found.means_m[theirs] == gaussians.means_m[ours]).all()
    assert (found.scales_m[theirs] == gaussians.scales_m[ours]).all()
    np.testing.assert_allclose(found.opacities[theirs], gaussians.opacities[ours], atol=0.0021)
    np.testing.assert_allclose(
        found.rotations_wxyz[theirs], gaussians.rotations_wxyz[ours], atol=0.012
    )
    colours = (0.5 + 0.2821 * gaussians.harmonics[ours, :, 0]).clip(0, 1)
    np.testing.assert_allclose(0.5 + 0.2821 * found.harmonics[theirs, :, 0], colours, atol=0.0025)


def test_the_bytes_are_those_that_viewers_expect(tmp_path):
    gaussians = make_gaussians(1, degree=2)
    write_scene(tmp_path / "scene.splat", gaussians)
    content = (tmp_path / "scene.splat").read_bytes()
    assert len(content) == 32
    np.testing.assert_array_equal(np.frombuffer(content[:12], "<f4"), gaussians.means_m[0])
    np.testing.assert_array_equal(np.frombuffer(content[12:24], "<f4"), gaussians.scales_m[0])
    assert content[27] == round(float(gaussians.opacities[0]) * 255)
    assert content[28] == round(float(gaussians.rotations_wxyz[0, 0]) * 128 + 128)


def test_the_large_and_opaque_ones_come_first(tmp_path):
    write_scene(tmp_path / "scene.splat", make_gaussians(100))
    found = read_scene(tmp_path / "scene.splat")
    importance = found.scales_m.astype(np.float64).prod(axis=1) * found.opacities
    assert importance[:20].min() > importance[-20:].max()


def test_a_file_cut_off_is_refused(tmp_path):
    path = tmp_path / "scene.splat"
    write_scene(path, make_gaussians(3))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SceneFileError, match="no multiple of 32"):
        read_scene(path)


def test_nan_is_refused(tmp_path):
    path = tmp_path / "scene.splat"
    path.write_bytes(b"\xff" * 32)
    with pytest.raises(SceneFileError, match="place of Gaussian 0"):
        read_scene(path)
