# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from helpers import make_pose
from rendering.scenes import CAMERA, random_scene, to_scene

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.rendering import (
    RenderingConfig,
    RenderingError,
    RenderingUnavailableError,
    binning,
    compositing,
    projection,
    render,
    unavailable_reason,
    warm_up,
)

GREEN = RenderingConfig(background_green=0.5)


def one_gaussian(**fields):
    """A round, white, opaque Gaussian 2 m ahead of the origin."""
    arrays = {
        "means_m": np.array([[0.0, 0.0, 2.0]], np.float32),
        "scales_m": np.full((1, 3), 0.1, np.float32),
        "rotations_wxyz": np.array([[1.0, 0.0, 0.0, 0.0]], np.float32),
        "opacities": np.array([0.9], np.float32),
        "harmonics": np.full((1, 3, 1), 0.5 / 0.28209479, np.float32),
    }
    return to_scene(arrays | fields)


def shift(scene, offset):
    return GaussianScene(
        means_m=scene.means_m + torch.tensor(offset),
        scales_m=scene.scales_m,
        rotations_wxyz=scene.rotations_wxyz,
        opacities=scene.opacities,
        harmonics=scene.harmonics,
    )


def test_a_gaussian_on_the_optical_axis_is_brightest_at_the_principal_point():
    camera = Camera(width_px=40, height_px=30, fx_px=30.0, fy_px=30.0, cx_px=12.0, cy_px=17.0)
    rendering = render(one_gaussian(), camera, np.eye(4))
    brightest = int(rendering.opacity.argmax())
    assert divmod(brightest, 40) == (17, 12)
    # There the Gaussian's own opacity is seen, and of its colour that share.
    assert rendering.opacity[17, 12] == pytest.approx(0.9, abs=1e-5)
    assert rendering.colour[17, 12].tolist() == pytest.approx([0.9] * 3, abs=1e-5)
    assert rendering.depth_m[17, 12] == pytest.approx(2.0, abs=1e-5)
    # Alike to all sides: a half pixel lost anywhere would show.
    np.testing.assert_allclose(rendering.opacity[17, 9], rendering.opacity[17, 15], atol=1e-6)
    np.testing.assert_allclose(rendering.opacity[14, 12], rendering.opacity[20, 12], atol=1e-6)


def test_the_nearer_gaussian_hides_the_farther_whatever_their_order():
    camera = Camera(width_px=40, height_px=30, fx_px=30.0, fy_px=30.0, cx_px=12.0, cy_px=17.0)
    near, far = one_gaussian(), shift(one_gaussian(), (0.0, 0.0, 1.0))
    for scenes in ([near, far], [far, near]):
        rendering = render(GaussianScene.concatenate(scenes), camera, np.eye(4))
        opacity = 0.9 + 0.1 * 0.9
        depth_m = (0.9 * 2.0 + 0.1 * 0.9 * 3.0) / opacity
        assert rendering.opacity[17, 12] == pytest.approx(opacity, abs=1e-5)
        assert rendering.depth_m[17, 12] == pytest.approx(depth_m, abs=1e-5)


def test_where_nothing_is_seen_there_is_background():
    rendering = render(one_gaussian(), CAMERA, make_pose(yaw_deg=180), GREEN)
    assert torch.equal(rendering.colour, torch.tensor([0.0, 0.5, 0.0]).expand(41, 56, 3))
    assert torch.isnan(rendering.depth_m).all()
    assert (rendering.opacity == 0).all()


def test_an_empty_scene_shows_the_background():
    scene = to_scene({name: array[:0] for name, array in random_scene().items()})
    rendering = render(scene, CAMERA, np.stack([np.eye(4)] * 2), GREEN)
    assert torch.equal(rendering.colour, torch.tensor([0.0, 0.5, 0.0]).expand(2, 41, 56, 3))
    assert torch.isnan(rendering.depth_m).all()
    assert (rendering.opacity == 0).all()


@pytest.mark.parametrize("cameras", [(), (1,), (2,), (2, 3), (0,)])
def test_pictures_have_the_axes_of_the_poses(cameras):
    poses = torch.eye(4).expand(*cameras, 4, 4)
    rendering = render(one_gaussian(), CAMERA, poses)
    assert rendering.colour.shape == (*cameras, 41, 56, 3)
    assert rendering.depth_m.shape == rendering.opacity.shape == (*cameras, 41, 56)


def test_each_camera_of_a_batch_sees_what_it_would_see_alone():
    scene = to_scene(random_scene())
    poses = np.stack([make_pose(0.2), make_pose(-0.3, 0.1, yaw_deg=20)])
    together = render(scene, CAMERA, poses)
    for i, pose in enumerate(poses):
        alone = render(scene, CAMERA, pose)
        assert torch.equal(together.colour[i], alone.colour)
        assert torch.equal(together.opacity[i], alone.opacity)


def test_the_number_of_threads_does_not_show(monkeypatch):
    scene = to_scene(random_scene(1000, seed=3))
    pictures = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda count=threads: count)
        pictures.append(render(scene, CAMERA, np.eye(4)).colour)
    assert torch.equal(pictures[0], pictures[1])
    assert torch.equal(pictures[0], pictures[2])


