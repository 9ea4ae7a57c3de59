# SPDX-License-Identifier: Apache-2.0
"""A cloud and the camera's way through it, from behind and above and from the top."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from depthsplat_ros.fusion import ColouredCloud
from depthsplat_ros.offline.splatting import draw_points
from depthsplat_ros.visualisation import render_figure

PANEL_PX = 900
SUPERSAMPLING = 2
ELEVATION_DEG = 38.0
AZIMUTH_DEG = 25.0
DISTANCE_IN_SIZES = 1.3
"""Distance of the eye over the diagonal of the cloud."""
MARGIN = 0.08
POINT_SIZE = 1.6
"""Side of a point's square over the edge of its voxel: a little more, so that surfaces close."""
BACKGROUND = (38, 41, 46)
DOTS_PER_INCH = 100
GAP_PX = 60
KEPT_QUANTILES = (0.005, 0.995)
"""What lies farther out does not decide what the pictures show."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Directions:
    """An upright frame for looking at a cloud: rows are unit vectors in the world frame."""

    right: Float64[ndarray, " 3"]
    ahead: Float64[ndarray, " 3"]
    """Horizontal; where the cameras look on average."""
    up: Float64[ndarray, " 3"]

    def matrix(self) -> Float64[ndarray, "3 3"]:
        """Turns world vectors into (right, ahead, up)."""
        return np.stack([self.right, self.ahead, self.up])


def draw_cloud(
    cloud: ColouredCloud, world_from_cameras: Float64[ndarray, "keyframe 4 4"], title: str
) -> UInt8[ndarray, "height width 3"]:
    """The picture; surfaces are drawn only from the side they were seen from.

    So ceilings do not hide rooms from above, and walls do not hide them from outside.
    """
    directions = viewing_directions(world_from_cameras)
    upright = directions.matrix()
    origin = world_from_cameras[:, :3, 3].mean(axis=0)
    points = (cloud.points_m - origin) @ upright.T
    seen_from = cloud.directions @ upright.T
    path = (world_from_cameras[:, :3, 3] - origin) @ upright.T
    width_px, height_px = 2 * PANEL_PX + 3 * GAP_PX, PANEL_PX + 2 * GAP_PX
    figure = Figure(figsize=(width_px / DOTS_PER_INCH, height_px / DOTS_PER_INCH))
    figure.set_dpi(DOTS_PER_INCH)
    # One pixel of a panel is one pixel of the figure, so that nothing is resampled.
    panel = (PANEL_PX / width_px, PANEL_PX / height_px)
    left = figure.add_axes((GAP_PX / width_px, GAP_PX / height_px, *panel))
    right = figure.add_axes(((PANEL_PX + 2 * GAP_PX) / width_px, GAP_PX / height_px, *panel))
    figure.suptitle(title, fontsize=13)
    if len(points) == 0:
        for axes in (left, right):
            axes.set_axis_off()
        left.text(0.5, 0.5, "no points", ha="center", transform=left.transAxes)
        return render_figure(figure)
    _draw_perspective(left, points, seen_from, cloud.colours, path, cloud.voxel_m)
    _draw_top(right, points, seen_from, cloud.colours, path, cloud.voxel_m)
    return render_figure(figure)


def viewing_directions(world_from_cameras: Float64[ndarray, "keyframe 4 4"]) -> Directions:
    """Up is the world's z (REP 103) if the cameras are upright in it, else up in the images."""
    image_up = -world_from_cameras[:, :3, 1].mean(axis=0)
    sideways = world_from_cameras[:, :3, 0]
    world_up = np.array([0.0, 0.0, 1.0])
    is_upright = np.abs(sideways @ world_up).mean() < 0.3 and image_up @ world_up > 0
    up = world_up if is_upright else image_up / max(float(np.linalg.norm(image_up)), 1e-9)
    ahead = world_from_cameras[:, :3, 2].mean(axis=0)
    ahead = ahead - (ahead @ up) * up
    if np.linalg.norm(ahead) < 1e-3:
        ahead = sideways[0] - (sideways[0] @ up) * up
    ahead = ahead / np.linalg.norm(ahead)
    return Directions(right=np.cross(ahead, up), ahead=ahead, up=up)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PictureFrame:
    """Which part of a plane fills the picture, before it is made smaller."""

    centre_x: float
    centre_y: float
    scale_px: float
    """Pixels for one unit of the plane."""

    def x_px(self, x: Float64[ndarray, " point"]) -> Float64[ndarray, " point"]:
        return (x - self.centre_x) * self.scale_px + (PANEL_PX * SUPERSAMPLING - 1) / 2

    def y_px(self, y: Float64[ndarray, " point"]) -> Float64[ndarray, " point"]:
        return (y - self.centre_y) * self.scale_px + (PANEL_PX * SUPERSAMPLING - 1) / 2


