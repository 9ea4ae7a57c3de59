# SPDX-License-Identifier: Apache-2.0
"""Gaussians in space -> ellipses in the image, with what compositing needs to know of each."""

import math

import numpy as np

from depthsplat_ros.compilation import compiled
from depthsplat_ros.rendering.harmonics import fill_basis

TILE_PX = 16
LOW_PASS_PX2 = 0.3
"""Added to each ellipse's variance, so that none falls between pixels."""
LEAST_ALPHA = 1.0 / 255.0
VIEW_MARGIN = 0.3
"""Beyond the image by this share of half its size, the projection is linearised at the edge."""

# Columns of a table of ellipses. With d the offset from the mean to a pixel's centre, an ellipse
# covers that pixel with opacity * exp(-s), s = halves . (dx^2, dy^2) + CROSS dx dy, if s <= LIMIT.
MEAN_X, MEAN_Y, HALF_XX, CROSS_XY, HALF_YY, LIMIT, OPACITY = range(7)
DEPTH, RED, GREEN, BLUE, REACH_Y = range(7, 12)
COLUMNS = 12

# Entries of a camera as an array.
WIDTH, HEIGHT, FOCAL_X, FOCAL_Y, CENTRE_X, CENTRE_Y, NEAR, FAR = range(8)


@compiled
def project(
    begin,
    end,
    means,
    scales,
    rotations_wxyz,
    opacities,
    harmonics,
    camera_from_scene,
    centre,
    camera,
    is_antialiased,
    ellipses,
    boxes,
    depth_keys,
):
    """Project Gaussians begin to end; those that can be seen are written from row `begin` on.

    Lengths in pixels, (0, 0) being the corner of the image.

    Args:
        begin: first Gaussian.
        end: one after the last.
        means: gaussian x 3, in the scene's axes.
        scales: gaussian x 3.
        rotations_wxyz: gaussian x 4, any length above 0.
        opacities: gaussian.
        harmonics: gaussian x 3 x (degree + 1)^2, in the basis of 3DGS viewers.
        camera_from_scene: 3 x 3, the rotation, in numbers that float32 holds.
        centre: 3, the camera's place among the means.
        camera: 8 numbers, see WIDTH and so on; the principal point counts from the corner.
        is_antialiased: whether opacity falls as the low-pass widens an ellipse.
        ellipses: out, gaussian x COLUMNS float32.
        boxes: out, gaussian x 4 int32: first and one after the last tile, in x and in y.
        depth_keys: out, gaussian uint32, in the order of the depths.

    Returns:
        How many are written, and how many hold NaN or infinity.

    Source: gsplat 1.5.3, projection_ewa_3dgs_fused. Its square around an ellipse is wider than
    ours; no pixel between the two passes the least alpha.
    """
    width, height = camera[WIDTH], camera[HEIGHT]
    focal_x, focal_y = camera[FOCAL_X], camera[FOCAL_Y]
    centre_x, centre_y = camera[CENTRE_X], camera[CENTRE_Y]
    right = (width - centre_x) / focal_x + VIEW_MARGIN * 0.5 * width / focal_x
    left = -centre_x / focal_x - VIEW_MARGIN * 0.5 * width / focal_x
    below = (height - centre_y) / focal_y + VIEW_MARGIN * 0.5 * height / focal_y
    above = -centre_y / focal_y - VIEW_MARGIN * 0.5 * height / focal_y
    tiles_x = math.ceil(width / TILE_PX)
    tiles_y = math.ceil(height / TILE_PX)
    r = camera_from_scene
    basis = np.zeros(harmonics.shape[2])
    written = begin
    broken = 0
    for i in range(begin, end):
        px = float(np.float32(means[i, 0] - centre[0]))
        py = float(np.float32(means[i, 1] - centre[1]))
        pz = float(np.float32(means[i, 2] - centre[2]))
        sx, sy, sz = float(scales[i, 0]), float(scales[i, 1]), float(scales[i, 2])
        qw, qx = float(rotations_wxyz[i, 0]), float(rotations_wxyz[i, 1])
        qy, qz = float(rotations_wxyz[i, 2]), float(rotations_wxyz[i, 3])
        opacity = float(opacities[i])
        length2 = qw * qw + qx * qx + qy * qy + qz * qz
        numbers = px + py + pz + sx + sy + sz + opacity + length2 + 1.0 / length2
        if not abs(numbers) < math.inf:
            broken += 1
            continue
        # Walls that face the camera are full of equal depths, whose order rounding decides. gsplat
        # fuses products and sums of float32 in this order; here each product is exact in float64.
        z = float(np.float32(r[2, 1] * py))
        z = float(np.float32(r[2, 0] * px + z))
        z = float(np.float32(r[2, 2] * pz + z))
        if z < camera[NEAR] or z > camera[FAR] or opacity < LEAST_ALPHA:
            continue
        x = r[0, 0] * px + r[0, 1] * py + r[0, 2] * pz
        y = r[1, 0] * px + r[1, 1] * py + r[1, 2] * pz
        over_z = 1.0 / z
        mean_x = focal_x * x * over_z + centre_x
        mean_y = focal_y * y * over_z + centre_y
        slope_x = min(right, max(left, x * over_z))
        slope_y = min(below, max(above, y * over_z))
        jxx, jxz = focal_x * over_z, -focal_x * over_z * slope_x
        jyy, jyz = focal_y * over_z, -focal_y * over_z * slope_y
        # Rows of J times the rotation into the camera: what moves the mean in x and in y.
        ax = jxx * r[0, 0] + jxz * r[2, 0]
        ay = jxx * r[0, 1] + jxz * r[2, 1]
        az = jxx * r[0, 2] + jxz * r[2, 2]
        bx = jyy * r[1, 0] + jyz * r[2, 0]
        by = jyy * r[1, 1] + jyz * r[2, 1]
        bz = jyy * r[1, 2] + jyz * r[2, 2]
        # Times the Gaussian's own axes, each as long as its scale.
        double = 2.0 / length2
        ux = sx * (1.0 - double * (qy * qy + qz * qz))
        uy = sx * double * (qx * qy + qw * qz)
        uz = sx * double * (qx * qz - qw * qy)
        vx = sy * double * (qx * qy - qw * qz)
        vy = sy * (1.0 - double * (qx * qx + qz * qz))
        vz = sy * double * (qy * qz + qw * qx)
        wx = sz * double * (qx * qz + qw * qy)
        wy = sz * double * (qy * qz - qw * qx)
        wz = sz * (1.0 - double * (qx * qx + qy * qy))
        au, bu = ax * ux + ay * uy + az * uz, bx * ux + by * uy + bz * uz
        av, bv = ax * vx + ay * vy + az * vz, bx * vx + by * vy + bz * vz
        aw, bw = ax * wx + ay * wy + az * wz, bx * wx + by * wy + bz * wz
        xx = au * au + av * av + aw * aw
        xy = au * bu + av * bv + aw * bw
        yy = bu * bu + bv * bv + bw * bw
        sharp_area2 = xx * yy - xy * xy
        xx += LOW_PASS_PX2
        yy += LOW_PASS_PX2
        area2 = xx * yy - xy * xy
        if not area2 > 0.0:
            continue
        if is_antialiased:
            opacity *= math.sqrt(max(0.0, sharp_area2 / area2))
        limit = math.log(opacity / LEAST_ALPHA)
        if not limit >= 0.0:
            continue
        reach_x = math.sqrt(2.0 * limit * xx)
        reach_y = math.sqrt(2.0 * limit * yy)
        if (
            mean_x + reach_x <= 0.0
            or mean_x - reach_x >= width
            or mean_y + reach_y <= 0.0
            or mean_y - reach_y >= height
        ):
            continue
        over_distance = 1.0 / math.sqrt(px * px + py * py + pz * pz)
        fill_basis(px * over_distance, py * over_distance, pz * over_distance, basis)
        red, green, blue = 0.5, 0.5, 0.5
        for term in range(len(basis)):
            red += basis[term] * harmonics[i, 0, term]
            green += basis[term] * harmonics[i, 1, term]
            blue += basis[term] * harmonics[i, 2, term]
        if not abs(red + green + blue) < math.inf:
            broken += 1
            continue
        # A pixel is reached if its centre is.
        boxes[written, 0] = int(max(0.0, mean_x - reach_x - 0.5)) // TILE_PX
        boxes[written, 1] = min(tiles_x, int(min(width, mean_x + reach_x - 0.5)) // TILE_PX + 1)
        boxes[written, 2] = int(max(0.0, mean_y - reach_y - 0.5)) // TILE_PX
        boxes[written, 3] = min(tiles_y, int(min(height, mean_y + reach_y - 0.5)) // TILE_PX + 1)
        ellipse = ellipses[written]
        ellipse[MEAN_X] = mean_x
        ellipse[MEAN_Y] = mean_y
        ellipse[HALF_XX] = 0.5 * yy / area2
        ellipse[CROSS_XY] = -xy / area2
        ellipse[HALF_YY] = 0.5 * xx / area2
        ellipse[LIMIT] = limit
        ellipse[OPACITY] = opacity
        ellipse[DEPTH] = z
        ellipse[RED] = max(0.0, red)
        ellipse[GREEN] = max(0.0, green)
        ellipse[BLUE] = max(0.0, blue)
        ellipse[REACH_Y] = reach_y
        # Bits of positive floats are in the order of the floats.
        depth_keys[written] = np.float32(z).view(np.uint32)
        written += 1
    return written - begin, broken
