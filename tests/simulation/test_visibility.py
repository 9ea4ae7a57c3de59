# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.solids import box, cylinder, ellipsoid, placement
from depthsplat_ros.simulation.visibility import (
    NOTHING,
    Shapes,
    find_blocked,
    trace_grid,
    trace_rays,
)

GREY = finishes.plain("#808080")
AT_ORIGIN = np.eye(4)
STRAIGHT_AHEAD = torch.tensor([[0.0], [0.0], [1.0]])
ORIGIN = torch.zeros(3, 1)


def first_hit(solid, direction=STRAIGHT_AHEAD, origin=ORIGIN):
    parameter, index = trace_rays(Shapes.of([solid]), origin, direction)
    return float(parameter[0]), int(index[0])


def lines(count=41, spread=0.8):
    return torch.linspace(-spread, spread, count)


@pytest.mark.parametrize(
    ("solid", "depth_m"),
    [
        (box((1, 1, 1), GREY, placement(z_m=3.0)), 2.5),
        # Turned by 45 degrees an edge comes first: half a diagonal.
        (box((1, 1, 1), GREY, placement(z_m=3.0, pitch=np.pi / 4)), 3 - np.sqrt(0.5)),
        (ellipsoid((0.5, 0.5, 0.5), GREY, placement(z_m=3.0)), 2.5),
        (ellipsoid((0.5, 0.5, 1.5), GREY, placement(z_m=3.0)), 1.5),
        (cylinder(0.5, 2.0, GREY, placement(z_m=3.0)), 2.0),
        (cylinder(0.5, 2.0, GREY, placement(z_m=3.0, pitch=np.pi / 2)), 2.5),
    ],
)
def test_ray_enters_a_solid_where_geometry_says(solid, depth_m):
    assert first_hit(solid) == (pytest.approx(depth_m, abs=1e-6), 0)


@pytest.mark.parametrize(
    "solid",
    [
        box((1, 1, 1), GREY, placement(x_m=2.0, z_m=3.0)),
        ellipsoid((0.5, 0.5, 0.5), GREY, placement(y_m=0.6, z_m=3.0)),
        # The ray runs along the axis, beside the cylinder, in either direction of offset.
        cylinder(0.5, 2.0, GREY, placement(x_m=0.6, z_m=3.0)),
        cylinder(0.5, 2.0, GREY, placement(x_m=-0.6, z_m=3.0)),
        cylinder(0.5, 2.0, GREY, placement(y_m=0.6, z_m=3.0)),
        # Behind, and around the origin.
        box((1, 1, 1), GREY, placement(z_m=-3.0)),
        box((1, 1, 1), GREY, placement()),
    ],
)
def test_ray_misses_what_is_beside_behind_or_around_it(solid):
    assert first_hit(solid) == (np.inf, NOTHING)


def test_tiny_ball_far_away_is_hit_precisely():
    ball = ellipsoid((0.005, 0.005, 0.005), GREY, placement(x_m=0.003, z_m=8.0))
    parameter, _ = first_hit(ball)
    assert parameter == pytest.approx(8 - 0.004, abs=2e-5)


def test_slanted_plane_has_the_depth_of_its_equation():
    tilt = 0.5
    slab = box((16, 16, 0.2), GREY, placement(z_m=4.0, pitch=tilt))
    x, y = lines(), lines()
    depth, index = trace_grid(Shapes.of([slab]), AT_ORIGIN, x, y)
    assert (index == 0).all()
    normal = slab.world_from_solid[:3, 2]
    distance = normal @ np.array([0, 0, 4.0]) - 0.1
    rays = torch.stack(torch.meshgrid(x, y, indexing="xy") + (torch.ones(41, 41),), dim=-1)
    expected = distance / (rays.double().numpy() @ normal)
    np.testing.assert_allclose(depth.numpy(), expected, rtol=2e-6)


def scatter(count=40):
    """Solids of all kinds in all directions, some around the camera's near plane."""
    rng = np.random.default_rng(1)
    solids = []
    for number in range(count):
        at = placement(*rng.uniform(-2.5, 2.5, 3), *rng.uniform(-3, 3, 3))
        size = tuple(rng.uniform(0.1, 1.2, 3))
        if number % 3 == 0:
            solids.append(box(size, GREY, at))
        elif number % 3 == 1:
            solids.append(ellipsoid(size, GREY, at))
        else:
            solids.append(cylinder(size[0], size[1], GREY, at))
    return solids


def test_pictures_rays_and_single_rays_agree():
    shapes = Shapes.of(scatter())
    x, y = lines(61, 1.2), lines(47, 0.9)
    for yaw in (0.0, 1.3, 2.9):
        camera = placement(0.1, -0.2, 0.3, yaw, 0.4, -0.7)
        depth, index = trace_grid(shapes, camera, x, y)
        in_camera = torch.stack(torch.meshgrid(x, y, indexing="xy") + (torch.ones(47, 61),))
        rays = torch.from_numpy(camera[:3, :3]).float() @ in_camera.reshape(3, -1)
        origins = torch.from_numpy(camera[:3, 3]).float()[:, None].expand(3, rays.shape[1])
        parameter, hit = trace_rays(shapes, origins, rays)
        assert 0.3 < (hit != NOTHING).float().mean() < 1
        # Rounding decides at silhouettes alone.
        same = hit == index.reshape(-1)
        assert same.float().mean() > 0.995
        torch.testing.assert_close(depth.reshape(-1)[same], parameter[same], rtol=1e-4, atol=1e-4)


def test_order_of_the_solids_does_not_matter():
    solids = scatter()
    depth, index = trace_grid(Shapes.of(solids), AT_ORIGIN, lines(), lines())
    reverse, reverse_index = trace_grid(Shapes.of(solids[::-1]), AT_ORIGIN, lines(), lines())
    assert torch.equal(depth, reverse)
    seen = index != NOTHING
    assert torch.equal(index[seen], len(solids) - 1 - reverse_index[seen])


@pytest.mark.parametrize(
    ("end_z_m", "is_blocked"), [(1.0, False), (2.5, True), (5.0, True), (2.0, False)]
)
def test_segment_is_blocked_by_what_lies_between_its_ends(end_z_m, is_blocked):
    wall = box((1, 1, 1), GREY, placement(z_m=2.5))
    target = torch.tensor([[0.0], [0.0], [end_z_m]])
    assert find_blocked(Shapes.of([wall]), 0, ORIGIN, target).tolist() == [is_blocked]


def test_segment_that_starts_inside_a_solid_is_blocked():
    around = box((1, 1, 1), GREY, placement())
    assert find_blocked(Shapes.of([around]), 0, ORIGIN, STRAIGHT_AHEAD * 3).tolist() == [True]
