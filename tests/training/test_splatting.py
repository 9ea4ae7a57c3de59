# SPDX-License-Identifier: Apache-2.0
"""The differentiable twin draws what the package's rasteriser draws; gsplat is held against both
on a GPU."""

from dataclasses import fields, replace

import pytest
import torch

from depthsplat_ros.model.gaussian_scene import GaussianScene
from training.splatting import splat

HEIGHT, WIDTH, BATCH = 24, 32, 2
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


def make_scene(count=150, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape, low=0.0, high=1.0):
        return low + (high - low) * torch.rand((BATCH, count, *shape), generator=generator)

    spread = torch.tensor([2.0, 1.5, 2.0])
    return GaussianScene(
        means_m=(uniform(3) - 0.5) * spread + torch.tensor([0.0, 0.0, 3.0]),
        scales_m=uniform(3, low=0.005, high=0.15),
        rotations_wxyz=torch.nn.functional.normalize(uniform(4) - 0.5, dim=-1),
        opacities=uniform(low=0.05, high=0.99),
        harmonics=3 * (uniform(3, 1) - 0.5),
    )


def make_cameras():
    intrinsics = torch.tensor([[0.9, 0.0, 0.47], [0.0, 1.2, 0.53], [0.0, 0.0, 1.0]])
    poses = torch.eye(4).repeat(BATCH, 2, 1, 1)
    angle = torch.tensor(0.2)
    poses[:, 1, 0, 0] = poses[:, 1, 2, 2] = angle.cos()
    poses[:, 1, 0, 2], poses[:, 1, 2, 0] = angle.sin(), -angle.sin()
    poses[:, 1, :3, 3] = torch.tensor([-0.4, 0.1, 0.2])
    return intrinsics.repeat(BATCH, 2, 1, 1), poses


def draw(scene, background=None, device="cpu"):
    background = torch.zeros(BATCH, 3) if background is None else background
    moved = GaussianScene(
        **{field.name: getattr(scene, field.name).to(device) for field in fields(scene)}
    )
    cameras = (values.to(moved.means_m) for values in make_cameras())
    return splat(moved, *cameras, background.to(moved.means_m), height=HEIGHT, width=WIDTH)


@pytest.mark.parametrize("device", DEVICES)
def test_pictures_with_gradients_are_those_without(device):
    background = torch.rand(BATCH, 3, generator=torch.Generator().manual_seed(1))
    twin = draw(make_scene(), background, device)
    with torch.no_grad():
        expected = draw(make_scene(), background)
    assert 0.3 < expected.opacity.mean() < 0.99
    # Where a Gaussian ends, at an alpha of 1/255, rounding decides.
    for found, wanted in ((twin.colour, expected.colour), (twin.opacity, expected.opacity)):
        difference = (found.cpu() - wanted).abs()
        assert difference.max() < 1.2e-2 and difference.mean() < 2e-4


def test_where_nothing_is_the_background_is_seen():
    scene = make_scene()
    behind = replace(scene, means_m=-scene.means_m)
    background = torch.tensor([[0.1, 0.2, 0.3], [0.6, 0.5, 0.4]])
    found = draw(behind, background)
    assert (found.opacity == 0).all()
    expected = background[:, None, :, None, None].expand_as(found.colour)
    torch.testing.assert_close(found.colour, expected)


def test_gradients_are_the_slopes_of_the_pictures():
    """Along a random direction, against the difference of two pictures."""
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(BATCH, 2, 3, HEIGHT, WIDTH, generator=generator).double()
    scene = make_scene(40)
    scene = GaussianScene(
        **{field.name: getattr(scene, field.name).double() for field in fields(scene)}
    )
    for field in fields(GaussianScene):
        values = getattr(scene, field.name)
        direction = 1e-7 * torch.randn(values.shape, generator=generator).double()

        def weighted(changed, name=field.name):
            return (draw(replace(scene, **{name: changed})).colour * weights).sum()

        (gradient,) = torch.autograd.grad(weighted(leaf := values.requires_grad_()), leaf)
        difference = weighted(values + direction) - weighted(values - direction)
        slope = 2 * (gradient * direction).sum()
        torch.testing.assert_close(difference, slope, rtol=1e-3, atol=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gradients_of_gsplat_are_those_of_the_twin():
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(BATCH, 2, 3, HEIGHT, WIDTH, generator=generator)
    scene = make_scene()
    leaves = [getattr(scene, field.name).requires_grad_() for field in fields(scene)]
    expected, found = (
        torch.autograd.grad((draw(scene, device=device).colour.cpu() * weights).sum(), leaves)
        for device in ("cpu", "cuda")
    )
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() < 0.02 * other.norm()
