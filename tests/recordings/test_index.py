# SPDX-License-Identifier: Apache-2.0
import random

from depthsplat_ros.recordings.index import DEPTH_TOLERANCE_NS, plan_images

MS = 1_000_000


def plan(images_ms, depths_ms):
    planned = plan_images([t * MS for t in images_ms], [t * MS for t in depths_ms])
    return [(image.stamp_ns // MS, image.number, image.depth_number) for image in planned]


def test_images_are_put_into_stamp_order_and_keep_their_place_in_the_topic():
    assert plan([300, 100, 200], []) == [(100, 1, None), (200, 2, None), (300, 0, None)]


def test_equal_stamps_keep_the_recorded_order():
    assert [number for _, number, _ in plan([200, 100, 200], [])] == [1, 0, 2]


def test_each_image_takes_its_nearest_depth_within_the_tolerance():
    assert plan([100, 200, 300], [305, 95, 98, 250]) == [
        *[(100, 0, 2), (200, 1, None), (300, 2, 0)]
    ]
    limit = DEPTH_TOLERANCE_NS // MS
    assert plan([100], [100 + limit]) == [(100, 0, 0)]
    assert plan([100], [101 + limit]) == [(100, 0, None)]


def test_a_depth_image_goes_to_the_nearest_image_alone():
    assert plan([100, 110], [108]) == [(100, 0, None), (110, 1, 0)]


def test_plans_are_what_looking_at_all_pairs_gives():
    generator = random.Random(5)
    for _ in range(50):
        images = sorted(generator.sample(range(0, 3000, 7), 30))
        depths = list({t + generator.randint(-30, 30) for t in images if generator.random() < 0.7})
        generator.shuffle(depths)
        claims = {}
        for image, image_ms in enumerate(images):
            distance, depth = min((abs(t - image_ms), depth) for depth, t in enumerate(depths))
            if distance <= 20:
                claims.setdefault(depth, []).append((distance, image))
        expected = {min(images_of)[1]: depth for depth, images_of in claims.items()}
        assert {n: depth for _, n, depth in plan(images, depths) if depth is not None} == expected
