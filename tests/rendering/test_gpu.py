# SPDX-License-Identifier: Apache-2.0
"""gsplat behind `render`: the same answers as on a CPU, also where there is nothing to draw."""

import logging
import sys
from types import SimpleNamespace

import gsplat
import numpy as np
import pytest
import torch
from helpers import make_pose
from rendering.scenes import CAMERA, CASES, far_from_origin, random_scene, to_scene

from depthsplat_ros.rendering import (
    RenderingConfig,
    RenderingError,
    RenderingUnavailableError,
    gpu,
    render,
    unavailable_reason,
)

AWAY = make_pose(yaw_deg=180)
POSES = np.stack([make_pose(0.5, yaw_deg=10), make_pose(-0.5)])


@pytest.fixture
def device():
    reason = unavailable_reason("cuda")
    if reason is not None:
        pytest.skip(reason)
    return "cuda"


@pytest.fixture
def fresh_search():
    """The search for gsplat, asked anew, and anew by whoever comes after."""
    gpu.find_problem.cache_clear()
    yield
    gpu.find_problem.cache_clear()


@pytest.fixture
def asked(monkeypatch):
    """What gsplat is asked; it answers with grey at 3 m, or with what `asked["error"]` raises."""
    arguments = {}

    def rasterization(**given):
        if "error" in arguments:
            raise arguments["error"]
        arguments.update(given)
        shape = (len(given["viewmats"]), given["height"], given["width"])
        colour = torch.tensor([0.5, 0.5, 0.5, 3.0]).expand(*shape, 4)
        opacity = torch.ones(*shape, 1)
        opacity[:, 0] = 0
        return colour, opacity, {}

    monkeypatch.setattr(gsplat, "rasterization", rasterization)
    monkeypatch.setattr(gpu, "find_problem", lambda: None)
    return arguments


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_both_devices_show_the_same(name, device):
    case = CASES[name]()
    here = render(to_scene(case.arrays), case.camera, case.poses, case.config)
    there = render(to_scene(case.arrays, device), case.camera, case.poses, case.config)
    error = (here.colour - there.colour.cpu()).square().mean()
    assert -10 * torch.log10(error) > 60
    assert there.colour.shape == here.colour.shape
    assert (torch.isnan(here.depth_m) != torch.isnan(there.depth_m.cpu())).float().mean() < 1e-3


@pytest.mark.gpu
def test_where_nothing_is_seen_there_is_background(device):
    config = RenderingConfig(background_green=0.5)
    rendering = render(to_scene(random_scene(), device), CAMERA, AWAY, config)
    assert torch.equal(rendering.colour[0, 0].cpu(), torch.tensor([0.0, 0.5, 0.0]))
    assert torch.isnan(rendering.depth_m).all()
    assert (rendering.opacity == 0).all()


@pytest.mark.gpu
def test_some_cameras_may_see_nothing(device):
    rendering = render(to_scene(random_scene(), device), CAMERA, np.stack([AWAY, np.eye(4)]))
    assert (rendering.opacity[0] == 0).all()
    assert (rendering.opacity[1] > 0).any()


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["means_m", "scales_m", "rotations_wxyz", "opacities"])
def test_gaussians_that_are_not_finite_are_an_error_on_the_gpu_too(name, device):
    arrays = random_scene()
    arrays[name][7] = np.nan
    with pytest.raises(RenderingError, match="1 of 300 Gaussians"):
        render(to_scene(arrays, device), CAMERA, np.eye(4))


def test_gsplat_is_asked_in_its_own_conventions(asked):
    case = far_from_origin()
    config = RenderingConfig(background_red=0.25, antialiased=True, near_m=0.5, far_m=9.0)
    rendering = gpu.render_on_gpu(to_scene(case.arrays), case.camera, case.poses, config)
    # Both frames may be moved together; what is seen then is the same.
    for camera_from_local, world_from_camera in zip(asked["viewmats"], case.poses, strict=True):
        rotation, shift = camera_from_local[:3, :3], camera_from_local[:3, 3]
        expected = (case.arrays["means_m"] - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]
        np.testing.assert_allclose(asked["means"] @ rotation.T + shift, expected, atol=1e-5)
    assert asked["Ks"][1].tolist() == [[44.0, 0.0, 24.5], [0.0, 47.0, 23.0], [0.0, 0.0, 1.0]]
    assert asked["backgrounds"].tolist() == [[0.25, 0.0, 0.0]] * 2
    assert asked["sh_degree"] == 1
    assert torch.equal(asked["colors"], torch.from_numpy(case.arrays["harmonics"]).mT)
    assert asked["rasterize_mode"] == "antialiased"
    assert (asked["near_plane"], asked["far_plane"]) == (0.5, 9.0)
    assert rendering.colour.shape == (2, 41, 56, 3)
    assert torch.isnan(rendering.depth_m[:, 0]).all()
    assert (rendering.depth_m[:, 1:] == 3).all()


def test_too_little_memory_is_told_with_what_was_asked_for(asked):
    asked["error"] = torch.OutOfMemoryError("out of memory")
    with pytest.raises(RenderingError, match="2 x 56 x 41 px of 300 Gaussians: render fewer"):
        gpu.render_on_gpu(to_scene(random_scene()), CAMERA, POSES, RenderingConfig())


def test_a_failure_of_gsplat_is_told_with_the_remedy(asked):
    asked["error"] = RuntimeError("no kernel image is available")
    with pytest.raises(RenderingUnavailableError, match="no kernel image .* render on the CPU"):
        gpu.render_on_gpu(to_scene(random_scene()), CAMERA, POSES, RenderingConfig())


@pytest.mark.usefixtures("fresh_search")
@pytest.mark.parametrize(
    "module, reason", [("gsplat", "cannot be imported"), ("gsplat.cuda._backend", "be compiled")]
)
def test_that_gsplat_is_missing_is_said_once(module, reason, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delattr(gsplat.cuda, "_backend", raising=False)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(RenderingUnavailableError, match=f"{reason} .* install gsplat"):
                gpu.render_on_gpu(to_scene(random_scene()), CAMERA, POSES, RenderingConfig())
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("fresh_search")
def test_without_a_compiler_the_toolkit_is_named(monkeypatch):
    backend = SimpleNamespace(_C=None)
    monkeypatch.setitem(sys.modules, "gsplat.cuda._backend", backend)
    monkeypatch.setattr(gsplat.cuda, "_backend", backend, raising=False)
    assert "finds no CUDA toolkit: install gsplat" in gpu.find_problem()
