# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.camera import Camera
from depthsplat_ros.fusion import (
    CloudFusion,
    ColouredCloud,
    DepthView,
    FusionConfig,
    fuse_depth,
    is_grazing,
)

CAMERA = Camera(width_px=64, height_px=48, fx_px=60.0, fy_px=60.0, cx_px=31.5, cy_px=23.5)
WALL_M = 2.0


def wall_view(
    x_m: float, *, origin_m: tuple[float, float, float] = (0, 0, 0), depth_m: float = WALL_M
) -> DepthView:
    """A camera `x_m` to the right, looking straight at a wall; red left of the world's x = 0."""
    world_from_camera = np.eye(4)
    world_from_camera[:3, 3] = np.array(origin_m) + (x_m, 0, 0)
    columns = np.arange(CAMERA.width_px)
    world_x_m = (columns - CAMERA.cx_px) / CAMERA.fx_px * WALL_M + x_m
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, world_x_m < 0] = (200, 0, 0)
    image[:, world_x_m >= 0] = (0, 0, 100)
    return DepthView(
        depth_m=np.full((48, 64), depth_m, np.float32),
        confidence=np.ones((48, 64), np.float32),
        image=image,
        camera=CAMERA,
        world_from_camera=world_from_camera,
    )


def fuse(views: list[DepthView], **settings: float) -> ColouredCloud:
    fusion = CloudFusion(FusionConfig(**settings))
    for view in views:
        fusion.add(view)
    return fusion.finish()


def test_a_wall_seen_by_several_views_becomes_one_layer_of_its_colours():
    cloud = fuse([wall_view(x_m) for x_m in np.linspace(-0.3, 0.3, 7)])

    np.testing.assert_allclose(cloud.points_m[:, 2], WALL_M, atol=1e-6)
    is_red = cloud.points_m[:, 0] < -cloud.voxel_m
    is_blue = cloud.points_m[:, 0] > cloud.voxel_m
    assert (cloud.colours[is_red] == (200, 0, 0)).all()
    assert (cloud.colours[is_blue] == (0, 0, 100)).all()
    assert is_red.sum() > 100
    assert is_blue.sum() > 100


def test_noise_of_the_views_averages_out():
    generator = np.random.default_rng(3)
    views = []
    for x_m in np.linspace(-0.1, 0.1, 9):
        factor = 1.0 + 0.01 * generator.standard_normal()
        views.append(wall_view(float(x_m), depth_m=WALL_M * factor))
    spread_before_m = np.std([view.depth_m[0, 0] for view in views])

    cloud = fuse(views, voxel_m=0.2)

    inner = np.abs(cloud.points_m[:, 0]) < 0.5
    assert np.std(cloud.points_m[inner, 2]) < 0.5 * spread_before_m


def test_a_point_that_only_one_view_knows_is_left_out():
    lonely = wall_view(0.0)
    lonely.depth_m[20:24, 30:34] = 1.0

    cloud = fuse([wall_view(-0.1), lonely, wall_view(0.1), wall_view(0.2)])

    assert len(cloud.points_m) > 0
    assert cloud.points_m[:, 2].min() > 1.9


def test_a_floater_that_more_views_look_through_than_agree_on_is_left_out():
    config = FusionConfig(agreeing_views=2, agreeing_parallax_deg=0.0)
    floater, twin = wall_view(0.0, depth_m=1.0), wall_view(0.02, depth_m=1.0)
    walls = [wall_view(x_m) for x_m in (-0.06, -0.04, 0.04, 0.06)]

    kept = np.isfinite(fuse_depth(floater, [twin], config).depth_m)
    contradicted = np.isfinite(fuse_depth(floater, [twin, *walls], config).depth_m)

    assert kept[:, 5:60].all()
    assert not contradicted.any()


def test_a_wall_hidden_by_something_nearer_is_not_contradicted():
    config = FusionConfig(agreeing_views=2, agreeing_parallax_deg=0.0)
    near = [wall_view(x_m, depth_m=1.0) for x_m in (-0.06, -0.04, 0.04, 0.06)]

    fused = fuse_depth(wall_view(0.0), [wall_view(0.02), *near], config)

    assert np.isfinite(fused.depth_m[:, 5:60]).all()


