# SPDX-License-Identifier: Apache-2.0
"""From words to depth with real networks; their weights are seeded, so depth means nothing."""

import json
import os
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import SECOND_NS, make_frame, make_pose
from model.tiny import tiny_model

from depthsplat_ros.camera import Camera
from depthsplat_ros.model import zoo
from depthsplat_ros.model.checkpoint import save_depthsplat
from depthsplat_ros.model.loading import load_network
from depthsplat_ros.model.precision import Precision
from depthsplat_ros.model.types import Views
from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming import factory
from depthsplat_ros.streaming.config import DEFAULT_MODEL, PRECISIONS, StreamingConfig
from depthsplat_ros.streaming.device_errors import DeviceLostError
from depthsplat_ros.streaming.factory import (
    DeviceError,
    ModelError,
    create_reconstructor,
)
from depthsplat_ros.streaming.reconstructor import (
    Reconstruction,
    Skipped,
    StreamingReconstructor,
)
from depthsplat_ros.streaming.skips import SkipReason
from depthsplat_ros.streaming.working_size import fit_to_working_size

ORACLE = Path(
    os.environ.get("DEPTHSPLAT_ORACLE", Path(__file__).resolve().parents[3] / "shared" / "oracle")
)
# No side is a multiple of anything, and the principal point is off the centre.
CAMERA = Camera(width_px=150, height_px=110, fx_px=120.0, fy_px=125.0, cx_px=80.0, cy_px=50.0)
CONFIG = StreamingConfig(longer_side_px=128, near_m=0.5, far_m=20.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Writes a small network under a file name that may tell whose view range is meant."""
    folder = tmp_path_factory.mktemp("weights")

    def write(name="own.safetensors", **choices):
        if not (folder / name).exists():
            save_depthsplat(tiny_model(**choices), folder / name)
        return str(folder / name)

    return write


def frames(count, scale=1.0):
    """What a camera sees that moves sideways past noise; `scale` enlarges its world."""
    for index in range(count):
        noise = np.random.default_rng(index).integers(0, 256, (11, 15, 3), np.uint8)
        yield make_frame(
            stamp_ns=(10 + index) * SECOND_NS // 5,
            image=np.repeat(np.repeat(noise, 10, axis=0), 10, axis=1),
            camera=CAMERA,
            world_from_camera=make_pose(0.15 * scale * index, 0.01 * scale, yaw_deg=float(index)),
        )


def walk(model, config=CONFIG, *, count=5, scale=1.0, **words):
    """What comes out for these frames."""
    reconstructor = create_reconstructor(config, model=model, device="cpu", **words)
    return [reconstructor.push(frame) for frame in frames(count, scale)]


@pytest.mark.parametrize("choices", [{}, {"scale_count": 1, "has_gaussians": False}])
def test_a_network_gives_finite_depth_of_its_size_within_near_and_far(weights, choices):
    outcomes = walk(weights(f"own-{len(choices)}.safetensors", **choices))
    assert outcomes[0].reason is SkipReason.WAITING_FOR_PARTNER
    for outcome in outcomes[1:]:
        assert isinstance(outcome, Reconstruction)
        # 150x110 becomes 128x94, of which multiples of 32 are 128x64.
        assert outcome.dense_depth_m.shape == outcome.frame.image.shape[:2] == (64, 128)
        assert np.isfinite(outcome.dense_depth_m).all()
        assert outcome.dense_depth_m.min() >= 0.5 * (1 - 1e-6)
        assert outcome.dense_depth_m.max() <= 20.0 * (1 + 1e-6)
        assert np.isfinite(outcome.depth_m).mean() > 0.5
        assert outcome.dense_depth_m.std() > 0.01
    assert len(outcomes[-1].partner_stamps_ns) == 3


def test_in_a_world_twice_as_large_the_depth_is_twice_as_large(weights):
    twice = replace(CONFIG, near_m=1.0, far_m=40.0, maximum_speed_mps=20.0)
    for small, large in zip(walk(weights()), walk(weights(), twice, scale=2.0), strict=True):
        if isinstance(small, Reconstruction):
            assert small.partner_stamps_ns == large.partner_stamps_ns
            np.testing.assert_allclose(large.dense_depth_m, 2 * small.dense_depth_m, rtol=2e-3)
        else:
            assert large.reason is small.reason


def test_the_depth_is_that_of_the_uncut_network_on_the_same_views(weights):
    path = weights()
    network, _ = load_network(path)
    *_, last = walk(path, replace(CONFIG, window_views=2), count=2)
    width_px, height_px = 128, 64
    scale = width_px / CAMERA.width_px
    assert last.frame.camera.fx_px == pytest.approx(CAMERA.fx_px * scale)
    camera = last.frame.camera
    intrinsics = torch.eye(3).repeat(1, 2, 1, 1)
    intrinsics[..., 0, 0] = camera.fx_px / width_px
    intrinsics[..., 1, 1] = camera.fy_px / height_px
    intrinsics[..., 0, 2] = (camera.cx_px + 0.5) / width_px
    intrinsics[..., 1, 2] = (camera.cy_px + 0.5) / height_px
    images = [fit_to_working_size(frame, 128, 32).image for frame in frames(2)]
    by_hand = Views(
        images=torch.from_numpy(np.stack(images) / 255.0).float().permute(0, 3, 1, 2)[None],
        intrinsics=intrinsics,
        world_from_camera=torch.from_numpy(
            np.stack([frame.world_from_camera for frame in frames(2)])[None]
        ).float(),
        near_m=torch.full((1, 2), 0.5),
        far_m=torch.full((1, 2), 20.0),
    )
    uncut = network(by_hand).depth_m[0, 1].numpy()
    np.testing.assert_allclose(last.dense_depth_m, uncut, rtol=1e-3)


def test_a_window_waits_for_as_many_views_as_the_network_was_trained_with(weights):
    outcomes = walk(weights("own-gs-small-448x768.safetensors"), count=6)
    assert [type(outcome) for outcome in outcomes] == [Skipped] * 3 + [Reconstruction] * 3
    assert "the model needs 4" in outcomes[2].detail
    assert {len(outcome.partner_stamps_ns) for outcome in outcomes[3:]} == {3}


@pytest.mark.parametrize(
    ("name", "views", "said"),
    [("gs-base-256x256", 3, "2 to 2"), ("gs-small-448x768", 2, "4 to 10")],
)
def test_more_or_fewer_views_than_trained_with_are_refused(weights, name, views, said):
    config = replace(CONFIG, window_views=views)
    with pytest.raises(SettingError, match=f"window_views is {views}.*takes {said} views"):
        walk(weights(f"own-{name}.safetensors"), config)


def test_by_default_a_network_gets_the_views_size_and_range_it_was_trained_with(weights):
    reconstructor = create_reconstructor(
        StreamingConfig(), model=weights("own-gs-base-dl3dv-256x448.safetensors"), device="cpu"
    )
    suited = reconstructor.config
    assert (suited.longer_side_px, suited.near_m, suited.far_m) == (448, 0.5, 200.0)
    assert suited.window_views == 4
    assert reconstructor.traits.size_multiple == 32


def test_float32_and_fast_agree(weights, caplog):
    exact, fast = (walk(weights(), count=3, precision=word)[-1] for word in ("float32", "fast"))
    difference = np.abs(fast.dense_depth_m / exact.dense_depth_m - 1)
    assert 0 < np.median(difference) < 0.02
    assert "meant for GPUs" in caplog.text


def test_auto_is_float32_on_a_cpu(weights):
    exact, auto = (walk(weights(), count=3, precision=word)[-1] for word in ("float32", "auto"))
    np.testing.assert_array_equal(exact.dense_depth_m, auto.dense_depth_m)


def test_the_default_model_lies_in_the_package():
    assert zoo.entry_named(DEFAULT_MODEL).is_bundled


def test_the_words_for_precision_are_those_of_the_network():
    assert set(PRECISIONS) == {"auto", *(precision.value for precision in Precision)}


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ({"model": "depth-huge"}, ModelError, "depth-huge.*plane-sweep, tiny, depth-small"),
        ({"model": "gone.pth"}, zoo.ZooError, "there is no file gone.pth"),
        ({"device": "abacus"}, DeviceError, "abacus.*use 'cpu' or 'auto'"),
        ({"precision": "int4"}, SettingError, "'int4'.*auto, float32, fast"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(words, error, said):
    words = {"model": "plane-sweep", "device": "cpu", **words}
    with pytest.raises(error, match=said):
        create_reconstructor(CONFIG, **words)


def test_weights_that_do_not_fit_into_the_memory_are_a_clear_error(weights, monkeypatch):
    def refuse(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr(factory, "PreciseDepthSplat", refuse)
    with pytest.raises(DeviceError, match="cpu has no memory for the weights of .*own"):
        create_reconstructor(CONFIG, model=weights(), device="cpu")


def test_a_device_that_fails_while_weights_are_put_there_is_a_clear_error(weights, monkeypatch):
    def fail(*_):
        raise torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered", 214)

    monkeypatch.setattr(factory, "PreciseDepthSplat", fail)
    with pytest.raises(DeviceLostError, match="uncorrectable ECC error"):
        create_reconstructor(CONFIG, model=weights(), device="cpu")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_gpu_is_warmed_up_and_a_cpu_is_not(monkeypatch, device):
    warmed_up = []
    monkeypatch.setattr(factory, "resolve_device", lambda _: device)
    monkeypatch.setattr(StreamingReconstructor, "warm_up", lambda self: warmed_up.append(self))
    reconstructor = create_reconstructor(CONFIG, model="plane-sweep", device="auto")
    assert warmed_up == [reconstructor] * (device == "cuda")


@pytest.mark.slow
@pytest.mark.skipif(not (ORACLE / "synth_weights.py").is_file(), reason=f"no {ORACLE}")
@pytest.mark.parametrize("alias", ["depth-small", "gs-small-256x256"])
def test_a_published_network_in_its_published_layout_gives_depth(tmp_path, alias):
    entry = zoo.entry_named(alias)
    manifest = ORACLE / "manifest" / entry.file_name.replace(".pth", ".json")
    make = runpy.run_path(str(ORACLE / "synth_weights.py"))["synth_state_dict"]
    wrapper = "model" if alias.startswith("depth") else "state_dict"
    path = tmp_path / f"synthetic-{alias}.pth"
    torch.save({wrapper: make(json.loads(manifest.read_text()))}, path)
    outcomes = walk(str(path), replace(CONFIG, near_m=0.0, far_m=0.0), count=3)
    last = outcomes[-1]
    assert isinstance(last, Reconstruction)
    assert last.frame.camera.width_px % entry.config.size_multiple == 0
    assert np.isfinite(last.dense_depth_m).all()
    assert (last.dense_depth_m >= 0.5 - 1e-6).all()
    assert (last.dense_depth_m <= 100.0 + 1e-3).all()