def _frame_around(
    plane: Float64[ndarray, "point 2"], path: Float64[ndarray, "keyframe 2"]
) -> _PictureFrame:
    """The square that holds the way of the camera and nearly all points, with a margin."""
    shown = np.concatenate([np.quantile(plane, KEPT_QUANTILES, axis=0), path])
    low, high = shown.min(axis=0), shown.max(axis=0)
    size = max(float((high - low).max()), 1e-6) * (1.0 + MARGIN)
    centre_x, centre_y = (low + high) / 2
    return _PictureFrame(
        centre_x=float(centre_x),
        centre_y=float(centre_y),
        scale_px=PANEL_PX * SUPERSAMPLING / size,
    )


def _draw_perspective(
    axes: Axes,
    points: Float64[ndarray, "point 3"],
    seen_from: Float64[ndarray, "point 3"],
    colours: UInt8[ndarray, "point 3"],
    path: Float64[ndarray, "keyframe 3"],
    voxel_m: float,
) -> None:
    """From behind the cameras and above, framed to what is to be seen."""
    low, high = np.quantile(points, KEPT_QUANTILES, axis=0)
    distance_m = DISTANCE_IN_SIZES * float(np.linalg.norm(high - low))
    elevation, azimuth = np.radians(ELEVATION_DEG), np.radians(AZIMUTH_DEG)
    forward = np.array(
        [
            -np.cos(elevation) * np.sin(azimuth),
            np.cos(elevation) * np.cos(azimuth),
            -np.sin(elevation),
        ]
    )
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    eye_from_world = np.stack([right, np.cross(forward, right), forward])
    eye = (low + high) / 2 - forward * distance_m
    is_facing = np.sum(seen_from * (eye - points), axis=1) > 0
    local = (points[is_facing] - eye) @ eye_from_world.T
    path_local = (path - eye) @ eye_from_world.T
    is_ahead = local[:, 2] > 0.1 * distance_m
    local = local[is_ahead]
    if len(local) == 0:
        return
    plane = local[:, :2] / local[:, 2:]
    path_plane = path_local[:, :2] / np.maximum(path_local[:, 2:], 0.1 * distance_m)
    frame = _frame_around(plane, path_plane)
    picture = draw_points(
        x_px=frame.x_px(plane[:, 0]),
        y_px=frame.y_px(plane[:, 1]),
        depth_m=local[:, 2],
        side_px=POINT_SIZE * voxel_m * frame.scale_px / local[:, 2],
        colours=colours[is_facing][is_ahead],
        width_px=PANEL_PX * SUPERSAMPLING,
        height_px=PANEL_PX * SUPERSAMPLING,
        background=BACKGROUND,
    )
    axes.imshow(cv2.resize(picture, (PANEL_PX, PANEL_PX), interpolation=cv2.INTER_AREA))
    _draw_path(
        axes,
        frame.x_px(path_plane[:, 0]) / SUPERSAMPLING,
        frame.y_px(path_plane[:, 1]) / SUPERSAMPLING,
    )
    axes.set_xlim(-0.5, PANEL_PX - 0.5)
    axes.set_ylim(PANEL_PX - 0.5, -0.5)
    axes.set_title("from behind and above")
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_top(
    axes: Axes,
    points: Float64[ndarray, "point 3"],
    seen_from: Float64[ndarray, "point 3"],
    colours: UInt8[ndarray, "point 3"],
    path: Float64[ndarray, "keyframe 3"],
    voxel_m: float,
) -> None:
    """The floor plan, in metres."""
    is_facing = seen_from[:, 2] > 0
    if not is_facing.any():
        return
    shown = points[is_facing] * (1.0, -1.0, 1.0)
    frame = _frame_around(shown[:, :2], path[:, :2] * (1.0, -1.0))
    height_m = shown[:, 2]
    size_m = PANEL_PX * SUPERSAMPLING / frame.scale_px
    picture = draw_points(
        x_px=frame.x_px(shown[:, 0]),
        y_px=frame.y_px(shown[:, 1]),
        # The eye is so high that the rays are parallel, and near enough for edges to be shaded.
        depth_m=size_m + height_m.max(initial=0.0) - height_m,
        side_px=np.full(len(shown), POINT_SIZE * voxel_m * frame.scale_px),
        colours=colours[is_facing],
        width_px=PANEL_PX * SUPERSAMPLING,
        height_px=PANEL_PX * SUPERSAMPLING,
        background=BACKGROUND,
    )
    left, top = frame.centre_x - size_m / 2, -frame.centre_y + size_m / 2
    axes.imshow(
        cv2.resize(picture, (PANEL_PX, PANEL_PX), interpolation=cv2.INTER_AREA),
        extent=(left, left + size_m, top - size_m, top),
    )
    _draw_path(axes, path[:, 0], path[:, 1])
    axes.legend(loc="upper right", fontsize=9)
    axes.set_title("from the top, metres")


def _draw_path(
    axes: Axes, x: Float64[ndarray, " keyframe"], y: Float64[ndarray, " keyframe"]
) -> None:
    axes.plot(x, y, color="white", linewidth=3.5)
    axes.plot(x, y, color="crimson", linewidth=1.6, marker=".", markersize=4, label="keyframes")
    axes.plot(x[:1], y[:1], "o", color="limegreen", markeredgecolor="black", label="start")
    axes.plot(x[-1:], y[-1:], "s", color="royalblue", markeredgecolor="black", label="end")
