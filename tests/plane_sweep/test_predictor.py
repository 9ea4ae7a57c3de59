# SPDX-License-Identifier: Apache-2.0
import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import make_pose
from stereo_scenes import (
    BOX_FRONT,
    CAMERA,
    SLANTED_WALL,
    WALL,
    Rectangle,
    make_views,
    sideways,
)

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.types import DepthPredictor, ViewFeatures, Views
from depthsplat_ros.plane_sweep import PlaneSweep, PlaneSweepConfig, PlaneSweepError

PLACES_M = (0.0, 0.15, 0.3, 0.4)


def predict(views, reference=0, *, config=None):
    sweep = PlaneSweep(config)
    return sweep.predict(views, sweep.encode_views(views.images), reference)


def relative_errors(prediction, truth):
    """Of the published pixels, and which share of all pixels that is."""
    depth_m = prediction.depth_m[0]
    is_known = depth_m.isfinite()
    return (depth_m / truth - 1).abs()[is_known], is_known.float().mean().item()


def with_views(views, **changes):
    return dataclasses.replace(views, **changes)


def test_it_is_a_depth_predictor():
    assert isinstance(PlaneSweep(), DepthPredictor)


@pytest.mark.parametrize("wall", [WALL, SLANTED_WALL], ids=["parallel", "slanted"])
@pytest.mark.parametrize("reference", [0, 2])
def test_depth_of_a_wall_is_right(wall, reference):
    views, truth = make_views([wall], sideways(*PLACES_M))
    prediction = predict(views, reference)
    errors, coverage = relative_errors(prediction, truth[reference])
    # The wall moves by 9 px at most against infinity: 1 % of depth is below 0.1 px.
    assert coverage > 0.7
    assert errors.median() < 0.01
    assert errors.quantile(0.95) < 0.03
    dense_errors = (prediction.dense_depth_m[0] / truth[reference] - 1).abs()
    assert dense_errors.quantile(0.9) < 0.07


def test_depth_jumps_at_the_edges_of_a_box():
    views, truth = make_views([WALL, BOX_FRONT], sideways(-0.25, 0.0, 0.25))
    prediction = predict(views, 1)
    errors, coverage = relative_errors(prediction, truth[1])
    assert coverage > 0.7
    assert (errors < 0.05).float().mean() > 0.95
    for expected_m in (1.5, 3.0):
        is_there = truth[1].sub(expected_m).abs() < 0.01
        assert prediction.dense_depth_m[0][is_there].median() == pytest.approx(
            expected_m, rel=0.02
        )


def test_what_no_other_view_sees_is_unknown():
    # The sources stand left and look left: the right of the reference is theirs alone.
    poses = [make_pose(), *(make_pose(x_m=-x, yaw_deg=-12) for x in (0.2, 0.3))]
    views, truth = make_views([WALL], poses)
    prediction = predict(views)
    x, y = np.meshgrid(np.arange(CAMERA.width_px), np.arange(CAMERA.height_px))
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(CAMERA.matrix()).T
    points = rays * truth[0].numpy()[..., None]
    is_seen = np.zeros(x.shape, bool)
    for pose in poses[1:]:
        local = (points - pose[:3, 3]) @ pose[:3, :3] @ CAMERA.matrix().T
        u, v = local[..., 0] / local[..., 2], local[..., 1] / local[..., 2]
        is_seen |= (abs(u - 47.5) < 48) & (abs(v - 35.5) < 36)
    assert 0.5 < is_seen.mean() < 0.9
    is_known = prediction.depth_m[0].isfinite().numpy()
    assert (is_known & ~is_seen).mean() < 0.002
    assert is_known[is_seen].mean() > 0.8
    assert prediction.dense_depth_m.isfinite().all()


def test_unknown_depth_has_no_confidence_and_known_depth_has_some():
    views, _ = make_views([WALL, BOX_FRONT], sideways(-0.2, 0.0, 0.2))
    prediction = predict(views, 1)
    is_known = prediction.depth_m.isfinite()
    assert 0 < is_known.float().mean() < 1
    assert (prediction.confidence[~is_known] == 0).all()
    assert (prediction.confidence[is_known] > 0).all()
    assert prediction.confidence.max() <= 1
    assert torch.equal(prediction.depth_m[is_known], prediction.dense_depth_m[is_known])


def test_confidence_ranks_errors():
    blank = replace(WALL, contrast=0.0)
    half = Rectangle(corner=(0, -3, 2.9), right=(3, 0, 0), down=(0, 6, 0), seed=4)
    views, truth = make_views([blank, half], sideways(*PLACES_M), noise=0.01)
    prediction = predict(views, config=PlaneSweepConfig(minimum_confidence=0.0))
    errors, _ = relative_errors(prediction, truth[0])
    confidence = prediction.confidence[prediction.depth_m.isfinite()]
    order = confidence.argsort(descending=True)
    third = len(order) // 3
    assert errors[order[:third]].mean() < 0.5 * errors[order[-third:]].mean()


