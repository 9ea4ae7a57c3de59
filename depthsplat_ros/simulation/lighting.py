# SPDX-License-Identifier: Apache-2.0
"""Light of a world, baked once: irradiance with soft shadows and several bounces on every face."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from depthsplat_ros.simulation.lights import Light
from depthsplat_ros.simulation.shadows import Beams, cast_shadows
from depthsplat_ros.simulation.solids import Kind, Solid
from depthsplat_ros.simulation.surfaces import FACES, Charts, locate
from depthsplat_ros.simulation.threads import map_in_threads
from depthsplat_ros.simulation.visibility import BAND_SAMPLES, NOTHING, Shapes, trace_rays

DIRECT_TEXEL_M = 0.05
BOUNCE_TEXEL_M = 0.3
"""Bounced light changes slowly over a surface."""
LIGHT_SAMPLES = 9
BOUNCE_RAYS = 64
"""Square numbers: samples are stratified. What noise they leave, smoothing over texels removes."""
BOUNCES = 4
SMOOTHINGS = 3
"""Rounds of smoothing of bounced light."""
GLARE = 4.0
"""Multiple of the mean beyond which direct light does not bounce: sunspots would sparkle."""
LARGE_M = 0.5
"""Only what is at least this long keeps bounced light off other surfaces."""
FAINT = 1e-3
"""Irradiance (of a light with radiance 1) that is left out."""
LIFT_M = 1e-3
"""Texels look out from this far above their surface."""


def bake(
    solids: Sequence[Solid],
    shapes: Shapes,
    lights: Sequence[Light],
    albedos: Float[Tensor, "solid 3"],
    on_step: Callable[[], None],
) -> tuple[Charts, Float[Tensor, "texel 3"]]:
    """Charts over all faces, and the irradiance at their texels: direct light and its bounces.

    `on_step` is called often, from several threads; what it raises ends the work.
    """
    coarse = Charts.of(solids, BOUNCE_TEXEL_M)
    points, normals, owners = _texels(coarse, solids)
    direct = _gather_direct(shapes, lights, points, normals, on_step)
    bounced = _gather_bounces(
        solids, shapes, coarse, points, normals, direct, albedos[owners[:, 1]], on_step
    )
    fine = Charts.of(solids, DIRECT_TEXEL_M)
    points, normals, owners = _texels(fine, solids)
    irradiance = fine.smooth(_gather_direct(shapes, lights, points, normals, on_step))
    for _ in range(SMOOTHINGS):
        bounced = coarse.smooth(bounced)
    irradiance += _resample(coarse, bounced, fine, owners[:, 0])
    return fine, irradiance


def _texels(
    charts: Charts, solids: Sequence[Solid]
) -> tuple[Float[Tensor, "3 texel"], Float[Tensor, "3 texel"], Tensor]:
    points, normals, owners = charts.texels(solids)
    return (
        torch.from_numpy((points + LIFT_M * normals).T.astype(np.float32).copy()),
        torch.from_numpy(normals.T.astype(np.float32).copy()),
        torch.from_numpy(owners),
    )


def _gather_direct(
    shapes: Shapes,
    lights: Sequence[Light],
    points: Float[Tensor, "3 texel"],
    normals: Float[Tensor, "3 texel"],
    on_step: Callable[[], None],
) -> Float[Tensor, "texel 3"]:
    """Irradiance straight from the lights, with soft shadows."""
    irradiance = torch.zeros(points.shape[1], 3)
    shine = partial(_shine, shapes, points, normals, on_step)
    for chosen, light in map_in_threads(shine, enumerate(lights)):
        irradiance[chosen] += light
    return irradiance


def _shine(
    shapes: Shapes,
    points: Float[Tensor, "3 texel"],
    normals: Float[Tensor, "3 texel"],
    on_step: Callable[[], None],
    numbered_light: tuple[int, Light],
) -> tuple[Int[Tensor, " lit"], Float[Tensor, "lit 3"]]:
    """The texels that one light reaches, and its irradiance there."""
    number, light = numbered_light
    generator = torch.Generator().manual_seed(number)
    side = round(LIGHT_SAMPLES**0.5)
    cells = torch.stack(
        torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    ).reshape(2, 1, LIGHT_SAMPLES)
    middle, _ = light.aim(points, torch.zeros(2, points.shape[1]))
    reach = ((middle - points) * normals).sum(dim=0) + light.spread_m > 0
    chosen = reach.nonzero().squeeze(1)
    # Stratified samples, shifted at random per texel: the noise averages out over texels.
    shift = torch.rand(2, len(chosen), 1, generator=generator)
    shares = ((cells / side + shift) % 1 * 2 - 1).reshape(2, -1)
    starts = points[:, chosen].repeat_interleave(LIGHT_SAMPLES, dim=1)
    facing = normals[:, chosen].repeat_interleave(LIGHT_SAMPLES, dim=1)
    targets, strength = light.aim(starts, shares)
    ways = targets - starts
    cosine = (ways * facing).sum(dim=0) / ways.square().sum(dim=0).sqrt()
    strength = (strength * cosine.clamp(min=0)).reshape(-1, LIGHT_SAMPLES) / LIGHT_SAMPLES
    lit = (strength.sum(dim=1) > FAINT).nonzero().squeeze(1)
    chosen, strength = chosen[lit], strength[lit]
    targets = targets.reshape(3, -1, LIGHT_SAMPLES)[:, lit].contiguous()
    beams = Beams(
        starts=points[:, chosen],
        middles=middle[:, chosen],
        targets=targets,
        spread_m=light.spread_m,
    )
    cast_shadows(shapes, beams, strength, on_step)
    return chosen, strength.sum(dim=1)[:, None] * torch.tensor(light.radiance)


def _gather_bounces(
    solids: Sequence[Solid],
    shapes: Shapes,
    charts: Charts,
    points: Float[Tensor, "3 texel"],
    normals: Float[Tensor, "3 texel"],
    direct: Float[Tensor, "texel 3"],
    albedos: Float[Tensor, "texel 3"],
    on_step: Callable[[], None],
) -> Float[Tensor, "texel 3"]:
    """Irradiance from what other surfaces reflect, bounce by bounce (radiosity by gathering)."""
    count = points.shape[1]
    origins = points.repeat_interleave(BOUNCE_RAYS, dim=1)
    # Uniform on the sphere plus the normal is cosine-weighted about the normal.
    ways = _stratify_sphere(count, torch.Generator().manual_seed(0))
    ways += 0.999 * normals.repeat_interleave(BOUNCE_RAYS, dim=1)
    large = [k for k, solid in enumerate(solids) if 2 * max(solid.half_size_m) >= LARGE_M]
    occluders = shapes.select(large)

    def trace(band: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        on_step()
        return trace_rays(occluders, *band)

    bands = zip(origins.split(BAND_SAMPLES, 1), ways.split(BAND_SAMPLES, 1), strict=True)
    reach, hit = map(torch.cat, zip(*map_in_threads(trace, bands), strict=True))
    hit = torch.tensor([*large, NOTHING], dtype=torch.int32)[hit]
    seen = torch.full((count * BOUNCE_RAYS,), count)
    kinds = torch.tensor([int(kind) for kind in shapes.kinds])
    half = torch.tensor([solid.half_size_m for solid in solids], dtype=torch.float32)
    affine = torch.from_numpy(shapes.unit_from_world).float()
    for kind in Kind:
        rays = ((hit != NOTHING) & (kinds[hit.clamp(min=0)] == kind)).nonzero().squeeze(1)
        owner = hit[rays].long()
        way = torch.einsum("nij,jn->in", affine[owner][:, :, :3], ways[:, rays])
        start = torch.einsum("nij,jn->in", affine[owner][:, :, :3], origins[:, rays])
        end = start + affine[owner][:, :, 3].T + reach[rays] * way
        place = locate(kind, tuple(end), tuple(way), tuple(half[owner].T))
        corners, right, below = charts.corners(owner * FACES + place.face, place.u, place.v)
        nearest = (right > 0.5).long() + 2 * (below > 0.5).long()
        seen[rays] = corners.gather(0, nearest[None])[0]
    seen = seen.reshape(count, BOUNCE_RAYS)
    direct = direct.clamp(max=GLARE * float(direct.mean()))
    bounced = torch.zeros_like(direct)
    for _ in range(BOUNCES):
        leaving = torch.cat([albedos * (direct + bounced), torch.zeros(1, 3)])
        bounced = leaving[seen].mean(dim=1)
    return bounced


def _stratify_sphere(count: int, generator: torch.Generator) -> Float[Tensor, "3 ray"]:
    """Unit vectors, `BOUNCE_RAYS` in equal parts of the sphere for each of the points."""
    side = int(BOUNCE_RAYS**0.5)
    cells = torch.stack(
        torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    ).reshape(2, 1, BOUNCE_RAYS)
    share = (cells + torch.rand(2, count, BOUNCE_RAYS, generator=generator)) / side
    height = 2 * share[0] - 1
    radius, angle = (1 - height * height).clamp(min=0).sqrt(), 2 * torch.pi * share[1]
    return torch.stack([radius * angle.cos(), radius * angle.sin(), height]).reshape(3, -1)


def _resample(
    coarse: Charts, values: Float[Tensor, "coarse 3"], fine: Charts, owners: Tensor
) -> Float[Tensor, "fine 3"]:
    """Values of coarse texels at the fine ones."""
    column, row = fine.columns_and_rows(owners)
    u = column / (fine.widths[owners] - 1)
    v = row / (fine.heights[owners] - 1)
    corners, right, below = coarse.corners(owners, u, v)
    upper = torch.lerp(values[corners[0]], values[corners[1]], right[:, None])
    lower = torch.lerp(values[corners[2]], values[corners[3]], right[:, None])
    return torch.lerp(upper, lower, below[:, None])
