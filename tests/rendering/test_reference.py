# SPDX-License-Identifier: Apache-2.0
"""The compiled rasteriser against the rules written down plainly."""

import numpy as np
import pytest
from rendering.reference import draw, harmonics_in
from rendering.scenes import CASES, to_scene

from depthsplat_ros.rendering import render
from depthsplat_ros.rendering.harmonics import fill_basis


# The order of equal depths is a matter of rounding, on the wall; the room is large.
@pytest.mark.parametrize("name", sorted(CASES.keys() - {"facing_wall", "room"}))
def test_every_rule_is_followed(name):
    case = CASES[name]()
    rendering = render(to_scene(case.arrays), case.camera, case.poses, case.config)
    poses = case.poses.reshape(-1, 4, 4)
    for index, pose in zip(np.ndindex(case.poses.shape[:-2]), poses, strict=True):
        colour, depth_m, opacity = draw(case.arrays, case.camera, pose, case.config)
        assert 0 < opacity.mean() < 1
        np.testing.assert_allclose(rendering.colour[index], colour, atol=2e-5)
        np.testing.assert_allclose(rendering.opacity[index], opacity, atol=2e-5)
        # Where little is seen, its mean depth is a ratio of small numbers.
        np.testing.assert_allclose(rendering.depth_m[index], depth_m, rtol=1e-3)


def test_harmonics_are_those_of_legendre():
    rng = np.random.default_rng(0)
    for direction in rng.normal(size=(20, 3)):
        direction /= np.linalg.norm(direction)
        basis = np.empty(25)
        fill_basis(*direction, basis)
        np.testing.assert_allclose(basis, harmonics_in(direction, 25), atol=1e-6)
