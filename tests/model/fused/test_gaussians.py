# SPDX-License-Identifier: Apache-2.0
from dataclasses import fields

import torch
from model.tiny import window

from depthsplat_ros.model.fused.gaussians import write_gaussians
from depthsplat_ros.model.gaussian_head import gaussians_in_world
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.harmonics import world_viewer_matrix
from depthsplat_ros.model.matrices import invert_3x3
from depthsplat_ros.model.quaternions import quaternion_from_rotation

HEIGHT, WIDTH, VIEWS, BATCH = 10, 14, 3, 2
SCALE_LIMIT = 0.5


def test_gaussians_written_a_few_views_at_a_time_are_those_of_the_twin_in_pytorch(device):
    views = window(VIEWS, height=HEIGHT, width=WIDTH, batch=BATCH)
    images, intrinsics, pose = (
        values.to(device) for values in (views.images, views.intrinsics, views.world_from_camera)
    )
    generator = torch.Generator().manual_seed(0)
    raw = 3 * torch.randn(BATCH, VIEWS, 37, HEIGHT, WIDTH, generator=generator).to(device)
    depth_m = 1 + torch.rand(BATCH, VIEWS, HEIGHT, WIDTH, generator=generator).to(device)
    expected = gaussians_in_world(raw, images, depth_m, intrinsics, pose, SCALE_LIMIT)

    scene = GaussianScene.allocate(BATCH, VIEWS * HEIGHT * WIDTH, 9, device)
    rotation = pose[..., :3, :3]
    matrix = rotation @ invert_3x3(intrinsics)
    for part in (slice(0, 2), slice(2, 3)):
        write_gaussians(
            scene,
            part.start,
            raw[:, part],
            images[:, part],
            depth_m[:, part],
            matrix[:, part],
            pose[:, part, :3, 3],
            quaternion_from_rotation(rotation[:, part]),
            world_viewer_matrix(pose[:, part]),
            SCALE_LIMIT,
        )
    for field in fields(GaussianScene):
        torch.testing.assert_close(
            getattr(scene, field.name), getattr(expected, field.name), rtol=1e-4, atol=1e-4
        )
