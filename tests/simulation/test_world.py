# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.lights import AreaLight
from depthsplat_ros.simulation.solids import box, placement
from depthsplat_ros.simulation.world import WorldError, build_world

CRATE = box((1, 1, 1), finishes.plain("#808080"), placement())
LAMP = AreaLight(
    centre_m=np.array([0.0, 0.0, 0.2]),
    half_u_m=np.array([0.1, 0.0, 0.0]),
    half_v_m=np.array([0.0, 0.1, 0.0]),
    radiance=(1.0, 1.0, 1.0),
)


def test_world_needs_solids_and_lights():
    with pytest.raises(WorldError, match="needs solids and lights, not 1 and 0"):
        build_world([CRATE], [])


def test_lamp_inside_a_solid_is_reported():
    with pytest.raises(WorldError, match="no light reaches any surface: move the lights"):
        build_world([CRATE], [LAMP])
