# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.lighting import bake
from depthsplat_ros.simulation.lights import AreaLight, SunBeam
from depthsplat_ros.simulation.solids import box, placement
from depthsplat_ros.simulation.visibility import Shapes

WHITE = finishes.plain("#ffffff", 0.0)
HEIGHT_M = 2.0


def floor(size_m=4.0):
    return box((size_m, size_m, 0.1), WHITE, placement(z_m=-0.05), is_obstacle=False)


def lamp(half_m=0.2, radiance=(3.0, 2.0, 1.0)):
    return AreaLight(
        centre_m=np.array([0.0, 0.0, HEIGHT_M]),
        half_u_m=np.array([half_m, 0.0, 0.0]),
        half_v_m=np.array([0.0, -half_m, 0.0]),
        radiance=radiance,
    )


class Lit:
    """Irradiance on the top of the first solid, to be asked for at points of the floor."""

    def __init__(self, solids, lights, albedo=0.0):
        charts, irradiance = bake(
            solids, Shapes.of(solids), lights, torch.full((len(solids), 3), albedo), lambda: None
        )
        size = 2 * solids[0].half_size_m[0]
        width, height = int(charts.widths[5]), int(charts.heights[5])
        start = int(charts.starts[5])
        self.values = irradiance[start : start + width * height].reshape(height, width, 3)
        self.step_m, self.size_m = size / (width - 1), size

    def at(self, x_m, y_m=0.0):
        column = round((x_m + self.size_m / 2) / self.step_m)
        row = round((y_m + self.size_m / 2) / self.step_m)
        return self.values[row, column]


@pytest.mark.parametrize("x_m", [0.0, 0.5, 1.2])
def test_small_lamp_lights_the_floor_as_the_law_of_distance_says(x_m):
    lit = Lit([floor()], [lamp(0.05)])
    square = x_m**2 + HEIGHT_M**2
    cosine = HEIGHT_M / math.sqrt(square)
    expected = 0.1**2 * cosine**2 / square
    torch.testing.assert_close(
        lit.at(x_m), expected * torch.tensor([3.0, 2.0, 1.0]), rtol=0.01, atol=0
    )


def test_lamp_shines_to_one_side_only():
    above = AreaLight(
        centre_m=np.array([0.0, 0.0, HEIGHT_M]),
        half_u_m=np.array([0.2, 0.0, 0.0]),
        half_v_m=np.array([0.0, 0.2, 0.0]),
        radiance=(3.0, 3.0, 3.0),
    )
    assert float(Lit([floor()], [above]).values.max()) == 0


def test_shadow_is_dark_inside_soft_at_its_edge_and_absent_beside():
    table = box((1.0, 1.0, 0.05), WHITE, placement(z_m=1.0))
    open_floor, shaded = Lit([floor()], [lamp()]), Lit([floor(), table], [lamp()])

    def share(x_m):
        return float(shaded.at(x_m)[0] / open_floor.at(x_m)[0])

    # The table's edge at 0.5 m casts the lamp's two ends to 0.8 and 1.2 m.
    assert share(0.0) == 0
    assert share(0.6) == 0
    assert 0.2 < share(1.0) < 0.8
    assert share(1.5) == pytest.approx(1, abs=0.02)


def test_sun_lights_the_outline_of_the_window():
    towards = np.array([0.0, 0.0, 1.0])
    window = SunBeam(
        centre_m=np.array([0.5, 0.0, HEIGHT_M]),
        half_u_m=np.array([0.4, 0.0, 0.0]),
        half_v_m=np.array([0.0, 0.3, 0.0]),
        towards_sun=towards,
        radiance=(5.0, 5.0, 5.0),
    )
    lit = Lit([floor()], [window])
    torch.testing.assert_close(lit.at(0.5), torch.full((3,), 5.0), rtol=1e-3, atol=0)
    assert float(lit.at(0.75, 0.15)[0]) == pytest.approx(5.0, rel=1e-3)
    assert float(lit.at(-0.5)[0]) == 0
    assert float(lit.at(0.5, 0.6)[0]) == 0


def closed_room(side_m=2.0):
    slabs = [(0, -1), (0, 1), (1, -1), (1, 1), (2, -1), (2, 1)]
    solids = []
    for axis, sign in slabs:
        size, centre = [side_m + 0.2] * 3, [0.0, 0.0, 0.0]
        size[axis], centre[axis] = 0.1, sign * (side_m / 2 + 0.05)
        solids.append(box(tuple(size), WHITE, placement(*centre)))
    # The floor first: it is looked at.
    return [solids[4], *solids[:4], solids[5]]


def test_light_in_a_closed_white_room_grows_as_the_sum_of_its_bounces():
    ceiling_lamp = AreaLight(
        centre_m=np.array([0.0, 0.0, 0.99]),
        half_u_m=np.array([0.9, 0.0, 0.0]),
        half_v_m=np.array([0.0, -0.9, 0.0]),
        radiance=(1.0, 1.0, 1.0),
    )
    dark, bright = (
        Lit(closed_room(), [ceiling_lamp], albedo).values[10:-10, 10:-10].mean()
        for albedo in (0.0, 0.5)
    )
    # Of the light that leaves the lamp half returns to the surfaces, then a quarter, ...
    assert 1.3 < float(bright / dark) < 2.2


def test_light_of_an_upper_room_stays_above_its_floor():
    divided = [floor(4.0), box((6.0, 6.0, 0.1), WHITE, placement(z_m=1.0))]
    assert float(Lit(divided, [lamp()], 0.8).values[20:-20, 20:-20].max()) == 0


def test_step_that_raises_ends_the_work():
    class Enough(Exception):
        pass

    def stop():
        raise Enough

    with pytest.raises(Enough):
        bake([floor()], Shapes.of([floor()]), [lamp()], torch.zeros(1, 3), stop)
