# SPDX-License-Identifier: Apache-2.0
"""Where the virtual camera stands and what lens it has: pure geometry, no ROS here."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.camera import Camera
from depthsplat_ros.settings import SettingError, check_settings, setting

MOTIONS = ("orbit", "offset", "look_back", "follow")


@dataclass(frozen=True, slots=True, kw_only=True)
class NovelViewConfig:
    """Settings of the virtual camera.

    Raises:
        SettingError: if a value is outside its limits, or a height has no width.
    """

    novel_view_frame: str = setting(
        "",
        "Optical frame in TF that the virtual camera sits in (x right, y down, z forward); empty "
        "takes novel_view_motion.",
        is_dynamic=True,
    )
    novel_view_motion: str = setting(
        "orbit",
        "How the virtual camera moves around the view of the newest depth: orbit (in a circle, "
        "looking at the same spot), offset (from behind and above), look_back (turned round), "
        "follow (not at all).",
        choices=MOTIONS,
        is_dynamic=True,
    )
    novel_view_radius: float = setting(
        0.1,
        "How far the motion leaves that view, as a share of the distance to the scene.",
        minimum=0.0,
        maximum=100.0,
        is_dynamic=True,
    )
    novel_view_period_s: float = setting(
        6.0, "Time of one orbit, seconds.", minimum=0.1, maximum=3600.0, is_dynamic=True
    )
    novel_view_rate_hz: float = setting(
        5.0,
        "Novel views per second while somebody listens; on a CPU depth comes first, and views "
        "that would be late are left out.",
        minimum=0.01,
        maximum=120.0,
        is_dynamic=True,
    )
    novel_view_width_px: int = setting(
        0,
        "Width of the novel views in pixels; 0 takes that of the depth images.",
        minimum=0,
        maximum=8192,
        is_dynamic=True,
    )
    novel_view_height_px: int = setting(
        0,
        "Height of the novel views in pixels; 0 keeps the aspect ratio of the depth images.",
        minimum=0,
        maximum=8192,
        is_dynamic=True,
    )
    novel_view_field_of_view_deg: float = setting(
        0.0,
        "Horizontal field of view of the novel views, degrees; 0 takes the camera's.",
        minimum=0.0,
        maximum=170.0,
        is_dynamic=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.novel_view_height_px and not self.novel_view_width_px:
            raise SettingError(
                f"novel_view_height_px is {self.novel_view_height_px} and novel_view_width_px is "
                "0; set the width as well"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurrentView:
    """What the newest depth was seen from: the motions are told relative to it."""

    camera: Camera
    """That of the depth images."""
    world_from_camera: Float64[ndarray, "4 4"]
    scene_depth_m: float
    """Distance to the scene, the median of that depth."""


def virtual_lens(camera: Camera, config: NovelViewConfig) -> Camera:
    """The virtual camera's pinhole numbers, those of the real one where nothing else is set.

    Raises:
        CameraError: if size and field of view make no usable camera.
    """
    width_px = config.novel_view_width_px or camera.width_px
    height_px = config.novel_view_height_px or max(
        1, round(width_px * camera.height_px / camera.width_px)
    )
    field_of_view_deg = config.novel_view_field_of_view_deg
    if field_of_view_deg:
        focal_px = width_px / 2 / math.tan(math.radians(field_of_view_deg) / 2)
        centre_px = (width_px - 1) / 2, (height_px - 1) / 2
    else:
        # Pixels stay square if the aspect ratio changes; the width decides.
        scale = width_px / camera.width_px
        focal_px = camera.fx_px * scale
        centre_px = (
            (camera.cx_px + 0.5) * scale - 0.5,
            (camera.cy_px + 0.5) * height_px / camera.height_px - 0.5,
        )
    return Camera(
        width_px=width_px,
        height_px=height_px,
        fx_px=focal_px,
        fy_px=focal_px * (1.0 if field_of_view_deg else camera.fy_px / camera.fx_px),
        cx_px=centre_px[0],
        cy_px=centre_px[1],
    )


def virtual_pose(
    view: CurrentView, config: NovelViewConfig, *, time_s: float
) -> Float64[ndarray, "4 4"]:
    """world_from_camera of the virtual camera, in the motion chosen, at a time."""
    radius_m = config.novel_view_radius * view.scene_depth_m
    motion = config.novel_view_motion
    if motion == "orbit":
        angle = 2 * math.pi * math.fmod(time_s / config.novel_view_period_s, 1.0)
        place = np.array([radius_m * math.cos(angle), radius_m * math.sin(angle), 0.0])
        real_from_virtual = _looking_at((0.0, 0.0, view.scene_depth_m), place)
    elif motion == "offset":
        place = np.array([0.0, -radius_m, -2 * radius_m])
        real_from_virtual = _looking_at((0.0, 0.0, view.scene_depth_m), place)
    elif motion == "look_back":
        # From a little ahead: what the robot has just passed is in view.
        real_from_virtual = np.diag([-1.0, 1.0, -1.0, 1.0])
        real_from_virtual[2, 3] = radius_m
    else:
        assert motion == "follow"
        real_from_virtual = np.eye(4)
    return view.world_from_camera @ real_from_virtual


def _looking_at(
    target: tuple[float, float, float], place: Float64[ndarray, " 3"]
) -> Float64[ndarray, "4 4"]:
    """Pose of a camera at a place that looks at a target and is not rolled (y is down)."""
    forward = np.asarray(target) - place
    forward /= np.linalg.norm(forward)
    right = np.cross((0.0, 1.0, 0.0), forward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = place
    return pose
