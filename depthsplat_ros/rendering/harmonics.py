# SPDX-License-Identifier: Apache-2.0
"""The colour that spherical harmonics give in a direction, in the basis of 3DGS viewers."""

from depthsplat_ros.compilation import compiled


@compiled
def fill_basis(x, y, z, basis):
    """The first harmonics in the direction of a unit vector.

    Args:
        x: of the unit vector from the camera to the Gaussian, in world axes.
        y: likewise.
        z: likewise.
        basis: out; 1, 4, 9, 16 or 25 numbers, for degree 0 to 4.

    Source: P.-P. Sloan, Efficient Spherical Harmonic Evaluation (JCGT 2013), as in gsplat.
    """
    basis[0] = 0.2820947917738781
    if len(basis) < 4:
        return
    basis[1] = -0.48860251190292 * y
    basis[2] = 0.48860251190292 * z
    basis[3] = -0.48860251190292 * x
    if len(basis) < 9:
        return
    zz = z * z
    cos2, sin2 = x * x - y * y, 2.0 * x * y
    zonal2 = 0.9461746957575601 * zz - 0.3153915652525201
    basis[4] = 0.5462742152960395 * sin2
    basis[5] = -1.092548430592079 * z * y
    basis[6] = zonal2
    basis[7] = -1.092548430592079 * z * x
    basis[8] = 0.5462742152960395 * cos2
    if len(basis) < 16:
        return
    cos3, sin3 = x * cos2 - y * sin2, x * sin2 + y * cos2
    ring3 = -2.285228997322329 * zz + 0.4570457994644658
    zonal3 = z * (1.865881662950577 * zz - 1.119528997770346)
    basis[9] = -0.5900435899266435 * sin3
    basis[10] = 1.445305721320277 * z * sin2
    basis[11] = ring3 * y
    basis[12] = zonal3
    basis[13] = ring3 * x
    basis[14] = 1.445305721320277 * z * cos2
    basis[15] = -0.5900435899266435 * cos3
    if len(basis) < 25:
        return
    cos4, sin4 = x * cos3 - y * sin3, x * sin3 + y * cos3
    ring4 = z * (-4.683325804901025 * zz + 2.007139630671868)
    sector4 = 3.31161143515146 * zz - 0.47308734787878
    basis[16] = 0.6258357354491763 * sin4
    basis[17] = -1.770130769779931 * z * sin3
    basis[18] = sector4 * sin2
    basis[19] = ring4 * y
    basis[20] = 1.984313483298443 * z * zonal3 - 1.006230589874905 * zonal2
    basis[21] = ring4 * x
    basis[22] = sector4 * cos2
    basis[23] = -1.770130769779931 * z * cos3
    basis[24] = 0.6258357354491763 * cos4
