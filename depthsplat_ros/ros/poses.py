# SPDX-License-Identifier: Apache-2.0
"""The camera's pose at an image's own stamp, from the TF buffer."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from geometry_msgs.msg import Transform
from jaxtyping import Float64
from numpy import ndarray
from rclpy.time import Time
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    LookupException,
    TransformException,
)


class PoseProblem(Enum):
    """Why there is no pose; the values appear in status and diagnostics."""

    TOO_NEW = "pose_not_yet_known"
    TOO_OLD = "pose_older_than_cache"
    UNKNOWN_FRAME = "frame_not_in_tf"
    NOT_CONNECTED = "frames_not_connected"
    INVALID = "invalid_frame_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPose:
    """Why there is no pose at a stamp, and whether waiting may help."""

    problem: PoseProblem
    detail: str
    may_come: bool


def look_up_pose(
    buffer: Buffer, *, world_frame: str, camera_frame: str, stamp_ns: int, pose_scale: float
) -> Float64[ndarray, "4 4"] | MissingPose:
    """world_from_camera at the stamp, interpolated, or why it is not there; never waits."""
    time = Time(nanoseconds=stamp_ns)
    try:
        stamped = buffer.lookup_transform(world_frame, camera_frame, time)
    except ExtrapolationException as error:
        # Both directions share one exception; only the future may still arrive.
        is_late = _is_into_the_past(buffer, world_frame, camera_frame, stamp_ns)
        if is_late:
            return MissingPose(
                problem=PoseProblem.TOO_OLD,
                detail=f"{error}; the image is older than the transforms kept (raise tf_cache_s, "
                "or look for a clock that is off)",
                may_come=False,
            )
        return MissingPose(problem=PoseProblem.TOO_NEW, detail=str(error), may_come=True)
    except TransformException as error:
        return _missing_pose(buffer, error)
    return _scaled_pose(stamped.transform, pose_scale)


def look_up_newest_pose(
    buffer: Buffer, *, world_frame: str, camera_frame: str, pose_scale: float
) -> tuple[int, Float64[ndarray, "4 4"]] | MissingPose:
    """The newest world_from_camera and its stamp in nanoseconds, 0 if it never changes."""
    try:
        stamped = buffer.lookup_transform(world_frame, camera_frame, Time())
    except TransformException as error:
        return _missing_pose(buffer, error)
    stamp_ns = Time.from_msg(stamped.header.stamp).nanoseconds
    return stamp_ns, _scaled_pose(stamped.transform, pose_scale)


def _scaled_pose(transform: Transform, pose_scale: float) -> Float64[ndarray, "4 4"]:
    world_from_camera = matrix_from_transform(transform)
    world_from_camera[:3, 3] *= pose_scale
    return world_from_camera


def _missing_pose(buffer: Buffer, error: TransformException) -> MissingPose:
    if isinstance(error, ConnectivityException):
        return MissingPose(
            problem=PoseProblem.NOT_CONNECTED,
            detail=f"{error} {_known_frames(buffer)}",
            may_come=True,
        )
    if isinstance(error, LookupException):
        return MissingPose(
            problem=PoseProblem.UNKNOWN_FRAME,
            detail=f"{error} {_known_frames(buffer)} A bag played with --start-offset loses "
            "/tf_static.",
            may_come=True,
        )
    return MissingPose(problem=PoseProblem.INVALID, detail=str(error), may_come=False)


def matrix_from_transform(transform: Transform) -> Float64[ndarray, "4 4"]:
    """The 4x4 matrix of a transform message; its quaternion is normalised first."""
    rotation = transform.rotation
    x, y, z, w = np.array([rotation.x, rotation.y, rotation.z, rotation.w]) / np.linalg.norm(
        [rotation.x, rotation.y, rotation.z, rotation.w]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = (transform.translation.x, transform.translation.y, transform.translation.z)
    return matrix


def _is_into_the_past(buffer: Buffer, world_frame: str, camera_frame: str, stamp_ns: int) -> bool:
    """True if the newest common transform is newer than the stamp, so waiting cannot help."""
    try:
        newest = buffer.lookup_transform(world_frame, camera_frame, Time())
    except TransformException:
        return False
    return Time.from_msg(newest.header.stamp).nanoseconds > stamp_ns


def _known_frames(buffer: Buffer) -> str:
    """The frames TF knows, for an error message."""
    names = sorted(
        line.split(":")[0]
        for line in buffer.all_frames_as_yaml().splitlines()
        if line and not line.startswith((" ", "[", "{"))
    )
    return f"Frames with a parent in TF: {', '.join(names) or 'none'}."
