# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from depthsplat_ros.camera import Camera
from depthsplat_ros.input_checks.features import find_features, match_features

CAMERA = Camera(width_px=320, height_px=240, fx_px=300.0, fy_px=300.0, cx_px=159.5, cy_px=119.5)


def texture(width_px=400, height_px=300, *, seed=3):
    noise = np.random.default_rng(seed).integers(0, 255, (height_px, width_px, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX)


def test_a_shift_of_the_image_is_the_motion_that_is_found():
    scene = texture()
    first = find_features(scene[20:260, 20:340].copy(), CAMERA)
    second = find_features(scene[20:260, 27:347].copy(), CAMERA)
    matches = match_features(first, second)
    assert len(matches.first_rays) > 50
    moved_px = (matches.second_rays - matches.first_rays)[:, :2] / matches.pixel
    assert np.median(moved_px, axis=0) == pytest.approx((-7, 0), abs=0.1)
    assert matches.median_motion_px() == pytest.approx(7, abs=0.1)


def test_an_image_too_large_is_searched_smaller_and_rays_stay_the_same():
    scene = texture()[:240, :320].copy()
    large = cv2.resize(scene, (1280, 960), interpolation=cv2.INTER_CUBIC)
    found = find_features(large, CAMERA.resized(width_px=1280, height_px=960))
    half = find_features(
        cv2.resize(scene, (640, 480), interpolation=cv2.INTER_CUBIC),
        CAMERA.resized(width_px=640, height_px=480),
    )
    assert found.pixel == pytest.approx(half.pixel)
    matches = match_features(found, half)
    difference = np.abs(matches.first_rays - matches.second_rays)[:, :2] / matches.pixel
    assert np.median(difference) < 0.2


def test_images_without_texture_or_without_relation_do_not_match():
    blank = find_features(np.full((240, 320, 3), 128, np.uint8), CAMERA)
    some = find_features(texture()[:240, :320].copy(), CAMERA)
    assert match_features(blank, some) is None
    other = find_features(texture(320, 240, seed=9), CAMERA)
    assert match_features(some, other) is None


def test_matching_is_the_same_every_time():
    scene = texture()
    views = [find_features(scene[:240, x : x + 320].copy(), CAMERA) for x in (0, 9)]
    once, again = match_features(*views), match_features(*views)
    np.testing.assert_array_equal(once.first_rays, again.first_rays)


def test_true_depth_is_taken_at_the_features():
    depth_m = np.tile(np.arange(1, 321, dtype=np.float32), (240, 1))
    found = find_features(texture()[:240, :320].copy(), CAMERA, depth_m)
    columns = found.rays[:, 0] * 300 + 159.5
    assert found.true_depth_m == pytest.approx(columns + 1, abs=0.51)
