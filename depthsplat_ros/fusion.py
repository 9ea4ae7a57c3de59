# SPDX-License-Identifier: Apache-2.0
"""Many depth maps into one coloured cloud: points that several views agree on, averaged."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.settings import check_settings, setting
from depthsplat_ros.voxel_grid import VoxelGrid, count_nearby

NEIGHBOURS_EACH_SIDE = 8
"""How many views before and after it a view is compared with."""
GRAZING_DEG = 80.0
"""Surfaces turned from the line of sight by more than this are left to other views."""
SPECK_VOXELS = 5.0
SPECK_POINTS = 30
"""A point with fewer others than this within about so many voxels is a speck."""
FOOTPRINTS_PER_VOXEL = 1.5
"""Edge of a voxel over the width of a pixel at the depth of the scene, if no edge is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionConfig:
    """Settings of a `CloudFusion`.

    Raises:
        SettingError: if a value is outside its limits.
    """

    voxel_m: float = setting(
        0.0,
        "Edge of the voxels in which points are averaged, in metres; 0 takes one and a half "
        "pixels at the depth of the first view.",
        minimum=0.0,
        maximum=1e6,
    )
    agreement: float = setting(
        0.03,
        "Two views agree on a point when its depths differ by less than this share.",
        minimum=1e-4,
        maximum=0.5,
    )
    agreeing_views: int = setting(
        4,
        "Views that must agree on a point, its own included; all of them in a shorter recording.",
        minimum=1,
        maximum=10,
    )
    agreeing_parallax_deg: float = setting(
        3.0,
        "Directions from which they must see it, in degrees apart: views from one place make the "
        "same mistakes.",
        minimum=0.0,
        maximum=90.0,
    )
    maximum_points: int = setting(
        3_000_000,
        "Size limit of the cloud; beyond it the voxels are doubled.",
        minimum=1000,
        maximum=100_000_000,
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthView:
    """A depth map with everything needed to place it in the world."""

    depth_m: Float32[ndarray, "height width"]
    """Along the optical axis; NaN where unknown."""
    confidence: Float32[ndarray, "height width"]
    image: UInt8[ndarray, "height width 3"]
    camera: Camera
    world_from_camera: Float64[ndarray, "4 4"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColouredCloud:
    """Points in the world frame."""

    points_m: Float64[ndarray, "point 3"]
    colours: UInt8[ndarray, "point 3"]
    """RGB."""
    directions: Float64[ndarray, "point 3"]
    """Mean direction from which a point was seen, from the point towards the cameras; not of unit
    length. It tells the two sides of a wall apart."""
    voxel_m: float
    """Edge of the voxels the points are averages of: about their distance from each other."""


class CloudFusion:
    """Fuses depth maps one by one; memory is bounded by the config, not by the recording.

    A point enters the cloud when enough of the views taken shortly before and after agree with
    its depth, from directions different enough, and more of them agree than look right through
    it. What a view sees at a grazing angle is left to other views, which drops the veils that
    depth maps draw from the edge of a thing to what lies behind it. Specks are removed.

    The depth of a point becomes the mean of the agreeing ones, which removes the layers that
    single depth maps would leave, and its voxel the mean of the points in it, both weighted by
    confidence over squared depth: the error of stereo grows with the depth squared.

    Coordinates are kept relative to the first camera, so map origins millions of metres away
    (UTM) cost no precision.
    """

    def __init__(self, config: FusionConfig) -> None:
        """Start empty."""
        self.config = config
        self._views: deque[DepthView] = deque(maxlen=2 * NEIGHBOURS_EACH_SIDE + 1)
        self._waiting = 0
        self._origin_m: Float64[ndarray, " 3"] = np.zeros(3)
        self._grid: VoxelGrid | None = None

    def add(self, view: DepthView) -> None:
        """Take the next view; it is fused once its later neighbours have come."""
        if self._grid is None:
            voxel_m = self.config.voxel_m or FOOTPRINTS_PER_VOXEL * footprint_m(view)
            if not math.isfinite(voxel_m):
                return
            self._origin_m = view.world_from_camera[:3, 3].copy()
            self._grid = VoxelGrid(voxel_m, maximum_voxels=self.config.maximum_points)
        self._views.append(view)
        self._waiting += 1
        if self._waiting > NEIGHBOURS_EACH_SIDE:
            self._fuse_next()

    def finish(self) -> ColouredCloud:
        """Fuse the views still waiting and return the cloud; it may be empty."""
        while self._waiting:
            self._fuse_next()
        if self._grid is None:
            return ColouredCloud(
                points_m=np.zeros((0, 3)),
                colours=np.zeros((0, 3), np.uint8),
                directions=np.zeros((0, 3)),
                voxel_m=math.nan,
            )
        points, attributes = self._grid.means()
        is_kept = count_nearby(points, SPECK_VOXELS * self._grid.voxel_m) >= SPECK_POINTS
        points, attributes = points[is_kept], attributes[is_kept]
        return ColouredCloud(
            points_m=points + self._origin_m,
            colours=np.clip(np.round(attributes[:, :3]), 0, 255).astype(np.uint8),
            directions=attributes[:, 3:],
            voxel_m=self._grid.voxel_m,
        )

    def _fuse_next(self) -> None:
        index = len(self._views) - self._waiting
        self._waiting -= 1
        view = self._views[index]
        others = [other for other in self._views if other is not view]
        fused = fuse_depth(view, others, self.config)
        is_kept = np.isfinite(fused.depth_m)
        points = unproject(view, fused.depth_m, is_kept, self._origin_m)
        towards_camera = (view.world_from_camera[:3, 3] - self._origin_m) - points
        towards_camera /= np.linalg.norm(towards_camera, axis=-1, keepdims=True)
        assert self._grid is not None
        self._grid.add(
            points, np.hstack([view.image[is_kept], towards_camera]), fused.weight[is_kept]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FusedDepth:
    """A view's depth after asking its neighbours."""

    depth_m: Float64[ndarray, "height width"]
    """NaN where too few agree."""
    weight: Float64[ndarray, "height width"]
    """How much a point counts in the cloud."""


def fuse_depth(view: DepthView, others: list[DepthView], config: FusionConfig) -> FusedDepth:
    """The view's depth averaged with that of the views that agree, NaN where they do not."""
    is_known = np.isfinite(view.depth_m) & ~is_grazing(view)
    depth = view.depth_m[is_known].astype(np.float64)
    weight = view.confidence[is_known] / depth**2
    origin_m = view.world_from_camera[:3, 3]
    points = unproject(view, view.depth_m, is_known, origin_m)
    weighted_depth = weight * depth
    agreeing = np.ones(len(depth), np.int32)
    seen_through = np.zeros(len(depth), np.int32)
    parallax_deg = np.zeros(len(depth))
    for other in others:
        seen = look_up(other, points, origin_m)
        # Over one: the point lies in front of what the other view saw.
        ratio = seen.other_depth_m / seen.point_depth_m
        agrees = np.abs(ratio - 1.0) < config.agreement
        seen_through += ratio > 1.0 + 2.0 * config.agreement
        agreeing += agrees
        angle_deg = angles_deg(points, other.world_from_camera[:3, 3] - origin_m)
        parallax_deg = np.where(agrees, np.maximum(parallax_deg, angle_deg), parallax_deg)
        other_weight = np.where(agrees, seen.other_confidence / np.square(seen.other_depth_m), 0.0)
        weighted_depth += np.where(agrees, other_weight * ratio * depth, 0.0)
        weight += other_weight
    is_kept = (
        (agreeing >= min(config.agreeing_views, 1 + len(others)))
        & (agreeing > seen_through)
        & (parallax_deg >= config.agreeing_parallax_deg)
        & (weight > 0)
    )
    fused_depth = np.full(view.depth_m.shape, np.nan)
    fused_weight = np.zeros(view.depth_m.shape)
    fused_depth[is_known] = np.where(is_kept, weighted_depth / np.maximum(weight, 1e-300), np.nan)
    fused_weight[is_known] = np.where(is_kept, weight, 0.0)
    return FusedDepth(depth_m=fused_depth, weight=fused_weight)


def is_grazing(view: DepthView) -> Bool[ndarray, "height width"]:
    """Where the depth changes so fast that the view looks along the surface, or past an edge.

    Where a neighbour is unknown the change is not known either, and does not count.
    """
    log_depth = np.log(view.depth_m.astype(np.float64))
    # The slope of the logarithm, in radians of sight, is the tangent of the angle of incidence.
    across = np.zeros_like(log_depth)
    down = np.zeros_like(log_depth)
    across[:, 1:-1] = (log_depth[:, 2:] - log_depth[:, :-2]) / 2 * view.camera.fx_px
    down[1:-1] = (log_depth[2:] - log_depth[:-2]) / 2 * view.camera.fy_px
    slope = np.hypot(np.nan_to_num(across), np.nan_to_num(down))
    return slope > math.tan(math.radians(GRAZING_DEG))


def angles_deg(
    points_m: Float64[ndarray, "point 3"], other_m: Float64[ndarray, " 3"]
) -> Float64[ndarray, " point"]:
    """The angle at each point between the directions to the origin and to another place."""
    to_other = other_m - points_m
    sine = np.linalg.norm(np.cross(to_other, points_m), axis=-1)
    return np.degrees(np.arctan2(sine, -np.sum(to_other * points_m, axis=-1)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookedUp:
    """What another view says about points; NaN where it does not see them or knows no depth."""

    point_depth_m: Float64[ndarray, " point"]
    """Depth of the points in the other camera."""
    other_depth_m: Float64[ndarray, " point"]
    """Depth the other view measured in their direction."""
    other_confidence: Float64[ndarray, " point"]
    """Zero where there is no depth."""


def look_up(
    view: DepthView, points_m: Float64[ndarray, "point 3"], origin_m: Float64[ndarray, " 3"]
) -> LookedUp:
    """The view's depth at the pixels nearest to world points given relative to an origin."""
    camera = view.camera
    rotation = view.world_from_camera[:3, :3]
    local = (points_m + (origin_m - view.world_from_camera[:3, 3])) @ rotation
    point_depth = np.where(local[:, 2] > 0, local[:, 2], np.nan)
    x_px = camera.fx_px * local[:, 0] / point_depth + camera.cx_px
    y_px = camera.fy_px * local[:, 1] / point_depth + camera.cy_px
    is_inside = (
        (x_px > -0.5)
        & (x_px < camera.width_px - 0.5)
        & (y_px > -0.5)
        & (y_px < camera.height_px - 0.5)
    )
    columns = np.round(np.where(is_inside, x_px, 0.0)).astype(np.int64)
    rows = np.round(np.where(is_inside, y_px, 0.0)).astype(np.int64)
    return LookedUp(
        point_depth_m=point_depth,
        other_depth_m=np.where(is_inside, view.depth_m[rows, columns].astype(np.float64), np.nan),
        other_confidence=np.where(
            is_inside, view.confidence[rows, columns].astype(np.float64), 0.0
        ),
    )


def unproject(
    view: DepthView,
    depth_m: ndarray,
    is_wanted: Bool[ndarray, "height width"],
    origin_m: Float64[ndarray, " 3"],
) -> Float64[ndarray, "point 3"]:
    """World points of the wanted pixels at the given depths, relative to an origin."""
    camera = view.camera
    rows, columns = np.nonzero(is_wanted)
    depth = depth_m[is_wanted].astype(np.float64)
    local = np.stack(
        [
            (columns - camera.cx_px) / camera.fx_px * depth,
            (rows - camera.cy_px) / camera.fy_px * depth,
            depth,
        ],
        axis=-1,
    )
    rotation = view.world_from_camera[:3, :3]
    return local @ rotation.T + (view.world_from_camera[:3, 3] - origin_m)


def footprint_m(view: DepthView) -> float:
    """Width of a pixel at the view's median depth; NaN if the view knows none."""
    known = view.depth_m[np.isfinite(view.depth_m)]
    if known.size == 0:
        return math.nan
    return float(np.median(known)) / view.camera.fx_px
