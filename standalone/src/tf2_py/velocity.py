# SPDX-License-Identifier: Apache-2.0
"""Velocity of a frame, from its poses at the two ends of an averaging interval."""

import math

from tf2_py import linear_math
from tf2_py.exceptions import InvalidArgumentException
from tf2_py.frame_tree import FrameTree
from tf2_py.linear_math import Matrix, Vector

NANOSECONDS_PER_SECOND = 1_000_000_000
SMALLEST_START_S = 0.00001  # 0 would mean "the latest"


def average_velocity(
    tree: FrameTree,
    tracking_frame: str,
    observation_frame: str,
    reference_frame: str,
    reference_point_m: Vector,
    reference_point_frame: str,
    stamp_ns: int,
    interval_ns: int,
) -> tuple[Vector, Vector]:
    """Linear (m/s) and angular (rad/s) velocity of `tracking_frame` seen from `observation_frame`.

    The linear part is the one of the body-fixed point at `reference_point_m` (in
    `reference_point_frame`); both are in the axes of `reference_frame`, and averaged over
    `interval_ns` around the stamp, or up to the newest data. The real tf2 answers the same where
    nothing turns; where something does, it turns the result once too often.

    Raises:
        InvalidArgumentException: if the interval is not positive.
        TransformException: if one of the poses is not known.
    """
    if interval_ns <= 0:
        raise InvalidArgumentException(
            f"averaging_interval must be positive, not {interval_ns} ns"
        )
    tree.require("lookupVelocity argument tracking_frame", tracking_frame)
    tree.require("lookupVelocity argument observation_frame", observation_frame)
    latest_s = tree.latest_common_ns(observation_frame, tracking_frame) / NANOSECONDS_PER_SECOND
    stamp_s = stamp_ns / NANOSECONDS_PER_SECOND
    interval_s = interval_ns / NANOSECONDS_PER_SECOND
    end_s = min(stamp_s + interval_s * 0.5, latest_s)
    start_s = max(SMALLEST_START_S + interval_s, end_s) - interval_s
    per_second = 1.0 / (end_s - start_s)

    start_m, start_basis = _lookup(tree, observation_frame, tracking_frame, start_s)
    end_m, end_basis = _lookup(tree, observation_frame, tracking_frame, end_s)
    turn = linear_math.compose(_transposed(start_basis), end_basis)
    turned = linear_math.transform_point(start_basis, _rotation_vector(turn))

    _, axes = _lookup(tree, reference_frame, observation_frame, stamp_s)
    moved_m = linear_math.transform_point(axes, linear_math.subtract(end_m, start_m))
    linear = linear_math.scale(moved_m, per_second)
    angular = linear_math.scale(linear_math.transform_point(axes, turned), per_second)

    origin_m, _ = _lookup(tree, reference_frame, tracking_frame, stamp_s)
    point_m, point_basis = _lookup(tree, reference_frame, reference_point_frame, stamp_s)
    point_m = linear_math.add(linear_math.transform_point(point_basis, reference_point_m), point_m)
    lever_m = linear_math.subtract(point_m, origin_m)
    return linear_math.add(linear, linear_math.cross(angular, lever_m)), angular


def _lookup(tree: FrameTree, target: str, source: str, stamp_s: float) -> tuple[Vector, Matrix]:
    pose = tree.lookup(target, source, round(stamp_s * NANOSECONDS_PER_SECOND))
    return pose.translation, linear_math.matrix_from_quaternion(pose.rotation)


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


def _rotation_vector(matrix: Matrix) -> Vector:
    """Axis times angle in radians."""
    x, y, z, w = linear_math.quaternion_from_matrix(matrix)
    sine = math.sqrt(x * x + y * y + z * z)
    factor = 2.0 * math.atan2(sine, w) / sine if sine > 1e-12 else 2.0
    return (x * factor, y * factor, z * factor)
