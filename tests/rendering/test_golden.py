# SPDX-License-Identifier: Apache-2.0
"""The CPU's rasteriser against pictures that gsplat made on a GPU; see `make_golden.py`."""

import numpy as np
import pytest
from rendering.make_golden import GOLDEN
from rendering.scenes import CASES, to_scene

from depthsplat_ros.rendering import render

LEAST_PSNR_DB = 80.0


@pytest.fixture(params=CASES)
def golden(request):
    """A recording, and our rendering of the scene that it holds."""
    with np.load(GOLDEN / f"{request.param}.npz") as file:
        recorded = dict(file)
    case = CASES[request.param]()
    arrays = {
        name.removeprefix("scene_"): array
        for name, array in recorded.items()
        if name.startswith("scene_")
    }
    return recorded, render(to_scene(arrays), case.camera, case.poses, case.config)


def test_colours_are_those_of_gsplat(golden):
    recorded, rendering = golden
    error = np.mean((rendering.colour.numpy() - recorded["colour"]) ** 2)
    assert -10 * np.log10(error) > LEAST_PSNR_DB


def test_depths_and_opacities_are_those_of_gsplat(golden):
    recorded, rendering = golden
    depth_m, opacity = rendering.depth_m.numpy(), rendering.opacity.numpy()
    # Rounding decides about a pixel at the very edge of a Gaussian, which adds 1/255 there.
    is_clear = (np.isfinite(depth_m) & np.isfinite(recorded["depth_m"])) & (opacity > 0.1)
    assert is_clear.mean() > 0.1
    ratio = depth_m[is_clear] / recorded["depth_m"][is_clear]
    assert np.abs(ratio - 1).mean() < 1e-4
    assert np.abs(opacity - recorded["opacity"]).mean() < 1e-4
    assert (np.isfinite(depth_m) != np.isfinite(recorded["depth_m"])).mean() < 1e-3
