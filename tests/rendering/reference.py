# SPDX-License-Identifier: Apache-2.0
"""The rules of rendering written down plainly: matrices, float64, one Gaussian after the other."""

import numpy as np

LOW_PASS_PX2, LEAST_ALPHA, MOST_ALPHA, LEAST_LIGHT = 0.3, 1 / 255, 0.999, 1e-4


def rotation_from_quaternion(wxyz):
    """Rotation matrix of a quaternion of any length, by turning the axes one by one."""
    w, *v = wxyz / np.linalg.norm(wxyz)
    v = np.array(v)
    return np.stack(
        [
            axis + 2 * w * np.cross(v, axis) + 2 * np.cross(v, np.cross(v, axis))
            for axis in np.eye(3)
        ],
        axis=1,
    )


def harmonics_in(direction, count):
    """Real spherical harmonics as products of Legendre functions and multiples of the azimuth.

    The sign (-1)^m of 3DGS is part of the Legendre functions.
    """
    from math import factorial, pi, sqrt

    x, y, z = direction
    values = []
    for degree in range(round(sqrt(count))):
        for order in range(-degree, degree + 1):
            m = abs(order)
            # Derivatives of the Legendre polynomial: the associated function without sin^m.
            legendre = np.polynomial.legendre.Legendre.basis(degree)
            polar = (-1) ** m * (legendre.deriv(m) if m else legendre)(z)
            azimuth = (x + 1j * y) ** m
            scale = sqrt(
                (2 * degree + 1) / (4 * pi) * factorial(degree - m) / factorial(degree + m)
            )
            part = azimuth.imag if order < 0 else azimuth.real
            values.append(scale * polar * part * (sqrt(2) if m else 1))
    return np.array(values)


def draw(arrays, camera, world_from_camera, config):
    """Colour, depth and opacity of the scene in `arrays`, which are named as in GaussianScene."""
    arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
    rotation, place = world_from_camera[:3, :3], world_from_camera[:3, 3]
    points = (arrays["means_m"] - place) @ rotation
    ys, xs = np.mgrid[: camera.height_px, : camera.width_px].astype(np.float64)
    light, total = np.ones(xs.shape), np.zeros((*xs.shape, 4))
    is_done = np.zeros(xs.shape, bool)
    for i in np.argsort(points[:, 2].astype(np.float32), kind="stable"):
        point = points[i]
        if not config.near_m <= point[2] <= config.far_m:
            continue
        mean, covariance = _project(arrays, i, point, rotation, camera)
        blurred = covariance + LOW_PASS_PX2 * np.eye(2)
        opacity = arrays["opacities"][i]
        if config.antialiased:
            opacity *= np.sqrt(max(np.linalg.det(covariance) / np.linalg.det(blurred), 0))
        offset = np.stack([xs - mean[0], ys - mean[1]], axis=-1)
        distance2 = np.einsum("hwi,ij,hwj->hw", offset, np.linalg.inv(blurred), offset)
        alpha = np.minimum(opacity * np.exp(-distance2 / 2), MOST_ALPHA)
        is_hit = (alpha >= LEAST_ALPHA) & ~is_done
        is_done |= is_hit & (light * (1 - alpha) <= LEAST_LIGHT)
        weight = np.where(is_hit & ~is_done, light * alpha, 0)
        direction = (arrays["means_m"][i] - place) / np.linalg.norm(arrays["means_m"][i] - place)
        harmonics = arrays["harmonics"][i]
        colour = np.maximum(0.5 + harmonics @ harmonics_in(direction, harmonics.shape[1]), 0)
        total += weight[..., None] * np.append(colour, point[2])
        light -= weight
    with np.errstate(invalid="ignore"):
        depth = total[..., 3] / (1 - light)
    depth[light == 1] = np.nan
    return total[..., :3] + light[..., None] * np.array(config.background), depth, 1 - light


def _project(arrays, i, point, rotation, camera):
    """Mean and covariance in the image; the slope is limited to 1.3 times half the image."""
    axes = rotation_from_quaternion(arrays["rotations_wxyz"][i]) * arrays["scales_m"][i]
    axes = rotation.T @ axes
    focal = np.array([camera.fx_px, camera.fy_px])
    centre = np.array([camera.cx_px, camera.cy_px])
    size = np.array([camera.width_px, camera.height_px])
    slope = point[:2] / point[2]
    margin = 0.3 * size / 2
    limited = np.clip(
        slope, (-0.5 - margin - centre) / focal, (size - 0.5 + margin - centre) / focal
    )
    jacobian = np.column_stack([np.diag(focal), -focal * limited]) / point[2]
    return focal * slope + centre, jacobian @ axes @ axes.T @ jacobian.T
