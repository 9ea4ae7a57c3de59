# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from depthsplat_ros.simulation import finishes
from depthsplat_ros.simulation.solids import Kind, Solid, placement
from depthsplat_ros.simulation.surfaces import FACES, Charts, faces_of, locate

GREY = finishes.plain("#808080")
HALF_M = (0.3, 0.3, 0.7)


def solid(kind):
    return Solid(
        kind=kind,
        half_size_m=HALF_M,
        world_from_solid=placement(1, 2, 3, 0.4, 0.5, 0.6),
        material=GREY,
    )


def as_triple(points):
    return tuple(torch.from_numpy(points.T.copy()).float())


@pytest.mark.parametrize("kind", list(Kind))
def test_every_texel_is_found_where_it_was_placed(kind):
    part = solid(kind)
    charts = Charts.of([part], 0.1)
    points, normals, owners = charts.texels([part])
    local = (points - part.world_from_solid[:3, 3]) @ part.world_from_solid[:3, :3]
    inwards = -(normals @ part.world_from_solid[:3, :3])
    place = locate(
        kind,
        as_triple(local / HALF_M),
        as_triple(inwards / HALF_M),
        as_triple(np.broadcast_to(HALF_M, local.shape)),
    )
    assert set(owners[:, 0].tolist()) == set(faces_of(kind))
    # Rims of a cylinder belong to the side and to a cap: compare texels off the rims.
    column, row = charts.columns_and_rows(torch.from_numpy(owners[:, 0]))
    inner = (column > 0) & (row > 0)
    inner &= column < charts.widths[owners[:, 0]] - 1
    inner &= row < charts.heights[owners[:, 0]] - 1
    if kind is Kind.CYLINDER:
        inner &= torch.from_numpy((owners[:, 0] < 4) | (np.hypot(*local[:, :2].T) < 0.29))
    np.testing.assert_allclose(place.cosine[inner], 1, atol=1e-4)
    assert torch.equal(place.face[inner], torch.from_numpy(owners[:, 0]).int()[inner])
    corners, right, below = charts.corners(place.face, place.u, place.v)
    nearest = (right > 0.5).long() + 2 * (below > 0.5).long()
    found = corners.gather(0, nearest[None])[0]
    assert torch.equal(found[inner], torch.arange(len(points))[inner])


def test_texels_are_about_as_far_apart_as_asked():
    charts = Charts.of([solid(Kind.BOX)], 0.1)
    # Face -x spans y (0.6 m) and z (1.4 m), both ends included.
    assert (int(charts.widths[0]), int(charts.heights[0])) == (7, 15)
    assert charts.count == int((charts.widths * charts.heights).sum())


def test_interpolating_a_linear_field_is_exact():
    charts = Charts.of([solid(Kind.BOX)], 0.1)
    values = torch.arange(charts.count).float()
    face, u, v = torch.tensor([3]), torch.tensor([0.37]), torch.tensor([0.81])
    corners, right, below = charts.corners(face, u, v)
    upper = torch.lerp(values[corners[0]], values[corners[1]], right)
    lower = torch.lerp(values[corners[2]], values[corners[3]], right)
    width, height = int(charts.widths[3]), int(charts.heights[3])
    expected = charts.starts[3] + v * (height - 1) * width + u * (width - 1)
    torch.testing.assert_close(torch.lerp(upper, lower, below), expected, rtol=1e-5, atol=1e-3)


def test_smoothing_keeps_a_constant_and_never_crosses_charts():
    charts = Charts.of([solid(Kind.BOX)], 0.1)
    owners = torch.repeat_interleave(torch.arange(FACES), charts.widths * charts.heights)
    values = owners[:, None].float().expand(-1, 3)
    torch.testing.assert_close(charts.smooth(values), values)


def test_smoothing_spreads_a_bright_texel():
    charts = Charts.of([solid(Kind.BOX)], 0.1)
    values = torch.zeros(charts.count, 3)
    middle = int(charts.starts[0] + 7 * charts.widths[0] + 3)
    values[middle] = 16.0
    smoothed = charts.smooth(values)
    assert float(smoothed[middle, 0]) == 4.0
    assert float(smoothed[middle + 1, 0]) == 2.0
    assert float(smoothed[:, 0].sum()) == 16.0