def test_depth_scales_with_the_poses():
    views, _ = make_views([SLANTED_WALL, BOX_FRONT], sideways(*PLACES_M))
    metres = predict(views)
    for scale, tolerance in ((2.0, 0.0), (0.37, 1e-3)):
        poses = views.world_from_camera.clone()
        poses[..., :3, 3] *= scale
        scaled = predict(
            with_views(
                views,
                world_from_camera=poses,
                near_m=views.near_m.double() * scale,
                far_m=views.far_m.double() * scale,
            )
        )
        ratio = scaled.dense_depth_m / metres.dense_depth_m
        assert ((ratio / scale - 1).abs() <= tolerance).float().mean() > 0.995


def test_principal_point_and_focal_lengths_may_differ_from_view_to_view():
    cameras = [
        CAMERA,
        Camera(width_px=96, height_px=72, fx_px=80.0, fy_px=84.0, cx_px=40.2, cy_px=30.1),
        Camera(width_px=96, height_px=72, fx_px=100.0, fy_px=98.0, cx_px=52.7, cy_px=41.4),
    ]
    views, truth = make_views([SLANTED_WALL], sideways(0.0, 0.2, 0.3), cameras=cameras)
    for reference in range(3):
        errors, coverage = relative_errors(predict(views, reference), truth[reference])
        assert coverage > 0.5
        assert errors.median() < 0.015


def test_views_may_be_turned_against_each_other():
    poses = [make_pose(), make_pose(x_m=0.3, yaw_deg=-6), make_pose(x_m=-0.3, z_m=0.2, yaw_deg=5)]
    views, truth = make_views([SLANTED_WALL], poses)
    errors, coverage = relative_errors(predict(views), truth[0])
    assert coverage > 0.7
    assert errors.median() < 0.01


@pytest.mark.parametrize("width_px, height_px", [(47, 61), (75, 59), (130, 40)])
def test_any_image_size_works(width_px, height_px):
    camera = CAMERA.resized(width_px=width_px, height_px=height_px)
    views, truth = make_views([WALL], sideways(0.0, 0.5), cameras=[camera] * 2, near_m=1.5)
    prediction = predict(views)
    assert prediction.depth_m.shape == (1, height_px, width_px)
    assert (prediction.dense_depth_m[0] / truth[0]).median() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_any_number_of_views_works(count):
    views, truth = make_views([SLANTED_WALL], sideways(*np.linspace(0, 0.4, count)))
    errors, coverage = relative_errors(predict(views), truth[0])
    assert coverage > 0.6
    assert errors.median() < 0.01


def test_large_coordinates_cost_no_precision():
    poses = sideways(*PLACES_M)
    near = predict(make_views([WALL], poses)[0])
    views, _ = make_views([WALL], poses)
    moved = views.world_from_camera.clone()
    moved[..., :3, 3] += torch.tensor([5e6, 4.5e5, 123.0])
    far_away = predict(with_views(views, world_from_camera=moved))
    assert torch.allclose(far_away.dense_depth_m, near.dense_depth_m, rtol=1e-4)


def test_a_batch_is_its_windows_side_by_side():
    first, _ = make_views([WALL], sideways(0.0, 0.2, 0.3))
    second, _ = make_views([SLANTED_WALL, BOX_FRONT], sideways(0.0, -0.2, 0.1), near_m=0.5)
    both = Views(
        **{
            field.name: torch.cat([getattr(first, field.name), getattr(second, field.name)])
            for field in dataclasses.fields(Views)
        }
    )
    together = predict(both, 1)
    for index, views in enumerate((first, second)):
        alone = predict(views, 1)
        for name in ("depth_m", "confidence", "dense_depth_m"):
            torch.testing.assert_close(
                getattr(together, name)[index : index + 1],
                getattr(alone, name),
                rtol=0,
                atol=0,
                equal_nan=True,
            )


def test_features_of_a_view_do_not_depend_on_its_neighbours():
    views, _ = make_views([WALL], sideways(0.0, 0.2, 0.3))
    sweep = PlaneSweep()
    together = sweep.encode_views(views.images)
    alone = ViewFeatures.concatenate(
        [sweep.encode_views(views.images[:, view : view + 1]) for view in range(3)]
    )
    assert together.maps.keys() == alone.maps.keys()
    for name, values in together.maps.items():
        assert torch.equal(values, alone.maps[name])


