# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import SMALL_CAMERA, make_pose

from depthsplat_ros.streaming.gaussians_from_depth import gaussians_from_depth
from depthsplat_ros.streaming.observation import DepthMap, Observation
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.streaming.scene_map import MAXIMUM_WEIGHT, RECENT_KEYFRAMES, empty_scene

PIXELS = SMALL_CAMERA.width_px * SMALL_CAMERA.height_px
WALL_M = 3.0
UTM = np.array([432_198.6, 5_432_109.8, 431.2])


def see(world_from_camera, depth_m=WALL_M, *, confidence=0.8, guess_m=None, grey=0.5):
    """A keyframe that measured a depth, a number or a map; where that is NaN it guessed."""
    size = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)
    depth = torch.full(size, depth_m) if isinstance(depth_m, float) else depth_m
    trust = torch.full(size, confidence).where(depth.isfinite(), torch.tensor(0.0))
    dense = depth.where(depth.isfinite(), torch.tensor(guess_m or WALL_M))
    return Observation(
        depth=DepthMap(depth_m=depth, camera=SMALL_CAMERA, world_from_camera=world_from_camera),
        confidence=trust,
        gaussians=gaussians_from_depth(
            dense, trust, torch.full((3, *size), grey), SMALL_CAMERA, world_from_camera
        ),
    )


def merge(observations, **settings):
    observations = list(observations)
    scene = empty_scene(torch.device("cpu"), 1, observations[0].depth.centre_m)
    for observation in observations:
        scene = scene.merged_with(observation, SceneConfig(**settings))
    return scene


def places(scene):
    return scene.gaussians.means_m.double().numpy() + scene.origin_m


def test_what_is_seen_again_is_no_second_layer():
    scene = merge(see(make_pose(x_m=0.01 * step)) for step in range(20))
    assert len(scene) < 1.15 * PIXELS
    np.testing.assert_allclose(places(scene)[:, 2], WALL_M, rtol=1e-5)


def test_layers_that_disagree_a_little_become_one_at_their_mean():
    depths_m = [WALL_M * (1 + 0.01 * (-1) ** step) for step in range(20)]
    scene = merge(see(make_pose(), depth_m) for depth_m in depths_m)
    assert len(scene) == PIXELS
    np.testing.assert_allclose(places(scene)[:, 2], WALL_M, rtol=0.004)


def test_a_walk_adds_what_is_new_and_only_that():
    step_m = 0.1
    scene = merge(see(make_pose(x_m=step_m * step)) for step in range(31))
    seen_m = WALL_M * SMALL_CAMERA.width_px / SMALL_CAMERA.fx_px
    expected = PIXELS * (seen_m + 30 * step_m) / seen_m
    assert expected * 0.98 < len(scene) < expected * 1.1


def test_the_newest_view_of_a_surface_is_what_is_shown():
    scene = merge([see(make_pose(), grey=0.2), see(make_pose(), grey=0.8)])
    assert (scene.gaussians.harmonics > 0).all()


def test_what_was_seen_from_nearby_is_not_replaced_from_afar():
    near, far = see(make_pose(z_m=2.0), 1.0, grey=0.2), see(make_pose(), grey=0.8)
    scene = merge([near, far])
    is_near = scene.gaussians.harmonics[:, 0, 0] < 0
    assert int(is_near.sum()) == PIXELS
    # The far view still adds the wall around it.
    assert 0.8 * PIXELS < len(scene) - PIXELS < 0.95 * PIXELS


def test_what_floats_in_front_dies_out_when_later_views_see_through_it():
    size = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)
    wrong = torch.full(size, WALL_M)
    wrong[10:20, 10:20] = 1.0
    observations = [see(make_pose(), wrong)] + [
        see(make_pose(x_m=0.02 * step)) for step in range(1, 4)
    ]
    assert (places(merge(observations[:1]))[:, 2] < 2.0).sum() == 100
    assert (places(merge(observations))[:, 2] < 2.0).sum() == 0


def test_a_new_view_that_others_saw_through_adds_nothing():
    good = [see(make_pose(x_m=0.02 * step)) for step in range(4)]
    scene = merge([*good, see(make_pose(x_m=0.1), 1.0)])
    # At the border the others saw nothing, and cannot object.
    assert (places(scene)[:, 2] < 2.0).sum() < 0.04 * PIXELS


def test_what_is_hidden_behind_a_thing_stays():
    scene = merge([see(make_pose()), see(make_pose(z_m=2.5, x_m=2.0), 0.2), see(make_pose())])
    size = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)
    near = torch.full(size, WALL_M)
    near[:, :30] = 0.5
    scene = merge([see(make_pose()), see(make_pose(x_m=0.0), near)], scene_agreement=0.02)
    hidden = places(scene)
    assert ((hidden[:, 2] > 2.9) & (hidden[:, 0] < -0.2)).sum() > 1000


