# SPDX-License-Identifier: Apache-2.0
"""Smooth closed curves in the plane: Fourier series of x + iy over a phase from 0 to 1.

Coefficients stand in the order 0, 1, -1, 2, -2, ...
"""

import numpy as np
from jaxtyping import Complex128, Float64
from numpy import ndarray

SAMPLES = 8192


def orders(count: int) -> ndarray:
    """0, 1, -1, 2, -2, ..."""
    order = np.zeros(count)
    order[1::2] = np.arange(1, len(order[1::2]) + 1)
    order[2::2] = -np.arange(1, len(order[2::2]) + 1)
    return order


def evaluate(
    harmonics: Complex128[ndarray, " harmonic"], phases: Float64[ndarray, " phase"]
) -> tuple[Complex128[ndarray, " phase"], Complex128[ndarray, " phase"]]:
    """Points of the curve and their derivative by phase."""
    order = orders(len(harmonics))
    waves = np.exp(2j * np.pi * phases[:, None] * order) * harmonics
    return waves.sum(axis=1), (2j * np.pi * order * waves).sum(axis=1)


def reverse(harmonics: Complex128[ndarray, " harmonic"]) -> Complex128[ndarray, " harmonic"]:
    """The curve run backwards: orders k and -k change places."""
    reversed_harmonics = harmonics.copy()
    reversed_harmonics[1::2], reversed_harmonics[2::2] = harmonics[2::2], harmonics[1::2]
    return reversed_harmonics


def sharpest_bend(harmonics: Complex128[ndarray, " harmonic"]) -> float:
    """Largest curvature, 1/m."""
    _, velocity = evaluate(harmonics, np.arange(0, 1, 1 / SAMPLES))
    turn = np.abs(np.angle(np.roll(velocity, -1) / velocity))
    return float((turn / np.abs(velocity)).max() * SAMPLES)


def begin_at(
    harmonics: Complex128[ndarray, " harmonic"], phase: float
) -> Complex128[ndarray, " harmonic"]:
    """The same curve, begun at another of its phases."""
    return harmonics * np.exp(2j * np.pi * phase * orders(len(harmonics)))
