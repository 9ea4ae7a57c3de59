# SPDX-License-Identifier: Apache-2.0
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import SECOND_NS, SMALL_CAMERA, WallPredictor, make_frame, make_pose

from depthsplat_ros.frame import Frame
from depthsplat_ros.model.gaussian_head import gaussians_in_world
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.types import GaussianPrediction
from depthsplat_ros.rendering import RenderingConfig, RenderingError
from depthsplat_ros.scene_files import SceneFileError, read_scene
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor
from depthsplat_ros.streaming.scene import (
    EmptySceneError,
    Scene,
    SceneUpdate,
    render_view,
    tensors_of,
)
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.streaming.scene_map import SceneMap

SIZE = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)
WALL_M = 3.0
TURNED = make_pose(x_m=0.3, y_m=-0.2, z_m=0.1, yaw_deg=70.0)


def colourful_image(seed=0):
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def add(scene, world_from_camera=None, *, depth_m=WALL_M, stamp_ns=1, gaussians=None, epoch=None):
    depth = np.full(SIZE, depth_m, np.float32)
    scene.add(
        SceneUpdate(
            frame=make_frame(
                stamp_ns=stamp_ns, image=colourful_image(), world_from_camera=world_from_camera
            ),
            depth_m=depth,
            confidence=np.full(SIZE, 0.9, np.float32),
            dense_depth_m=depth,
            gaussians=gaussians,
            epoch=scene.epoch if epoch is None else epoch,
        )
    )


@pytest.fixture
def scene():
    return Scene(SceneConfig(), torch.device("cpu"))


def psnr(a, b):
    difference = a.astype(np.float64) - b.astype(np.float64)
    return 10 * np.log10(255.0**2 / max(np.square(difference).mean(), 1e-9))


def network_gaussians(world_from_camera):
    """What a network may say: half transparent, shiny, and turned in all directions."""
    random = torch.Generator().manual_seed(1)
    raw = torch.randn((1, 1, 37, *SIZE), generator=random)
    raw[:, :, 3:6] *= 1.5
    raw[:, :, 10:] *= 10
    camera_at_origin = torch.from_numpy(world_from_camera).float()
    camera_at_origin[:3, 3] = 0
    gaussians = gaussians_in_world(
        raw,
        torch.rand((1, 1, 3, *SIZE), generator=random),
        # No two at one depth: which of them is in front would be chance.
        2 + 2 * torch.rand((1, 1, *SIZE), generator=random),
        torch.from_numpy(SMALL_CAMERA.normalised()).float()[None, None],
        camera_at_origin[None, None],
        0.3,
    )
    return GaussianScene(
        means_m=gaussians.means_m[0],
        scales_m=gaussians.scales_m[0],
        rotations_wxyz=gaussians.rotations_wxyz[0],
        opacities=gaussians.opacities[0],
        harmonics=gaussians.harmonics[0],
    )


def test_an_empty_scene_shows_the_background_and_cannot_be_saved(scene, tmp_path):
    view = scene.render(SMALL_CAMERA, np.eye(4), RenderingConfig(background_green=1.0))
    assert (view.colour == [0, 255, 0]).all()
    assert np.isnan(view.depth_m).all()
    assert (view.opacity == 0).all()
    assert len(scene) == len(scene.snapshot()) == scene.memory_bytes == 0
    assert scene.stamp_ns is None
    with pytest.raises(EmptySceneError, match="no Gaussians yet"):
        scene.save(tmp_path / "scene.ply")
    assert list(tmp_path.iterdir()) == []


def test_what_was_added_is_seen_from_there(scene):
    add(scene, TURNED)
    view = scene.render(SMALL_CAMERA, TURNED)
    assert view.colour.dtype == np.uint8
    assert view.depth_m.dtype == view.opacity.dtype == np.float32
    inner = (slice(4, -4), slice(4, -4))
    assert psnr(view.colour[inner], colourful_image()[inner]) > 18
    np.testing.assert_allclose(view.depth_m[inner], WALL_M, rtol=0.01)
    assert view.opacity[inner].min() > 0.95


