# SPDX-License-Identifier: Apache-2.0
"""The mask of merged Gaussians says what the node's scene map does."""

import numpy as np
import torch
from helpers import SMALL_CAMERA, make_pose

from depthsplat_ros.model.types import Views
from depthsplat_ros.streaming.gaussians_from_depth import gaussians_from_depth
from depthsplat_ros.streaming.observation import DepthMap, Observation
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.streaming.scene_map import empty_scene
from training.merging import kept_after_merging

HEIGHT, WIDTH = SMALL_CAMERA.height_px, SMALL_CAMERA.width_px
PIXELS = HEIGHT * WIDTH
NUMBERS = torch.arange(PIXELS).reshape(HEIGHT, WIDTH)


def kept(depths, confidences, poses, minimum=0.0):
    """Per view, which pixels' Gaussians are still there."""
    count = len(depths)
    intrinsics = torch.from_numpy(SMALL_CAMERA.normalised()).float().repeat(1, count, 1, 1)
    views = Views(
        images=torch.zeros(1, count, 3, HEIGHT, WIDTH),
        intrinsics=intrinsics,
        world_from_camera=torch.from_numpy(np.stack(poses)).float()[None],
        near_m=torch.full((1, count), 0.1),
        far_m=torch.full((1, count), 100.0),
    )
    mask = kept_after_merging(
        torch.stack(depths)[None], torch.stack(confidences)[None], views, minimum
    )
    return mask.view(count, HEIGHT, WIDTH)


def kept_by_the_scene_map(depths, confidences, poses, minimum):
    """The same from the node's own code; the colours of the Gaussians tell where they are from."""
    scene = empty_scene(torch.device("cpu"), 1, np.zeros(3))
    for view, (depth_m, confidence, pose) in enumerate(
        zip(depths, confidences, poses, strict=True)
    ):
        gaussians = gaussians_from_depth(
            depth_m, confidence, torch.zeros(3, HEIGHT, WIDTH), SMALL_CAMERA, pose
        )
        gaussians.harmonics[:, 0, 0] = (view * PIXELS + NUMBERS.reshape(-1)).float()
        is_measured = confidence >= minimum
        seen = Observation(
            depth=DepthMap(
                depth_m=depth_m.where(is_measured, torch.nan),
                camera=SMALL_CAMERA,
                world_from_camera=pose,
            ),
            confidence=confidence.where(is_measured, 0),
            gaussians=gaussians,
        )
        scene = scene.merged_with(seen, SceneConfig(scene_maximum_gaussians=10**6))
    mask = torch.zeros(len(depths) * PIXELS, dtype=torch.bool)
    mask[scene.gaussians.harmonics[:, 0, 0].long()] = True
    return mask.view(len(depths), HEIGHT, WIDTH)


def plane(distance_m):
    return torch.full((HEIGHT, WIDTH), distance_m)


def sure(value=0.9):
    return torch.full((HEIGHT, WIDTH), value)


def test_a_view_replaces_what_the_one_before_saw_at_the_same_depth():
    first, second = kept([plane(3.0)] * 2, [sure()] * 2, [np.eye(4)] * 2)
    assert not first.any() and second.all()


def test_what_was_seen_from_much_nearer_stays():
    back = make_pose(z_m=-3.0)
    first, second = kept([plane(3.0), plane(6.0)], [sure()] * 2, [np.eye(4), back])
    assert first.all()
    # All but what surrounds the first view's image.
    assert not second[HEIGHT // 2, WIDTH // 2] and second[0, 0]


def test_what_is_seen_through_goes_and_what_hides_a_surface_is_not_added():
    wrong = plane(3.0)
    wrong[10:20, 10:20] = 1.0
    first, _ = kept([wrong, plane(3.0)], [sure()] * 2, [np.eye(4)] * 2)
    assert not first.any()
    first, second = kept([plane(3.0), wrong], [sure()] * 2, [np.eye(4)] * 2)
    assert first[10:20, 10:20].all() and not second[10:20, 10:20].any()


def test_guesses_fill_gaps_alone():
    doubtful = sure()
    doubtful[:, :20] = 0.05
    first, second = kept([plane(3.0)] * 2, [sure(), doubtful], [np.eye(4)] * 2, 0.2)
    assert first[:, :20].all() and not second[:, :20].any()
    first, second = kept([plane(3.0)] * 2, [doubtful, sure()], [np.eye(4)] * 2, 0.2)
    assert not first.any() and second.all()


def test_the_mask_is_what_the_node_s_scene_map_keeps():
    generator = torch.Generator().manual_seed(0)
    poses = [
        make_pose(0.15 * view, 0.05 * view, -0.3 * view, yaw_deg=4.0 * view) for view in range(4)
    ]
    depths, confidences = [], []
    for _ in poses:
        noise = 1 + 0.04 * torch.randn(HEIGHT, WIDTH, generator=generator)
        depth_m = (3.0 + 0.5 * (NUMBERS % WIDTH > WIDTH // 2)) * noise
        depth_m[:6] *= 0.4
        depths.append(depth_m)
        confidences.append(torch.rand(HEIGHT, WIDTH, generator=generator))
    found = kept(depths, confidences, poses, 0.2)
    expected = kept_by_the_scene_map(depths, confidences, poses, 0.2)
    assert 0.2 < expected.float().mean() < 0.9
    # The scene map also moves what it merges, by less than the noise.
    alike = (found == expected).float().mean((1, 2))
    assert alike.min() > 0.98, alike
