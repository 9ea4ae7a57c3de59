# SPDX-License-Identifier: Apache-2.0
import logging
from dataclasses import fields, replace

import pytest
import torch
from model.tiny import tiny_model, window

from depthsplat_ros.model.precision import PreciseDepthSplat, Precision, tensor_float_32
from depthsplat_ros.model.types import ViewFeatures, Views
from depthsplat_ros.streaming.factory import UNKNOWN_NETWORK

CPU = torch.device("cpu")


def fields_of(instance):
    return [(field.name, getattr(instance, field.name)) for field in fields(instance)]


def predictor(precision, *, overflows_in="nothing"):
    model = tiny_model(scale_count=1)
    # Layers whose output then leaves the range of float16, and is normalised right after.
    if overflows_in == "encode_views":
        model.depth.backbone.stem.weight *= 1e5
    if overflows_in == "predict":
        model.depth.scales[0].unet.middle[0].conv1.weight *= 1e5
    return PreciseDepthSplat(model, CPU, precision, UNKNOWN_NETWORK)


def depth_of(network, views):
    return network.predict(views, network.encode_views(views.images), 0).dense_depth_m


@torch.no_grad()
def test_float32_is_the_network_itself():
    views = window(2)
    assert torch.equal(
        depth_of(predictor(Precision.FLOAT32), views), depth_of(tiny_model(scale_count=1), views)
    )


def test_fast_is_nearly_the_same_and_keeps_features_in_half_the_memory():
    views, fast = window(2), predictor(Precision.FAST)
    features = fast.encode_views(views.images)
    assert {values.dtype for values in features.maps.values()} == {torch.float16}
    depth_m = fast.predict(views, features, 0).dense_depth_m
    assert depth_m.dtype == torch.float32
    difference = depth_m / depth_of(predictor(Precision.FLOAT32), views) - 1
    assert difference.abs().median() < 3e-3
    assert fast.precision is Precision.FAST
    scene = fast.predict_scene(views, features)
    torch.testing.assert_close(scene.depth_m[:, 0], depth_m, rtol=1e-2, atol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_kernels_and_graphs_say_nearly_what_float32_says_window_after_window():
    gpu = torch.device("cuda")
    fast = PreciseDepthSplat(tiny_model(), gpu, Precision.FAST, UNKNOWN_NETWORK)
    exact = tiny_model()
    for seed in range(4):
        views = window(4, seed=seed)
        on_gpu = Views(**{name: values.to(gpu) for name, values in fields_of(views)})
        alone = [fast.encode_views(on_gpu.images[:, view : view + 1]) for view in range(4)]
        features = ViewFeatures.concatenate(alone)
        expected = exact(views)
        found = fast.predict_scene(on_gpu, features)
        for reference in (0, 2):
            depth_m = fast.predict(on_gpu, features, reference).dense_depth_m
            torch.testing.assert_close(depth_m, found.depth_m[:, reference], rtol=1e-2, atol=0)
        difference = found.depth_m.cpu() / expected.depth_m - 1
        assert difference.abs().median() < 1e-2
        for name, values in fields_of(expected.gaussians):
            away = getattr(found.gaussians, name).cpu() - values
            assert away.abs().median() < 1e-2 * values.abs().mean(), name
    assert fast.precision is Precision.FAST


@pytest.mark.parametrize("method", ["encode_views", "predict"])
def test_an_overflow_is_computed_again_in_float32_and_said_once(method, caplog):
    views = window(2)
    fast = predictor(Precision.FAST, overflows_in=method)
    with caplog.at_level(logging.WARNING):
        first, second = depth_of(fast, views), depth_of(fast, views)
    assert fast.precision is Precision.FLOAT32
    assert [record.getMessage() for record in caplog.records] == [
        f"float16 overflowed in {method}: computing in float32 from now on"
    ]
    exact = depth_of(predictor(Precision.FLOAT32, overflows_in=method), views)
    assert torch.equal(second, exact)
    assert first.isfinite().all()
    assert ((first / exact - 1).abs() < 3e-2).float().mean() > 0.9


class FullOfGraphs:
    """Stands for CUDA graphs on a GPU without room for one more."""

    def __init__(self, *, holds_any):
        self._holds_any = holds_any

    def __call__(self, name, function, inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    def clear(self):
        return self._holds_any


def test_for_want_of_memory_graphs_are_given_up_before_the_result():
    views, fast = window(2), predictor(Precision.FAST)
    expected = depth_of(fast, views)
    fast._graphs = FullOfGraphs(holds_any=True)
    assert torch.equal(depth_of(fast, views), expected)
    fast._graphs = FullOfGraphs(holds_any=False)
    with pytest.raises(torch.OutOfMemoryError):
        depth_of(fast, views)


def test_an_input_that_is_not_finite_does_not_cost_the_precision():
    views, fast = window(2), predictor(Precision.FAST)
    broken = replace(views, images=views.images.clone())
    broken.images[0, 0, 0, 5, 5] = torch.nan
    features = fast.encode_views(broken.images)
    assert fast.precision is Precision.FAST
    prediction = fast.predict(broken, features, 0)
    assert fast.precision is Precision.FAST
    assert prediction.depth_m.isnan().all()
    assert (prediction.confidence == 0).all()


def test_tensor_float_32_is_as_before_after_the_block():
    before = torch.backends.cudnn.allow_tf32
    with pytest.raises(ZeroDivisionError), tensor_float_32(not before):
        assert torch.backends.cudnn.allow_tf32 is not before
        assert torch.backends.cuda.matmul.allow_tf32 is not before
        raise ZeroDivisionError
    assert torch.backends.cudnn.allow_tf32 is before