def test_in_map_coordinates_the_picture_is_the_same(scene):
    far = Scene(SceneConfig(), torch.device("cpu"))
    offset_m = np.array([432_198.6, 5_432_109.8, 431.2])
    poses = [make_pose(x_m=0.05 * step, yaw_deg=70.0) for step in range(3)]
    moved = [pose.copy() for pose in poses]
    for pose, there in zip(poses, moved, strict=True):
        there[:3, 3] += offset_m
        add(scene, pose)
        add(far, there)
    here, there = scene.render(SMALL_CAMERA, poses[1]), far.render(SMALL_CAMERA, moved[1])
    assert psnr(here.colour, there.colour) > 50
    np.testing.assert_allclose(here.depth_m, there.depth_m, rtol=1e-3)


def test_every_change_has_a_new_version(scene):
    versions = [scene.version]
    add(scene, stamp_ns=5)
    versions.append(scene.version)
    assert scene.stamp_ns == 5
    add(scene, stamp_ns=6)
    versions.append(scene.version)
    scene.clear()
    versions.append(scene.version)
    assert versions == sorted(set(versions))
    assert len(scene) == 0


def test_a_snapshot_is_not_changed_by_what_comes_later(scene):
    add(scene)
    snapshot = scene.snapshot()
    means_m, opacities = snapshot.means_m.copy(), snapshot.opacities.copy()
    add(scene, make_pose(x_m=0.1), depth_m=3.1)
    np.testing.assert_array_equal(snapshot.means_m, means_m)
    np.testing.assert_array_equal(snapshot.opacities, opacities)


def test_a_limited_snapshot_holds_what_was_seen_last(scene):
    add(scene)
    add(scene, make_pose(x_m=30.0))
    snapshot = scene.snapshot(100)
    assert len(snapshot) == 100
    assert (snapshot.means_m + snapshot.origin_m)[:, 0].min() > 25
    assert len(scene.snapshot(10**9)) == len(scene)


def test_readers_see_whole_scenes_while_keyframes_are_merged(scene):
    add(scene)
    is_over = threading.Event()
    problems = []

    def look():
        while not is_over.is_set():
            snapshot = scene.snapshot()
            counts = {
                len(values)
                for values in (snapshot.means_m, snapshot.opacities, snapshot.harmonics)
            }
            if len(counts) != 1 or not np.isfinite(snapshot.means_m).all():
                problems.append(counts)

    reader = threading.Thread(target=look)
    reader.start()
    for step in range(20):
        add(scene, make_pose(x_m=0.2 * step))
        if step == 10:
            scene.clear()
    is_over.set()
    reader.join()
    assert problems == []


def test_what_is_cleared_while_a_keyframe_is_merged_stays_cleared(scene, monkeypatch):
    add(scene)
    before = scene._state
    scene.clear()
    scene._replace(before, before.map, 7)
    assert len(scene) == 0


@pytest.mark.parametrize("world_from_camera", [np.eye(4), TURNED], ids=["straight", "turned"])
def test_a_saved_scene_looks_the_same_when_it_is_read_back(scene, tmp_path, world_from_camera):
    add(scene, world_from_camera, gaussians=network_gaussians(world_from_camera))
    before = scene.render(SMALL_CAMERA, world_from_camera)
    assert scene.save(tmp_path / "scene.ply") == len(scene)
    read = read_scene(tmp_path / "scene.ply")
    after = render_view(
        tensors_of(read, torch.device("cpu")), read.origin_m, SMALL_CAMERA, world_from_camera, None
    )
    assert psnr(before.colour, after.colour) >= 50
    assert before.colour.std() > 20


def mistaken(gaussians, mistake, world_from_camera):
    """The Gaussians as a program with a common mistake would hand them on."""
    straight = network_gaussians(np.eye(4))
    if mistake == "xyzw":
        return replace(gaussians, rotations_wxyz=gaussians.rotations_wxyz[:, [1, 2, 3, 0]])
    if mistake == "camera's frame":
        return replace(gaussians, rotations_wxyz=straight.rotations_wxyz)
    if mistake == "unrotated harmonics":
        return replace(gaussians, harmonics=straight.harmonics)
    assert mistake == "none"
    return gaussians


@pytest.mark.parametrize("mistake", ["none", "xyzw", "camera's frame", "unrotated harmonics"])
def test_a_turned_camera_sees_of_its_gaussians_what_a_straight_one_sees(mistake):
    """So it is only while quaternions and harmonics are in the world's axes and order."""
    pictures = []
    for pose, error in ((np.eye(4), "none"), (TURNED, mistake)):
        scene = Scene(SceneConfig(), torch.device("cpu"))
        add(scene, pose, gaussians=mistaken(network_gaussians(pose), error, pose))
        pictures.append(scene.render(SMALL_CAMERA, pose).colour)
    if mistake == "none":
        assert psnr(*pictures) >= 50
    else:
        assert psnr(*pictures) < 40


