# SPDX-License-Identifier: Apache-2.0
"""What a camera sees of a world: an anti-aliased image and the exact depth of each pixel."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int, UInt8
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.camera import Camera
from depthsplat_ros.simulation.intersection import Triple
from depthsplat_ros.simulation.solids import Kind
from depthsplat_ros.simulation.surfaces import FACES, SurfacePoints, locate
from depthsplat_ros.simulation.threads import map_in_threads, one_thread
from depthsplat_ros.simulation.visibility import BAND_SAMPLES, trace_grid
from depthsplat_ros.simulation.world import World

BRIGHTEST = 4.0
"""Radiance beyond this is cut, so that edges of lamps are smoothed too."""

View = tuple[UInt8[ndarray, "height width 3"], Float32[ndarray, "height width"]]
"""An RGB image and the depth (m) of every pixel's centre."""


def cast(world: World, camera: Camera, world_from_camera: Float64[ndarray, "4 4"]) -> View:
    """The image (RGB) and the depth along the optical axis; NaN and black where there is nothing.

    Samples lie half a pixel apart, on the pixels' centres, edges and corners. The depth is the
    centre's own; the colour is the tent-weighted mean of the nine samples of a pixel.
    """
    with one_thread():
        return _cast(world, camera, world_from_camera)


def cast_all(
    world: World,
    camera: Camera,
    world_from_cameras: Iterable[Float64[ndarray, "4 4"]],
    workers: int | None = None,
) -> Iterator[View]:
    """What `cast` returns for each pose, in order, made by several threads (one per core)."""
    return map_in_threads(partial(_cast, world, camera), world_from_cameras, workers)


def _cast(world: World, camera: Camera, world_from_camera: Float64[ndarray, "4 4"]) -> View:
    columns = _sample_lines(camera.width_px, camera.cx_px, camera.fx_px, world.device)
    rows = _sample_lines(camera.height_px, camera.cy_px, camera.fy_px, world.device)
    depth, index = trace_grid(world.shapes, world_from_camera, columns, rows)
    radiance = _shade(world, camera, world_from_camera, columns, rows, depth, index)
    image = _develop(radiance)
    centres = depth[1::2, 1::2]
    centres = torch.where(centres.isfinite(), centres, torch.nan)
    return image.cpu().numpy(), np.ascontiguousarray(centres.cpu().numpy())


def _sample_lines(
    side_px: int, centre_px: float, focal_px: float, device: torch.device
) -> Float[Tensor, " line"]:
    """Tangents of the view angles of the samples along one side, half a pixel apart."""
    pixels = torch.arange(2 * side_px + 1, dtype=torch.float64, device=device) / 2 - 0.5
    return ((pixels - centre_px) / focal_px).float()


