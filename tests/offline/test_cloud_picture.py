# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.fusion import ColouredCloud
from depthsplat_ros.offline import cloud_picture
from depthsplat_ros.offline.cloud_picture import draw_cloud, viewing_directions

# A camera looking along the world's x, in a world with z up: its x is the world's -y.
LOOKS_ALONG_X = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def cameras(*, count: int = 4, base: np.ndarray = LOOKS_ALONG_X) -> np.ndarray:
    poses = np.tile(base, (count, 1, 1))
    poses[:, :3, 3] += np.arange(count)[:, None] * (0.2, 0, 0)
    return poses


def floor_and_ceiling(offset_m: float = 0.0) -> ColouredCloud:
    """A green floor seen from above and a red ceiling seen from below, over the same place."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 4, 80), np.linspace(-2, 2, 80)))
    floor = np.stack([x, y, np.full_like(x, -1.0)], axis=-1)
    ceiling = np.stack([x, y, np.full_like(x, 1.0)], axis=-1)
    up = np.tile((0.0, 0.0, 1.0), (len(x), 1))
    return ColouredCloud(
        points_m=np.concatenate([floor, ceiling]) + offset_m,
        colours=np.repeat(np.array([[0, 200, 0], [200, 0, 0]], np.uint8), len(x), axis=0),
        directions=np.concatenate([up, -up]),
        voxel_m=0.05,
    )


@pytest.fixture(autouse=True)
def small_panels(monkeypatch):
    monkeypatch.setattr(cloud_picture, "PANEL_PX", 200)


def test_up_is_the_worlds_z_when_cameras_are_held_upright():
    directions = viewing_directions(cameras())

    np.testing.assert_allclose(directions.up, (0, 0, 1))
    np.testing.assert_allclose(directions.ahead, (1, 0, 0), atol=1e-9)
    np.testing.assert_allclose(directions.right, (0, -1, 0), atol=1e-9)


def test_up_is_that_of_the_images_in_a_world_without_z_up():
    directions = viewing_directions(cameras(base=np.eye(4)))

    np.testing.assert_allclose(directions.up, (0, -1, 0), atol=1e-9)
    np.testing.assert_allclose(directions.ahead, (0, 0, 1), atol=1e-9)


def test_a_camera_looking_straight_down_still_has_a_way_ahead():
    down = np.array([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]])

    matrix = viewing_directions(cameras(base=down)).matrix()

    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)


@pytest.mark.parametrize("offset_m", [0.0, 5e6])
def test_a_ceiling_does_not_hide_the_floor_from_above(offset_m):
    poses = cameras()
    poses[:, :3, 3] += offset_m

    picture = draw_cloud(floor_and_ceiling(offset_m), poses, "room").astype(int)

    is_green = (picture[..., 1] > 120) & (picture[..., 0] < 60)
    is_red = (picture[..., 0] > 120) & (picture[..., 1] < 10) & (picture[..., 2] < 10)
    assert is_green.sum() > 0.1 * picture.shape[0] * picture.shape[1]
    assert is_red.sum() == 0


def test_a_scaled_world_gives_the_same_picture_but_for_its_numbers():
    cloud, poses = floor_and_ceiling(), cameras()
    scaled_poses = poses.copy()
    scaled_poses[:, :3, 3] *= 1000
    scaled = ColouredCloud(
        points_m=cloud.points_m * 1000,
        colours=cloud.colours,
        directions=cloud.directions,
        voxel_m=cloud.voxel_m * 1000,
    )

    pictures = [draw_cloud(cloud, poses, "room"), draw_cloud(scaled, scaled_poses, "room")]

    greens = [((p[..., 1] > 120) & (p[..., 0] < 60)).sum() / p[..., 0].size for p in pictures]
    assert greens[0] == pytest.approx(greens[1], rel=0.1)


def test_an_empty_cloud_says_so():
    empty = ColouredCloud(
        points_m=np.zeros((0, 3)),
        colours=np.zeros((0, 3), np.uint8),
        directions=np.zeros((0, 3)),
        voxel_m=0.1,
    )

    picture = draw_cloud(empty, cameras(), "nothing")

    assert np.ptp(picture) > 0


def test_a_single_point_and_a_single_camera_can_be_drawn():
    cloud = ColouredCloud(
        points_m=np.array([[1.0, 0, 0]]),
        colours=np.array([[0, 255, 0]], np.uint8),
        directions=np.array([[-0.7, 0, 0.7]]),
        voxel_m=0.1,
    )

    picture = draw_cloud(cloud, cameras(count=1), "point").astype(int)

    assert ((picture[..., 1] > 150) & (picture[..., 0] < 100)).any()