def test_prediction_looks_at_features_only():
    views, _ = make_views([WALL, BOX_FRONT], sideways(0.0, 0.2, 0.3))
    sweep = PlaneSweep()
    features = sweep.encode_views(views.images)
    seen = sweep.predict(views, features, 0)
    blind = sweep.predict(with_views(views, images=torch.zeros_like(views.images)), features, 0)
    assert torch.equal(seen.dense_depth_m, blind.dense_depth_m)
    assert torch.equal(seen.confidence, blind.confidence)


def test_exposure_does_not_matter():
    views, truth = make_views([SLANTED_WALL], sideways(*PLACES_M))
    images = views.images.clone()
    images[:, 1] = images[:, 1] * 0.6 + 0.1
    images[:, 2] = images[:, 2] * 1.2 - 0.1
    errors, coverage = relative_errors(predict(with_views(views, images=images)), truth[0])
    assert coverage > 0.75
    assert errors.median() < 0.012


@pytest.mark.parametrize(
    "poses",
    [
        [make_pose()] * 3,
        [make_pose(), make_pose(yaw_deg=4), make_pose(yaw_deg=-4)],
        sideways(0.0, 0.002, 0.004),
    ],
    ids=["standing still", "turning on the spot", "2 mm apart"],
)
def test_without_baseline_nothing_is_known(poses):
    views, _ = make_views([WALL, BOX_FRONT], poses, noise=0.005)
    prediction = predict(views)
    assert prediction.depth_m.isnan().all()
    assert (prediction.confidence == 0).all()


def test_a_blank_wall_is_unknown():
    views, _ = make_views([replace(WALL, contrast=0.0)], sideways(*PLACES_M), noise=0.003)
    assert predict(views).depth_m.isfinite().float().mean() < 0.01


@pytest.mark.parametrize("near_m, far_m", [(0.5, 1.8), (3.5, 12.0)], ids=["too far", "too near"])
def test_a_wall_outside_the_depth_range_is_unknown(near_m, far_m):
    views, _ = make_views([WALL], sideways(*PLACES_M), near_m=near_m, far_m=far_m)
    prediction = predict(views)
    assert prediction.depth_m.isfinite().float().mean() < 0.01
    assert (prediction.dense_depth_m >= near_m).all()
    assert (prediction.dense_depth_m <= far_m).all()


def test_wrong_poses_leave_little_to_publish():
    views, _ = make_views([SLANTED_WALL, BOX_FRONT], sideways(*PLACES_M))
    swapped = views.world_from_camera[:, [0, 3, 1, 2]].clone()
    swapped[..., 1, 3] *= -3
    prediction = predict(with_views(views, world_from_camera=swapped))
    assert prediction.depth_m.isfinite().float().mean() < 0.2


@pytest.mark.parametrize(
    "near_m, far_m", [(3.0, 3.0), (4.0, 2.0), (0.0, 2.0), (1.0, float("inf")), (float("nan"), 2.0)]
)
def test_no_depth_range_is_an_error(near_m, far_m):
    views, _ = make_views([WALL], sideways(0.0, 0.2), near_m=near_m, far_m=far_m)
    with pytest.raises(PlaneSweepError, match="near_m is .* and far_m"):
        predict(views)


@pytest.mark.parametrize("reference", [-1, 2])
def test_a_reference_outside_the_window_is_an_error(reference):
    views, _ = make_views([WALL], sideways(0.0, 0.2))
    with pytest.raises(PlaneSweepError, match=f"reference is {reference}; .* 0 to 1"):
        predict(views, reference)


def test_a_single_view_is_an_error():
    views, _ = make_views([WALL], sideways(0.0))
    with pytest.raises(PlaneSweepError, match="at least 2 views"):
        predict(views)


def test_a_tiny_image_is_an_error():
    with pytest.raises(PlaneSweepError, match="31x40 px"):
        PlaneSweep().encode_views(torch.zeros(1, 1, 3, 40, 31))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_finds_the_same_depth():
    views, truth = make_views([SLANTED_WALL, BOX_FRONT], sideways(*PLACES_M), noise=0.005)
    on_cpu = predict(views)
    on_gpu = predict(
        Views(**{f.name: getattr(views, f.name).cuda() for f in dataclasses.fields(Views)})
    )
    difference = (on_gpu.dense_depth_m.cpu() / on_cpu.dense_depth_m - 1).abs()
    assert (difference < 1e-3).float().mean() > 0.99
    is_known = on_gpu.depth_m.isfinite().cpu() == on_cpu.depth_m.isfinite()
    assert is_known.float().mean() > 0.99
    errors, coverage = relative_errors(predict(views), truth[0])
    assert coverage > 0.7
    assert errors.median() < 0.01
