# SPDX-License-Identifier: Apache-2.0
"""Rotations and translations as plain float tuples.

Tuples, because for three or four numbers they are several times faster than arrays. The order of
the operations is the one of tf2's LinearMath headers, so results agree with it to the last bits.
"""

import math

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]  # x, y, z, w
Matrix = tuple[Vector, Vector, Vector]  # rows

ORIGIN: Vector = (0.0, 0.0, 0.0)
IDENTITY: Quaternion = (0.0, 0.0, 0.0, 1.0)


def add(left: Vector, right: Vector) -> Vector:
    """Sum of two vectors."""
    return (left[0] + right[0], left[1] + right[1], left[2] + right[2])


def subtract(left: Vector, right: Vector) -> Vector:
    """Difference of two vectors."""
    return (left[0] - right[0], left[1] - right[1], left[2] - right[2])


def scale(vector: Vector, factor: float) -> Vector:
    """Vector times a number."""
    return (vector[0] * factor, vector[1] * factor, vector[2] * factor)


def cross(left: Vector, right: Vector) -> Vector:
    """Cross product."""
    return (
        left[1] * right[2] - left[2] * right[1],
        left[2] * right[0] - left[0] * right[2],
        left[0] * right[1] - left[1] * right[0],
    )


def multiply(left: Quaternion, right: Quaternion) -> Quaternion:
    """Hamilton product: the rotation `right` followed by the rotation `left`."""
    lx, ly, lz, lw = left
    rx, ry, rz, rw = right
    return (
        lw * rx + lx * rw + ly * rz - lz * ry,
        lw * ry + ly * rw + lz * rx - lx * rz,
        lw * rz + lz * rw + lx * ry - ly * rx,
        lw * rw - lx * rx - ly * ry - lz * rz,
    )


def conjugate(rotation: Quaternion) -> Quaternion:
    """The inverse of a unit quaternion."""
    x, y, z, w = rotation
    return (-x, -y, -z, w)


def rotate(rotation: Quaternion, vector: Vector) -> Vector:
    """The vector turned by a unit quaternion."""
    x, y, z, w = rotation
    vx, vy, vz = vector
    # rotation * vector, then times the conjugate
    px = w * vx + y * vz - z * vy
    py = w * vy + z * vx - x * vz
    pz = w * vz + x * vy - y * vx
    pw = -x * vx - y * vy - z * vz
    return (
        pw * -x + px * w + py * -z - pz * -y,
        pw * -y + py * w + pz * -x - px * -z,
        pw * -z + pz * w + px * -y - py * -x,
    )


def interpolate(start: Vector, end: Vector, ratio: float) -> Vector:
    """Linear interpolation, `start` at ratio 0 and `end` at ratio 1."""
    rest = 1.0 - ratio
    return (
        rest * start[0] + ratio * end[0],
        rest * start[1] + ratio * end[1],
        rest * start[2] + ratio * end[2],
    )


def slerp(start: Quaternion, end: Quaternion, ratio: float) -> Quaternion:
    """Spherical interpolation along the shorter arc."""
    sx, sy, sz, sw = start
    ex, ey, ez, ew = end
    length = math.sqrt(
        (sx * sx + sy * sy + sz * sz + sw * sw) * (ex * ex + ey * ey + ez * ez + ew * ew)
    )
    dot = sx * ex + sy * ey + sz * ez + sw * ew
    if dot < 0:
        dot, ex, ey, ez, ew = -dot, -ex, -ey, -ez, -ew
    angle = math.acos(min(1.0, dot / length))
    if angle == 0.0:
        return start
    norm = 1.0 / math.sin(angle)
    from_start = math.sin((1.0 - ratio) * angle)
    from_end = math.sin(ratio * angle)
    return (
        (sx * from_start + ex * from_end) * norm,
        (sy * from_start + ey * from_end) * norm,
        (sz * from_start + ez * from_end) * norm,
        (sw * from_start + ew * from_end) * norm,
    )


def matrix_from_quaternion(rotation: Quaternion) -> Matrix:
    """Rotation matrix of a quaternion of any length; NaN for the zero quaternion."""
    x, y, z, w = rotation
    length_squared = x * x + y * y + z * z + w * w
    factor = 2.0 / length_squared if length_squared else math.inf
    xs, ys, zs = x * factor, y * factor, z * factor
    wx, wy, wz = w * xs, w * ys, w * zs
    xx, xy, xz = x * xs, x * ys, x * zs
    yy, yz, zz = y * ys, y * zs, z * zs
    return (
        (1.0 - (yy + zz), xy - wz, xz + wy),
        (xy + wz, 1.0 - (xx + zz), yz - wx),
        (xz - wy, yz + wx, 1.0 - (xx + yy)),
    )


def quaternion_from_matrix(matrix: Matrix) -> Quaternion:
    """Unit quaternion of a rotation matrix.

    Of the two signs it takes tf2's: w is positive up to 120 degrees, beyond that the largest of
    x, y, z is.
    """
    (m00, m01, m02), (m10, m11, m12), (m20, m21, m22) = matrix
    trace = m00 + m11 + m22
    if trace > 0.0:
        root = math.sqrt(trace + 1.0)
        factor = 0.5 / root
        return (
            (m21 - m12) * factor,
            (m02 - m20) * factor,
            (m10 - m01) * factor,
            root * 0.5,
        )
    # The turn is 120 degrees or more: start from the largest of x, y, z, the first if equal.
    if m00 >= m11 and m00 >= m22:
        root = math.sqrt(m00 - m11 - m22 + 1.0)
        factor = 0.5 / root
        return (root * 0.5, (m10 + m01) * factor, (m20 + m02) * factor, (m21 - m12) * factor)
    if m11 >= m22:
        root = math.sqrt(m11 - m22 - m00 + 1.0)
        factor = 0.5 / root
        return ((m01 + m10) * factor, root * 0.5, (m21 + m12) * factor, (m02 - m20) * factor)
    root = math.sqrt(m22 - m00 - m11 + 1.0)
    factor = 0.5 / root
    return ((m02 + m20) * factor, (m12 + m21) * factor, root * 0.5, (m10 - m01) * factor)


def canonical(rotation: Quaternion) -> Quaternion:
    """The same rotation as a unit quaternion with tf2's choice of sign."""
    return quaternion_from_matrix(matrix_from_quaternion(rotation))


def transform_point(matrix: Matrix, vector: Vector) -> Vector:
    """Matrix times vector."""
    x, y, z = vector
    row0, row1, row2 = matrix
    return (
        row0[0] * x + row0[1] * y + row0[2] * z,
        row1[0] * x + row1[1] * y + row1[2] * z,
        row2[0] * x + row2[1] * y + row2[2] * z,
    )


def compose(left: Matrix, right: Matrix) -> Matrix:
    """Matrix product."""
    columns = tuple(zip(*right, strict=True))
    return tuple(
        tuple(row[0] * column[0] + row[1] * column[1] + row[2] * column[2] for column in columns)
        for row in left
    )