def test_what_cannot_be_rendered_or_written_is_an_error(scene, tmp_path):
    add(scene)
    with pytest.raises(RenderingError):
        scene.render(SMALL_CAMERA, np.full((4, 4), np.nan))
    with pytest.raises(SceneFileError, match=r"\.ply or \.splat"):
        scene.save(tmp_path / "scene.xyz")


class PaintingPredictor(WallPredictor):
    """Knows the wall, and paints it itself."""

    gives_gaussians = True

    def predict_gaussians(self, views, features, reference):
        painted = network_gaussians(views.world_from_camera[0, reference].double().numpy())
        return GaussianPrediction(
            depth=self.predict(views, features, reference),
            gaussians=GaussianScene(
                means_m=painted.means_m[None],
                scales_m=painted.scales_m[None],
                rotations_wxyz=painted.rotations_wxyz[None],
                opacities=painted.opacities[None],
                harmonics=painted.harmonics[None],
            ),
        )


def walk(reconstructor, count, *, step_m=0.2, start=0, **arguments):
    for index in range(start, start + count):
        reconstructor.push(
            Frame(
                stamp_ns=(10 + index) * SECOND_NS // 5,
                image=colourful_image(),
                camera=SMALL_CAMERA,
                world_from_camera=make_pose(step_m * index),
            ),
            **arguments,
        )


def reconstruct(predictor=None, scene=None):
    return StreamingReconstructor(
        predictor or WallPredictor(WALL_M), StreamingConfig(), scene=scene
    )


def test_without_settings_there_is_no_scene():
    assert reconstruct().scene is None


def test_what_was_seen_before_the_scene_was_cleared_is_not_added(scene):
    epoch = scene.epoch
    add(scene)
    scene.clear()
    add(scene, epoch=epoch)
    assert len(scene) == 0
    add(scene)
    assert len(scene) > 0


def test_depth_becomes_a_scene():
    reconstructor = reconstruct(scene=SceneConfig())
    walk(reconstructor, 4)
    assert len(reconstructor.scene) > SIZE[0] * SIZE[1]
    assert reconstructor.scene.snapshot().harmonics.shape[-1] == 1
    assert reconstructor.scene.stamp_ns == 13 * SECOND_NS // 5


def test_a_predictors_own_gaussians_are_taken():
    reconstructor = reconstruct(PaintingPredictor(WALL_M), SceneConfig())
    walk(reconstructor, 4)
    assert reconstructor.scene.snapshot().harmonics.shape[-1] == 9


def test_a_predictor_is_not_asked_for_gaussians_that_nobody_wants():
    predictor = PaintingPredictor(WALL_M)
    predictor.predict_gaussians = None
    walk(reconstruct(predictor), 4)
    unwanted = reconstruct(predictor, SceneConfig())
    walk(unwanted, 4, is_scene_wanted=False)
    assert len(unwanted.scene) == 0


def test_the_scene_outlives_a_reset_but_not_a_jump_of_the_world():
    reconstructor = reconstruct(scene=SceneConfig())
    walk(reconstructor, 4)
    reconstructor.reset()
    assert len(reconstructor.scene) > 0
    walk(reconstructor, 2, start=10)
    assert len(reconstructor.scene) > 0
    walk(reconstructor, 1, start=12, step_m=100.0)
    assert len(reconstructor.scene) == 0


def test_where_memory_ends_half_of_the_scene_is_forgotten(scene, monkeypatch, caplog):
    add(scene)
    count = len(scene)

    def fail(*_):
        raise torch.OutOfMemoryError("full")

    with monkeypatch.context() as patch:
        patch.setattr(SceneMap, "merged_with", fail)
        add(scene, make_pose(x_m=0.1))
    assert len(scene) == count // 2
    assert "lower scene_maximum_gaussians" in caplog.text
    add(scene, make_pose(x_m=0.2))
    assert len(scene) == count // 2


def test_settings_take_effect_with_the_next_keyframe():
    reconstructor = reconstruct(scene=SceneConfig())
    walk(reconstructor, 4)
    reconstructor.scene.config = SceneConfig(scene_maximum_gaussians=1000)
    walk(reconstructor, 1, start=4)
    assert len(reconstructor.scene) == 1000
