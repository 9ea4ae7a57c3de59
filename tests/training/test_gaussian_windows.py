# SPDX-License-Identifier: Apache-2.0
import torch

from training.gaussian_windows import (
    INPUT_COUNTS,
    SKY_M,
    choose_inputs,
    gaussian_windows_of,
    is_seen_by,
    views_at,
)
from training.projection import pixels_at, project, unproject
from training.rendering import Render
from training.windows import window_of

HEIGHT, WIDTH = 32, 48


def make_render(depth_m, shifts_m):
    """Views side by side with a focal length of their width, all grey."""
    count = len(shifts_m)
    intrinsics = torch.tensor([[1.0, 0.0, 0.5], [0.0, WIDTH / HEIGHT, 0.5], [0.0, 0.0, 1.0]])
    poses = torch.eye(4).repeat(1, count, 1, 1)
    poses[0, :, 0, 3] = torch.tensor(shifts_m)
    return Render(
        radiance=torch.full((1, count, 3, HEIGHT, WIDTH), 0.2),
        depth_m=depth_m[None],
        is_seen=torch.ones(1, count, HEIGHT, WIDTH, dtype=torch.bool),
        intrinsics=intrinsics.repeat(1, count, 1, 1),
        world_from_camera=poses,
    )


def test_pixels_come_back_where_they_were():
    generator = torch.Generator().manual_seed(0)
    depth_m = 1 + torch.rand(1, 2, HEIGHT, WIDTH, generator=generator)
    render = make_render(depth_m[0], (0.0, 0.4))
    points = unproject(depth_m, render.intrinsics, render.world_from_camera)
    place, distance_m = project(
        points[:, 1].flatten(1, 2), render.intrinsics[:, 1], render.world_from_camera[:, 1]
    )
    pixel, is_inside = pixels_at(place, HEIGHT, WIDTH)
    assert is_inside.all()
    assert torch.equal(pixel[0], torch.arange(HEIGHT * WIDTH))
    torch.testing.assert_close(distance_m, depth_m[:, 1].flatten(1))


def test_a_wall_is_seen_where_the_input_s_image_reaches():
    """Two metres away a shift of half a metre is a quarter of the image."""
    render = make_render(torch.full((2, HEIGHT, WIDTH), 2.0), (0.0, 0.5))
    is_seen = is_seen_by(render, (1,), (0,))
    expected = (torch.arange(WIDTH) + 0.5 < 0.75 * WIDTH).expand(1, 1, HEIGHT, WIDTH)
    assert torch.equal(is_seen, expected)


def test_what_something_hides_from_the_input_is_not_seen():
    depth_m = torch.full((2, HEIGHT, WIDTH), 2.0)
    # Before the input stands a board, one metre away; the target does not see it.
    depth_m[0, :, 20:30] = 1.0
    render = make_render(depth_m, (0.0, 0.5))
    is_seen = is_seen_by(render, (1,), (0,))[0, 0, 0]
    assert not is_seen[20 - WIDTH // 4 : 30 - WIDTH // 4].any()
    assert is_seen[: 20 - WIDTH // 4].all() and is_seen[30 - WIDTH // 4 : 30].all()


def test_the_sky_is_seen_by_all_who_look_there():
    render = make_render(torch.zeros(2, HEIGHT, WIDTH), (0.0, 0.5))
    assert is_seen_by(render, (1,), (0,)).float().mean() > 0.97
    assert SKY_M > 0


def test_inputs_and_targets_are_all_views_and_follow_from_the_step():
    chosen = {step: choose_inputs(6, step) for step in range(100)}
    assert chosen == {step: choose_inputs(6, step) for step in range(100)}
    assert {len(views) for views in chosen.values()} == set(INPUT_COUNTS)
    assert all(views == tuple(sorted(set(views))) for views in chosen.values())
    assert len(set(chosen.values())) > 20
    assert len(choose_inputs(3, 0)) == 2


def test_views_of_a_window_are_exposed_alike():
    """The same wall in all views: only the camera could make them differ."""
    spread = []
    for seed in range(12):
        render = make_render(torch.full((4, HEIGHT, WIDTH), 2.0), (0.0, 0.1, 0.2, 0.3))
        generator = torch.Generator().manual_seed(seed)
        windows = gaussian_windows_of(render, (0, 2), generator)
        assert windows.inputs.images.shape == windows.targets.images.shape
        images = torch.cat([windows.inputs.images, windows.targets.images], dim=1)
        means = images.mean((-1, -2))
        spread.append((means.amax(1) - means.amin(1)).max())
    # With drifting exposures half of the windows differ by more than this.
    assert max(spread) < 0.02


def test_views_are_taken_with_all_that_belongs_to_them(renderer):
    render = renderer.render(renderer.make([3], 4, 1.0), 32, 32, samples=1)
    views, _ = window_of(render, torch.Generator().manual_seed(0))
    some = views_at(views, (3, 1))
    assert torch.equal(some.images[:, 0], views.images[:, 3])
    assert torch.equal(some.world_from_camera[:, 1], views.world_from_camera[:, 1])
    assert some.near_m.shape == (1, 2)
