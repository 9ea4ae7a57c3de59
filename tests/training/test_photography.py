# SPDX-License-Identifier: Apache-2.0
import torch

from training.photography import photograph, shake_poses


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def radiance(scale=1.0):
    return scale * torch.rand((4, 3, 3, 32, 48), generator=generator(5))


def test_images_have_eight_bits_and_depend_on_the_seed_alone():
    image = photograph(radiance(), generator())
    assert image.min() >= 0 and image.max() <= 1
    torch.testing.assert_close(image * 255, (image * 255).round(), atol=1e-4, rtol=0)
    assert torch.equal(image, photograph(radiance(), generator()))
    assert not torch.equal(image, photograph(radiance(), generator(1)))


def test_exposure_follows_the_light_of_the_scene():
    dim, bright = (photograph(radiance(scale), generator()) for scale in (0.01, 100.0))
    assert (dim - bright).abs().mean() < 0.02
    assert 0.2 < dim.mean() < 0.8


def test_views_of_a_window_are_exposed_differently_now_and_then():
    same = radiance()[:, :1].expand(-1, 3, -1, -1, -1)
    means = photograph(same, generator(3)).mean((2, 3, 4))
    spread = means.amax(1) - means.amin(1)
    assert (spread > 0.02).any() and (spread < 0.25).all()


def test_shaken_poses_stay_rigid_and_within_a_tracker_s_errors():
    poses = torch.eye(4).repeat(200, 3, 1, 1)
    shaken = shake_poses(poses, torch.full((200,), 10.0), generator())
    rotation = shaken[..., :3, :3]
    torch.testing.assert_close(rotation @ rotation.mT, poses[..., :3, :3], atol=1e-5, rtol=0)
    shift_m = shaken[..., :3, 3].norm(dim=-1)
    assert 1e-3 < shift_m.mean() < 5e-3
    angle_deg = torch.rad2deg(
        ((rotation.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1).acos()
    )
    assert 0.01 < angle_deg.mean() < 0.3


def test_shift_is_small_against_a_small_baseline():
    poses = torch.eye(4).repeat(200, 2, 1, 1)
    shaken = shake_poses(poses, torch.full((200,), 0.01), generator())
    assert shaken[..., :3, 3].norm(dim=-1).max() < 0.01 * 0.04 * 5