def _shade(
    world: World,
    camera: Camera,
    world_from_camera: Float64[ndarray, "4 4"],
    columns: Float[Tensor, " column"],
    rows: Float[Tensor, " row"],
    depth: Float[Tensor, "row column"],
    index: Int[Tensor, "row column"],
) -> Float[Tensor, "row column 4"]:
    """Radiance towards the camera at each sample; 0 where a ray meets nothing."""
    directions, origins = world.shapes.seen_from(world_from_camera)
    affine = np.concatenate([directions, origins[:, :, None]], axis=2).reshape(-1, 12)
    affine = torch.from_numpy(affine.T.astype(np.float32).copy()).to(world.device)
    pixel = (camera.fx_px * camera.fy_px) ** -0.5
    radiance = depth.new_zeros((*depth.shape, 4))
    band = max(1, BAND_SAMPLES // len(columns))
    for start in range(0, len(rows), band):
        part = slice(start, start + band)
        x, y = torch.broadcast_tensors(columns[None, :], rows[part, None])
        x, y, reach, solid = (t.reshape(-1) for t in (x, y, depth[part], index[part]))
        kind = world.looks.kind.index_select(0, solid.clamp(min=0)).masked_fill_(solid < 0, -1)
        target = radiance[part].view(-1, 4)
        for number in Kind:
            chosen = (kind == int(number)).nonzero().squeeze(1)
            if len(chosen):
                samples = (t.index_select(0, chosen) for t in (x, y, reach, solid))
                target[chosen] = _shade_kind(world, number, affine, pixel, *samples)
    return radiance


def _shade_kind(
    world: World,
    kind: Kind,
    affine: Float[Tensor, "12 solid"],
    pixel: float,
    x: Float[Tensor, " sample"],
    y: Float[Tensor, " sample"],
    reach: Float[Tensor, " sample"],
    solid: Int[Tensor, " sample"],
) -> Float[Tensor, "sample 4"]:
    """Radiance of samples on solids of one kind; `pixel` is a pixel's angle."""
    m = [row.index_select(0, solid) for row in affine]
    direction: Triple = tuple(m[4 * k] * x + m[4 * k + 1] * y + m[4 * k + 2] for k in range(3))
    point: Triple = tuple(m[4 * k + 3] + reach * direction[k] for k in range(3))
    half = tuple(row.index_select(0, solid) for row in world.looks.half_size_m)
    place = locate(kind, point, direction, half)
    # Half way between the pixel's width across and along the slope: sharp, yet calm when moving.
    footprint_m = reach * (x * x + y * y + 1).sqrt() * pixel * place.cosine.clamp(min=0.02).rsqrt()
    colour = _colour(world, solid, place, 0.6 * footprint_m)
    light = _irradiance(world, solid * FACES + place.face, place)
    light += world.looks.emission.index_select(0, solid).unsqueeze(1)
    return colour.mul_(light)


def _colour(
    world: World,
    solid: Int[Tensor, " sample"],
    place: SurfacePoints,
    footprint_m: Float[Tensor, " sample"],
) -> Float[Tensor, "sample 4"]:
    looks = world.looks
    tile_u, tile_v = (row.index_select(0, solid) for row in looks.tile_m)
    offset_u, offset_v = (row.index_select(0, solid) for row in looks.offset)
    tile_u = torch.where(tile_u.isnan(), place.size_u_m, tile_u)
    tile_v = torch.where(tile_v.isnan(), place.size_v_m, tile_v)
    # From the face's middle, so that a stretched pattern covers [0, 1]; rows run downwards.
    u = (place.u - 0.5) * place.handedness * place.size_u_m / tile_u + 0.5 + offset_u
    v = (0.5 - place.v) * place.size_v_m / tile_v + 0.5 + offset_v
    pattern = looks.pattern.index_select(0, solid)
    channels = world.bank.sample(pattern, u, v, footprint_m * (tile_u * tile_v).rsqrt())
    colour = looks.palette[0].index_select(0, solid)
    for channel in range(3):
        step = looks.palette[channel + 1].index_select(0, solid)
        colour.addcmul_(step, channels[:, channel : channel + 1])
    return colour


def _irradiance(
    world: World, chart: Int[Tensor, " sample"], place: SurfacePoints
) -> Float[Tensor, "sample 4"]:
    corners, right, below = world.charts.corners(chart, place.u, place.v)
    right, below = right.unsqueeze(1), below.unsqueeze(1)
    values = [world.irradiance.fetch(corner) for corner in corners]
    upper, lower = torch.lerp(values[0], values[1], right), torch.lerp(values[2], values[3], right)
    return torch.lerp(upper, lower, below)


def _develop(radiance: Float[Tensor, "row column 4"]) -> UInt8[Tensor, "height width 3"]:
    """Film: samples averaged per pixel, a curve with soft shoulder, sRGB-like gamma, 8 bits."""
    samples = radiance.clamp_(max=BRIGHTEST)
    lines = samples[:-2:2] + 2 * samples[1:-1:2] + samples[2::2]
    light = (lines[:, :-2:2] + 2 * lines[:, 1:-1:2] + lines[:, 2::2])[..., :3] / 16
    # Narkowicz's fit of the ACES film curve.
    film = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    return film.clamp(0, 1).pow_(1 / 2.2).mul_(255).round_().byte()
