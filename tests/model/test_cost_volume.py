# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from depthsplat_ros.model import cost_volume
from depthsplat_ros.model.cost_volume import (
    match_views,
    refine_inverse_depths,
    select_neighbours,
    space_inverse_depths,
)

NEAR, FAR = 0.5, 20.0


def poses(centres):
    world_from_camera = torch.eye(4).repeat(1, len(centres), 1, 1)
    world_from_camera[0, :, :3, 3] = torch.tensor(centres)
    return world_from_camera


def test_up_to_three_views_are_matched_with_all_others_in_order():
    far_apart = poses([[5.0, 0, 0], [0.0, 0, 0], [4.0, 0, 0]])
    assert select_neighbours(far_apart, 2).tolist() == [[[1, 2], [0, 2], [0, 1]]]
    assert select_neighbours(far_apart[:, :2], 2).tolist() == [[[1], [0]]]


def test_more_views_are_matched_with_the_nearest_ones_first():
    centres = [[0.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0], [7.0, 0, 0], [0.0, 2.5, 0]]
    assert select_neighbours(poses(centres), 2).tolist() == [
        [[1, 4], [0, 2], [1, 0], [2, 1], [0, 1]]
    ]


def test_hypotheses_are_even_in_inverse_depth_from_far_to_near():
    values = space_inverse_depths(torch.tensor([[NEAR]]), torch.tensor([[FAR]]), 5).flatten()
    torch.testing.assert_close(values, torch.linspace(1 / FAR, 1 / NEAR, 5))


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        # from 4 steps below to 3 above
        (1.0, [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]),
        # cut at the near end, and denser
        (1.95, [1.55 + 0.45 * i / 7 for i in range(8)]),
        # cut at the far end
        (0.1, [0.05 + 0.35 * i / 7 for i in range(8)]),
    ],
)
def test_finer_hypotheses_surround_the_estimate_and_stay_in_the_range(estimate, expected):
    values = refine_inverse_depths(
        torch.full((1, 1, 1, 1), estimate),
        torch.tensor([[NEAR]]),
        torch.tensor([[FAR]]),
        torch.tensor([[0.1]]),
        8,
    )
    torch.testing.assert_close(values.flatten(), torch.tensor(expected))


def turned(angle):
    return torch.tensor(
        [
            [math.cos(angle), 0, math.sin(angle)],
            [0, 1, 0],
            [-math.sin(angle), 0, math.cos(angle)],
        ]
    )


def example(*, channels=4, height=6, width=8, candidates=5):
    torch.manual_seed(0)
    pose = poses([[0.0, 0, 0], [0.4, 0.1, 0], [-0.3, 0, 0.2]])
    pose[0, 1, :3, :3] = turned(0.1)
    intrinsics = torch.tensor([[7.0, 0, 3.6], [0, 7.5, 2.4], [0, 0, 1]]).repeat(1, 3, 1, 1)
    intrinsics[0, 1, 0, 0] = 9.0
    features = torch.randn(1, 3, channels, height, width)
    hypotheses = space_inverse_depths(
        torch.full((1, 3), NEAR), torch.full((1, 3), FAR), candidates
    )
    return features, select_neighbours(pose, 2), intrinsics, pose, hypotheses


def bilinear(image, x, y):
    """Value at a place, zero outside; pixel centres at whole numbers."""
    left, top = math.floor(x), math.floor(y)
    value = torch.zeros(image.shape[0])
    for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
        if 0 <= column < image.shape[2] and 0 <= row < image.shape[1]:
            weight = (1 - abs(x - column)) * (1 - abs(y - row))
            value += weight * image[:, row, column]
    return value


