# SPDX-License-Identifier: Apache-2.0
"""How badly matched points contradict a relative pose, and how far away it puts them."""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.input_checks.features import Matches

LARGEST_ERROR_PX = 4.0
"""Errors beyond this are wrong, and no more wrong than that."""
LEAST_PARALLAX = np.radians(0.5)
"""With less parallax a point does not tell whether it lies before or behind the cameras."""


def contradiction(matches: Matches, first_from_second: Float64[ndarray, "4 4"]) -> float:
    """From 0, all points agree with the relative pose, to 1, none does.

    A point contradicts by its distance from its epipolar line (Sampson's, squared and cut off),
    and wholly if it would lie behind a camera.
    """
    error_px = sampson_error(matches, first_from_second) / matches.pixel
    cost = np.minimum(error_px / LARGEST_ERROR_PX, 1.0) ** 2
    first_depth, second_depth, parallax = triangulate(matches, first_from_second)
    is_behind = ((first_depth <= 0) | (second_depth <= 0)) & (parallax > LEAST_PARALLAX)
    return float(np.where(is_behind, 1.0, cost).mean())


def sampson_error(
    matches: Matches, first_from_second: Float64[ndarray, "4 4"]
) -> Float64[ndarray, " match"]:
    """Distance of each match from the epipolar geometry, on the plane z = 1.

    Source: Hartley and Zisserman, Multiple View Geometry, 11.4.3.
    """
    direction = first_from_second[:3, 3]
    x, y, z = direction / max(float(np.linalg.norm(direction)), 1e-12)
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ first_from_second[:3, :3]
    first_lines = matches.second_rays @ essential.T
    second_lines = matches.first_rays @ essential
    squared = np.sum(first_lines[:, :2] ** 2, axis=1) + np.sum(second_lines[:, :2] ** 2, axis=1)
    product = np.abs(np.sum(matches.first_rays * first_lines, axis=1))
    # Without any translation there is no line, and nothing to contradict.
    return product / np.sqrt(np.maximum(squared, 1e-24))


def triangulate(
    matches: Matches, first_from_second: Float64[ndarray, "4 4"]
) -> tuple[Float64[ndarray, " match"], Float64[ndarray, " match"], Float64[ndarray, " match"]]:
    """Depths in both cameras, in the unit of the translation, and parallax angles in radians."""
    first = matches.first_rays
    second = matches.second_rays @ first_from_second[:3, :3].T
    baseline = first_from_second[:3, 3]
    # Least squares for first_depth * first - second_depth * second = baseline.
    first_squared = np.sum(first * first, axis=1)
    second_squared = np.sum(second * second, axis=1)
    product = np.sum(first * second, axis=1)
    determinant = np.maximum(first_squared * second_squared - product**2, 1e-15)
    first_along, second_along = first @ baseline, second @ baseline
    first_depth = (second_squared * first_along - product * second_along) / determinant
    second_depth = (product * first_along - first_squared * second_along) / determinant
    sine = np.sqrt(determinant / (first_squared * second_squared))
    return first_depth, second_depth, np.arcsin(np.minimum(sine, 1.0))
