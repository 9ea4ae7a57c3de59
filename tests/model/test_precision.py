# SPDX-License-Identifier: Apache-2.0
import logging
from dataclasses import replace

import pytest
import torch
from model.tiny import tiny_model, window

from depthsplat_ros.model.precision import PreciseDepthSplat, Precision, tensor_float_32
from depthsplat_ros.streaming.factory import UNKNOWN_NETWORK

CPU = torch.device("cpu")


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