def test_views_from_one_place_do_not_confirm_each_other():
    config = FusionConfig(agreeing_views=2, agreeing_parallax_deg=3.0)
    # Parallax at 2 m is 2.9 degrees for 0.1 m and 4.3 degrees for 0.15 m.
    near, far = wall_view(0.1), wall_view(0.15)

    assert not np.isfinite(fuse_depth(wall_view(0.0), [near], config).depth_m).any()
    fused = fuse_depth(wall_view(0.0), [far], config)
    assert np.isfinite(fused.depth_m[20:28, 25:40]).all()


def test_a_veil_between_an_edge_and_what_lies_behind_is_grazing_and_a_floor_is_not():
    veil = wall_view(0.0)
    veil.depth_m[:, :30] = 1.0
    veil.depth_m[:, 30:34] = (1.2, 1.4, 1.6, 1.8)
    rows = np.arange(48)[:, None] - CAMERA.cy_px
    floor_m = np.where(rows > 5, 1.5 * CAMERA.fy_px / np.maximum(rows, 1), np.nan)
    floor = wall_view(0.0)
    floor.depth_m[:] = np.broadcast_to(floor_m, (48, 64))

    assert is_grazing(veil)[:, 30:34].all()
    assert not is_grazing(veil)[:, :29].any()
    # Seen from 1.5 m above, at up to 15 m: 84 degrees only in the farthest rows.
    assert not is_grazing(floor)[35:].any()


def test_specks_are_removed():
    speck = wall_view(0.0)
    speck.depth_m[:] = np.nan
    speck.depth_m[20:23, 30:33] = WALL_M

    alone = fuse([speck] * 3, agreeing_views=1, agreeing_parallax_deg=0.0)
    on_the_wall = fuse(
        [speck, *(wall_view(x_m) for x_m in (-0.1, 0.0, 0.1))],
        agreeing_views=1,
        agreeing_parallax_deg=0.0,
    )

    assert len(alone.points_m) == 0
    assert len(on_the_wall.points_m) > 1000


def test_map_coordinates_of_millions_of_metres_cost_no_precision():
    origin_m = (500_000.0, 5_400_000.0, 400.0)

    cloud = fuse([wall_view(x_m, origin_m=origin_m) for x_m in (-0.1, 0.0, 0.1)])

    np.testing.assert_allclose(cloud.points_m[:, 2], 400.0 + WALL_M, atol=1e-6)
    np.testing.assert_allclose(cloud.points_m[:, :2].mean(axis=0), origin_m[:2], atol=0.1)


def test_scaled_worlds_give_scaled_clouds():
    views = [wall_view(x_m) for x_m in (-0.1, 0.0, 0.1)]
    scaled = []
    for view in views:
        world_from_camera = view.world_from_camera.copy()
        world_from_camera[:3, 3] *= 1000
        scaled.append(
            DepthView(
                depth_m=view.depth_m * 1000,
                confidence=view.confidence,
                image=view.image,
                camera=view.camera,
                world_from_camera=world_from_camera,
            )
        )

    cloud, scaled_cloud = fuse(views), fuse(scaled)

    assert len(cloud.points_m) == pytest.approx(len(scaled_cloud.points_m), rel=0.02)
    assert scaled_cloud.voxel_m == pytest.approx(1000 * cloud.voxel_m)
    np.testing.assert_allclose(
        scaled_cloud.points_m.mean(axis=0), 1000 * cloud.points_m.mean(axis=0), rtol=1e-3, atol=5
    )


def test_directions_point_from_the_surface_to_the_cameras():
    cloud = fuse([wall_view(x_m) for x_m in (-0.1, 0.0, 0.1)])

    assert (cloud.directions[:, 2] < -0.5).all()


def test_views_without_any_depth_give_an_empty_cloud():
    view = wall_view(0.0)
    view.depth_m[:] = np.nan

    cloud = fuse([view, view])

    assert cloud.points_m.shape == (0, 3)
    assert cloud.colours.shape == (0, 3)


def test_a_recording_of_two_views_needs_both():
    views = [wall_view(0.0), wall_view(0.15)]

    assert len(fuse(views, agreeing_views=4).points_m) > 1000
    assert len(fuse(views[:1], agreeing_views=4).points_m) == 0
