# SPDX-License-Identifier: Apache-2.0
"""Which solids stand in which beams of light."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.simulation.visibility import CUBE, Shapes, find_blocked

CELL_M = 0.6
"""Beams that start in one cube of this size are paired with solids together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beams:
    """Narrow cones from points of surfaces to a light."""

    starts: Float[Tensor, "3 beam"]
    middles: Float[Tensor, "3 beam"]
    targets: Float[Tensor, "3 beam sample"]
    """Points on the light, none farther from the beam's middle than `spread_m`."""
    spread_m: float


def cast_shadows(
    shapes: Shapes,
    beams: Beams,
    strength: Float[Tensor, "beam sample"],
    on_step: Callable[[], None],
) -> None:
    """Set to 0 the strength of samples that a solid hides; most pairs are ruled out beforehand."""
    centres = shapes.world_from_unit[:, :, 3]
    radii = np.linalg.norm(shapes.world_from_unit[:, :, :3] @ CUBE.T, axis=1).max(axis=1)
    cells, cell_passes = _pair_cells(shapes, radii, beams)
    by_cell = cells.argsort()
    sizes = torch.bincount(cells, minlength=cell_passes.shape[1])
    firsts = sizes.cumsum(0) - sizes
    samples = strength.shape[1]
    is_open = torch.ones(len(cells), dtype=torch.bool)
    ways = beams.middles - beams.starts
    square = ways.square().sum(dim=0).clamp(min=1e-9)
    # Large ones first: what a wall hides need not be tried against the rest.
    for solid in np.argsort(-radii).tolist():
        on_step()
        chosen = cell_passes[solid].nonzero().squeeze(1)
        near = by_cell[_join_ranges(firsts[chosen], sizes[chosen])]
        near = near[is_open[near]]
        if len(near) == 0:
            continue
        start, way = beams.starts.index_select(1, near), ways.index_select(1, near)
        offset = torch.from_numpy(centres[solid]).float()[:, None] - start
        share = ((offset * way).sum(dim=0) / square[near]).clamp_(0, 1)
        gap = (offset - share * way).square().sum(dim=0)
        kept = (gap < (beams.spread_m * share + radii[solid]).square()).nonzero().squeeze(1)
        near, start = near[kept], start.index_select(1, kept)
        affine = torch.from_numpy(shapes.unit_from_world[solid]).float()
        begin = affine[:, :3] @ start + affine[:, 3:]
        end = begin + affine[:, :3] @ way.index_select(1, kept)
        reach = beams.spread_m * affine[:, :3].norm(dim=1, keepdim=True)
        apart = _are_beyond_a_face(begin, 0.0, end, reach)
        kept = (~apart.any(dim=0)).nonzero().squeeze(1)
        if len(kept) == 0:
            continue
        near = near[kept]
        starts = start.index_select(1, kept)[:, :, None].expand(-1, -1, samples).reshape(3, -1)
        blocked = find_blocked(
            shapes, solid, starts, beams.targets.index_select(1, near).reshape(3, -1)
        )
        left = strength[near].masked_fill_(blocked.reshape(-1, samples), 0.0)
        strength[near] = left
        is_open[near] = left.any(dim=1)


def _join_ranges(firsts: Int[Tensor, " range"], sizes: Int[Tensor, " range"]) -> Tensor:
    """All numbers of all ranges."""
    ends = sizes.cumsum(0)
    offsets = torch.repeat_interleave(firsts - ends + sizes, sizes)
    return offsets + torch.arange(len(offsets))


def _pair_cells(
    shapes: Shapes, radii: Float64[ndarray, " solid"], beams: Beams
) -> tuple[Int[Tensor, " beam"], Bool[Tensor, "solid cell"]]:
    """The cell of space each beam starts in, and which solids come near the beams of each cell."""
    keys, cells = torch.unique((beams.starts / CELL_M).floor().long(), dim=1, return_inverse=True)
    count = keys.shape[1]
    start = (keys + 0.5) * CELL_M
    weight = torch.bincount(cells, minlength=count).clamp(min=1)
    end = torch.zeros(3, count).index_add_(1, cells, beams.middles) / weight
    # How far a cell's beams begin and end from its middle one.
    start_off = CELL_M / 2 * 3**0.5
    gaps = (beams.middles - end.index_select(1, cells)).norm(dim=0)
    end_off = torch.zeros(count).scatter_reduce_(0, cells, gaps, "amax") + beams.spread_m
    centres = torch.from_numpy(shapes.world_from_unit[:, :, 3]).float()
    way = end - start
    offset = centres[:, :, None] - start
    share = (offset * way).sum(dim=1) / way.square().sum(dim=0).clamp(min=1e-9)
    gap = (offset - share.clamp(0, 1)[:, None] * way).norm(dim=1)
    near = gap < torch.from_numpy(radii).float()[:, None] + end_off.clamp(min=start_off)
    affine = torch.from_numpy(shapes.unit_from_world).float()
    steepness = affine[:, :, :3].norm(dim=2, keepdim=True)
    begin = affine[:, :, :3] @ start + affine[:, :, 3:]
    finish = affine[:, :, :3] @ end + affine[:, :, 3:]
    apart = _are_beyond_a_face(begin, steepness * start_off, finish, steepness * end_off)
    return cells, near & ~apart.any(dim=1)


def _are_beyond_a_face(
    begin: Float[Tensor, "*solid 3 beam"],
    begin_off: Float[Tensor, "*solid 3 #beam"] | float,
    end: Float[Tensor, "*solid 3 beam"],
    end_off: Float[Tensor, "*solid 3 #beam"],
) -> Bool[Tensor, "*solid 3 beam"]:
    """Where both ends lie beyond one face of the unit cube: no part of it is between them."""
    above = (begin - begin_off > 1) & (end - end_off > 1)
    return above | ((begin + begin_off < -1) & (end + end_off < -1))