def scores_by_hand(features, neighbours, intrinsics, pose, hypotheses):
    """The plane sweep, pixel by pixel."""
    _, views, channels, height, width = features.shape
    scores = torch.zeros(1, views, hypotheses.shape[2], height, width)
    for view in range(views):
        camera = intrinsics[0, view]  # of the reference, for both views
        for candidate in range(hypotheses.shape[2]):
            depth = 1 / hypotheses[0, view, candidate, 0, 0]
            for y in range(height):
                for x in range(width):
                    ray = camera.inverse() @ torch.tensor([float(x), float(y), 1.0])
                    world = pose[0, view] @ torch.cat([ray * depth, torch.ones(1)])
                    for other in neighbours[0, view].tolist():
                        point = camera @ (pose[0, other].inverse() @ world)[:3]
                        place = point[:2] / max(point[2], 1e-3)
                        sample = bilinear(features[0, other], float(place[0]), float(place[1]))
                        score = sample @ features[0, view, :, y, x] / channels**0.5
                        scores[0, view, candidate, y, x] += score / neighbours.shape[-1]
    return scores


@pytest.fixture(params=["compiled", "differentiable"])
def way(request):
    """Of matching: machine code, or PyTorch with gradients."""
    with torch.set_grad_enabled(request.param == "differentiable"):
        yield request.param


def test_scores_are_those_of_a_plane_sweep_by_hand(way):
    arguments = example()
    torch.testing.assert_close(
        match_views(*arguments), scores_by_hand(*arguments), rtol=1e-4, atol=1e-4
    )


def test_how_many_hypotheses_are_taken_at_once_does_not_matter(monkeypatch):
    arguments = example()
    together = match_views(*arguments)
    monkeypatch.setattr(cost_volume, "_WARPED_VALUES_AT_ONCE", {"cpu": 1, "cuda": 1})
    torch.testing.assert_close(match_views(*arguments), together, rtol=0, atol=1e-6)


def test_hypotheses_may_differ_from_pixel_to_pixel(way):
    features, neighbours, intrinsics, pose, hypotheses = example()
    per_pixel = hypotheses.expand(-1, -1, -1, 6, 8)
    torch.testing.assert_close(
        match_views(features, neighbours, intrinsics, pose, per_pixel),
        match_views(features, neighbours, intrinsics, pose, hypotheses),
    )


def test_compiled_scores_are_those_of_pytorch_wherever_hypotheses_lie():
    """Inside, across the border, outside and behind the neighbours; for one and all references."""
    features, neighbours, intrinsics, pose, _ = example(height=12, width=16)
    hypotheses = 10 ** (4 * torch.rand(1, 3, 9, 12, 16) - 2)
    pose[0, 2, :3, :3] = turned(2.5)
    for chosen in (slice(None), slice(2, 3)):
        geometry = (neighbours[:, chosen], intrinsics, pose, hypotheses[:, chosen], chosen)
        expected = match_views(features, *geometry)
        with torch.no_grad():
            compiled = match_views(features, *geometry)
        assert (expected == 0).any() and (expected != 0).any()
        torch.testing.assert_close(compiled, expected, rtol=1e-4, atol=1e-4)


def test_compiled_scores_do_not_depend_on_the_number_of_threads():
    arguments = example(height=9)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            with torch.no_grad():
                results.append(match_views(*arguments))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


@torch.no_grad()
def test_compiled_matching_reads_nothing_outside_a_map_whatever_it_is_given():
    features, neighbours, intrinsics, pose, hypotheses = example()
    hypotheses = hypotheses.clone()
    hypotheses[:, :, 1:4, 0, 0] = torch.tensor([float("nan"), float("inf"), 0.0])
    scores = match_views(features, neighbours, intrinsics, pose, hypotheses)
    # No place in the neighbour, no agreement.
    assert (scores[:, :, 1] == 0).all() and scores[:, :, 0].isfinite().all()


class LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, torch.Tensor):
                self.numbers = max(self.numbers, value.untyped_storage().nbytes() // 4)
        return result


def test_warped_features_never_exist_as_a_whole(monkeypatch):
    channels, height, width, candidates = 64, 16, 24, 64
    arguments = example(channels=channels, height=height, width=width, candidates=candidates)
    limit = 1 << 18
    monkeypatch.setattr(cost_volume, "_WARPED_VALUES_AT_ONCE", {"cpu": limit})
    with LargestTensor() as largest:
        match_views(*arguments)
    assert 3 * channels * height * width * candidates > 10 * limit
    # The result itself, and the places of the samples, are smaller than the bound here.
    assert largest.numbers <= limit