def test_guesses_fill_gaps_and_yield_to_what_is_measured():
    size = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)
    gappy = torch.full(size, WALL_M)
    gappy[:, 40:] = torch.nan
    first = see(make_pose(), gappy, guess_m=2.0)
    filled = merge([first])
    assert len(filled) == PIXELS
    assert len(merge([first], scene_fills_gaps=False)) == 40 * SMALL_CAMERA.height_px
    healed = merge([first, see(make_pose())])
    assert len(healed) == PIXELS
    np.testing.assert_allclose(places(healed)[:, 2], WALL_M, rtol=1e-5)


def test_guesses_are_left_out_where_something_is_known():
    size = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)
    blind = torch.full(size, torch.nan)
    blind[0, 0] = WALL_M
    scene = merge([see(make_pose()), see(make_pose(), blind, guess_m=2.0)])
    np.testing.assert_allclose(places(scene)[:, 2], WALL_M, rtol=1e-5)


def test_a_guess_takes_the_place_of_an_older_one_from_no_nearer():
    size = (SMALL_CAMERA.height_px, SMALL_CAMERA.width_px)
    blind = torch.full(size, torch.nan)
    blind[0, 0] = WALL_M
    scene = merge([see(make_pose(), blind, guess_m=2.0), see(make_pose(), blind, guess_m=2.5)])
    assert len(scene) == PIXELS
    # But for the surroundings of the only pixel that was measured.
    assert (np.abs(places(scene)[:, 2] - 2.5) < 1e-5).sum() >= PIXELS - 4
    near, far = see(make_pose(z_m=2.0), blind, guess_m=0.5), see(make_pose(), blind, guess_m=2.5)
    kept = places(merge([near, far]))[:, :2]
    assert (np.abs(kept).max(axis=1) < 0.28).sum() > 0.95 * PIXELS


def test_the_count_is_bounded_and_the_oldest_go_first():
    scene = merge(
        (see(make_pose(x_m=1.5 * step)) for step in range(8)), scene_maximum_gaussians=PIXELS
    )
    assert len(scene) == PIXELS
    assert places(scene)[:, 0].min() > 7 * 1.5 - 3.5


def test_memory_does_not_grow_with_the_recording():
    sizes = [
        len(merge(see(make_pose(x_m=0.001 * step)) for step in range(count))) for count in (5, 40)
    ]
    assert sizes[1] < 1.1 * sizes[0]
    walk = merge(see(make_pose(x_m=0.1 * step)) for step in range(40))
    assert len(walk.recent) == RECENT_KEYFRAMES


def test_age_is_counted_in_keyframes_since_a_gaussian_was_confirmed():
    observations = [see(make_pose())] + [see(make_pose(x_m=20.0 + 0.01 * n)) for n in range(5)]
    kept = merge(observations, scene_maximum_age_keyframes=6)
    assert (places(kept)[:, 0] < 5).sum() == PIXELS
    forgotten = merge(observations, scene_maximum_age_keyframes=5)
    assert (places(forgotten)[:, 0] < 5).sum() == 0


def test_what_is_far_from_the_newest_keyframe_is_forgotten():
    observations = [see(make_pose()), see(make_pose(x_m=20.0))]
    scene = merge(observations, scene_maximum_distance_m=10.0)
    assert places(scene)[:, 0].min() > 10


def test_faint_gaussians_are_dropped():
    observation = see(make_pose())
    faint = observation.gaussians.opacities.clone()
    faint[:100] = 0.01
    observation = replace(observation, gaussians=replace(observation.gaussians, opacities=faint))
    assert len(merge([observation])) == PIXELS - 100


def test_weights_add_up_to_a_limit():
    scene = merge(see(make_pose()) for _ in range(30))
    assert scene.weights.max() == MAXIMUM_WEIGHT
    assert merge([see(make_pose())]).weights.max() == pytest.approx(0.8)


@pytest.mark.parametrize("yaw_deg", [0.0, 130.0])
def test_map_coordinates_lose_nothing(yaw_deg):
    """The same walk at the world's origin and 5000 km away gives the same scene."""

    def walk(start_m):
        for step in range(6):
            pose = make_pose(x_m=0.1 * step, yaw_deg=yaw_deg)
            pose[:3, 3] += start_m
            yield see(pose)

    here, there = merge(walk(np.zeros(3))), merge(walk(UTM))
    assert len(here) == len(there)
    np.testing.assert_allclose(places(there) - UTM, places(here), atol=1e-4)


def test_a_long_way_loses_nothing_either():
    """The origin follows the camera, so that what is near it stays exact."""
    poses = [make_pose(x_m=0.7 + 300.0 * step) for step in range(20)]
    scene = merge(see(pose) for pose in poses)
    newest = places(scene)[-PIXELS:]
    expected = places(merge([see(make_pose(x_m=0.7))])) + [300.0 * 19, 0, 0]
    np.testing.assert_allclose(newest, expected, atol=1e-4)


def test_earlier_scenes_are_not_changed_by_later_ones():
    first = merge([see(make_pose())])
    before = first.gaussians.means_m.clone(), first.weights.clone()
    first.merged_with(see(make_pose(), 3.05), SceneConfig())
    assert torch.equal(first.gaussians.means_m, before[0])
    assert torch.equal(first.weights, before[1])
