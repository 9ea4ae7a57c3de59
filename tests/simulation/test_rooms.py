# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from depthsplat_ros.simulation.lights import SunBeam
from depthsplat_ros.simulation.rooms import ROOMS, make_room, plan_room
from depthsplat_ros.simulation.trajectory import drive
from depthsplat_ros.simulation.visibility import NOTHING, Shapes, trace_grid
from depthsplat_ros.simulation.world import WorldError

PLAIN = {"plain", "carpet", "concrete"}


def outline(plan):
    return np.array([solid.world_from_solid for solid in plan.solids])


@pytest.mark.parametrize("kind", list(ROOMS))
def test_seed_decides_about_everything(kind):
    first, again, other = (plan_room(kind, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(outline(first), outline(again))
    assert [s.material for s in first.solids] == [s.material for s in again.solids]
    assert [s.material for s in first.solids] != [s.material for s in other.solids]


@pytest.mark.parametrize("kind", list(ROOMS))
@pytest.mark.parametrize("seed", range(4))
def test_rooms_are_closed_wherever_the_robot_looks(kind, seed):
    plan = plan_room(kind, seed)
    trajectory = drive(plan.solids, seed)
    shapes = Shapes.of(plan.solids)
    tangents = torch.linspace(-1.2, 1.2, 48)
    for time_s in np.linspace(0, trajectory.period_s, 12, endpoint=False):
        depth, index = trace_grid(shapes, trajectory.world_from_camera(time_s), tangents, tangents)
        assert (index != NOTHING).all()
        assert float(depth.min()) > 0.05
        assert float(depth.max()) < 25
        # Many things, not one wall, are seen from most places.
    assert len(torch.unique(index)) > 3


def test_furnished_rooms_have_furniture_and_many_textures():
    for kind in ("living_room", "office"):
        plan = plan_room(kind, 0)
        assert len(plan.solids) > 200
        assert len({solid.material.texture for solid in plan.solids}) > 10
        assert any(isinstance(light, SunBeam) for light in plan.lights)


def test_bare_room_has_little_texture():
    plan = plan_room("bare_room", 0)

    def area(solid):
        x, y, z = solid.half_size_m
        return x * y + y * z + x * z

    areas = [(area(solid), solid.material.texture in PLAIN) for solid in plan.solids]
    assert sum(a for a, is_plain in areas if is_plain) > 0.8 * sum(a for a, _ in areas)


def test_unknown_room_is_named_with_those_there_are():
    with pytest.raises(
        WorldError, match="no room 'cellar': choose one of living_room, office, bare_room"
    ):
        make_room("cellar", 0)