def test_the_size_of_batches_does_not_show(monkeypatch):
    scene = to_scene(random_scene(1000, seed=3, scale_m=0.3))
    whole = render(scene, CAMERA, np.eye(4))
    monkeypatch.setattr("depthsplat_ros.rendering.cpu.LISTED_PER_BATCH", 50)
    parts = render(scene, CAMERA, np.eye(4))
    assert torch.equal(whole.colour, parts.colour)
    assert torch.equal(whole.opacity, parts.opacity)


def test_opaque_layers_end_the_light_before_it_is_gone():
    scenes = [shift(one_gaussian(), (0.0, 0.0, 0.1 * i)) for i in range(50)]
    rendering = render(GaussianScene.concatenate(scenes), CAMERA, np.eye(4))
    light = 1 - rendering.opacity.min(), 1 - rendering.opacity.max()
    assert light[0] > light[1] > 1e-4


def test_gradients_are_left_behind():
    scene = one_gaussian()
    scene.means_m.requires_grad_(True)
    assert not render(scene, CAMERA, np.eye(4)).colour.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_taken(dtype):
    scene = one_gaussian()
    other = GaussianScene(
        **{name: getattr(scene, name).to(dtype) for name in GaussianScene.__dataclass_fields__}
    )
    error = render(other, CAMERA, np.eye(4)).colour - render(scene, CAMERA, np.eye(4)).colour
    assert error.abs().max() < 0.02


@pytest.mark.parametrize(
    "name", ["means_m", "scales_m", "rotations_wxyz", "opacities", "harmonics"]
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_gaussians_that_are_not_finite_are_an_error(name, value):
    arrays = random_scene()
    arrays[name][[0, 7]] = value
    with pytest.raises(RenderingError, match="2 of 300 Gaussians hold NaN or infinity"):
        render(to_scene(arrays), CAMERA, make_pose(z_m=-3.0))


def test_a_rotation_of_no_length_is_an_error():
    with pytest.raises(RenderingError, match="rotation of length 0"):
        render(one_gaussian(rotations_wxyz=np.zeros((1, 4), np.float32)), CAMERA, np.eye(4))


def test_a_pose_that_is_not_finite_is_an_error():
    pose = np.eye(4)
    pose[0, 3] = np.nan
    with pytest.raises(RenderingError, match="world_from_camera: pose must be a finite 4x4"):
        render(one_gaussian(), CAMERA, pose)


def test_a_pose_that_scales_is_an_error():
    with pytest.raises(RenderingError, match="not orthonormal"):
        render(one_gaussian(), CAMERA, np.diag([2.0, 2.0, 2.0, 1.0]))


def test_too_many_pixels_are_an_error_and_take_no_memory():
    camera = Camera(
        width_px=100_000, height_px=100_000, fx_px=1e5, fy_px=1e5, cx_px=5e4, cy_px=5e4
    )
    with pytest.raises(RenderingError, match="1 x 100000 x 100000 px are 10000000000 pixels"):
        render(one_gaussian(), camera, np.eye(4))


def test_the_limit_of_pixels_counts_all_cameras():
    config = RenderingConfig(maximum_pixels=2 * 56 * 41)
    render(one_gaussian(), CAMERA, np.stack([np.eye(4)] * 2), config)
    with pytest.raises(RenderingError, match="3 x 56 x 41 px"):
        render(one_gaussian(), CAMERA, np.stack([np.eye(4)] * 3), config)


def test_a_scene_with_batch_axes_is_an_error():
    scene = GaussianScene(
        **{
            name: getattr(one_gaussian(), name)[None]
            for name in GaussianScene.__dataclass_fields__
        }
    )
    with pytest.raises(RenderingError, match=r"batch axes \(1,\)"):
        render(scene, CAMERA, np.eye(4))


def test_harmonics_of_no_whole_degree_are_an_error():
    with pytest.raises(RenderingError, match="7 harmonics per colour"):
        render(one_gaussian(harmonics=np.zeros((1, 3, 7), np.float32)), CAMERA, np.eye(4))


def test_nothing_renders_on_a_device_without_a_rasteriser():
    assert "move the scene to the CPU" in unavailable_reason("meta")
    with pytest.raises(RenderingUnavailableError, match="nothing renders on meta"):
        warm_up("meta")
    assert unavailable_reason("cpu") is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_cuda_device_the_remedy_is_named():
    assert unavailable_reason("cuda") == "torch finds no CUDA device: render on the CPU"


def test_after_the_warm_up_nothing_is_compiled():
    kernels = [
        projection.project,
        binning.sort_by_depth,
        binning.end_of_batch,
        binning.count_in_tiles,
        binning.start_lists,
        binning.fill_lists,
        compositing.clear_tiles,
        compositing.composite_tiles,
        compositing.join_tiles,
    ]
    warm_up("cpu")
    before = [len(kernel.signatures) for kernel in kernels]
    for degree in range(5):
        arrays = random_scene(degree=degree)
        render(to_scene(arrays), CAMERA, np.eye(4), RenderingConfig(antialiased=True))
        arrays["means_m"] = arrays["means_m"].astype(np.float64)
        render(to_scene(arrays), CAMERA, torch.eye(4)[None], GREEN)
    assert [len(kernel.signatures) for kernel in kernels] == before
    assert all(before)
