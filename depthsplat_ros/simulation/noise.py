# SPDX-License-Identifier: Apache-2.0
"""Building blocks of patterns: noise, steps and tiles, all periodic so that copies join."""

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

Number = int | float
SIZE_PX = 512
"""Side of every pattern."""

Pattern = Float32[ndarray, "512 512 3"]


def grid() -> tuple[ndarray, ndarray]:
    """Coordinates of the texels' centres, in repetitions: u to the right, v down."""
    line = (np.arange(SIZE_PX) + 0.5) / SIZE_PX
    return np.meshgrid(line, line)


def noise(
    rng: np.random.Generator,
    exponent: Number = 1.0,
    low: Number = 1.0,
    high: Number = 200.0,
    stretch: tuple[Number, Number] = (1.0, 1.0),
) -> ndarray:
    """Noise of spectral slope -exponent between two frequencies (waves per repetition), in [0, 1].

    `stretch` above 1 lengthens its features along u or v.
    """
    frequency_u = np.fft.rfftfreq(SIZE_PX, 1 / SIZE_PX) * stretch[0]
    frequency_v = np.fft.fftfreq(SIZE_PX, 1 / SIZE_PX) * stretch[1]
    frequency = np.hypot(frequency_u[None, :], frequency_v[:, None])
    frequency[0, 0] = np.inf
    gain = np.where((frequency >= low) & (frequency <= high), frequency**-exponent, 0.0)
    white = rng.standard_normal((2, *gain.shape))
    values = np.fft.irfft2((white[0] + 1j * white[1]) * gain)
    return np.clip(0.5 + values / (5 * values.std()), 0, 1)


def step(edge: Number, values: ndarray, softness: float) -> ndarray:
    """0 below the edge, 1 above it, smooth over the softness."""
    share = np.clip((values - edge) / softness + 0.5, 0, 1)
    return share * share * (3 - 2 * share)


def warp(image: ndarray, shift_u: ndarray, shift_v: ndarray) -> ndarray:
    """The periodic image read at shifted coordinates (shifts in repetitions)."""
    u, v = grid()
    columns = ((u + shift_u) % 1 * SIZE_PX).astype(np.int64) % SIZE_PX
    rows = ((v + shift_v) % 1 * SIZE_PX).astype(np.int64) % SIZE_PX
    return image[rows, columns]


def channels(*planes: ndarray | Number) -> Pattern:
    """Three planes, or numbers that fill one, as a pattern."""
    filled = [np.broadcast_to(np.asarray(plane), (SIZE_PX, SIZE_PX)) for plane in planes]
    return np.stack(filled, axis=-1).astype(np.float32)


def tiles(
    rng: np.random.Generator, across: int, down: int, joint: float, *, shift: float = 0.0
) -> tuple[ndarray, ndarray, ndarray]:
    """Rectangles in rows: (1 inside and 0 in the joints, a random number per tile, its index).

    Each row is shifted against the one above by `shift` tiles; `joint` is in repetitions.
    """
    u, v = grid()
    row = np.floor(v * down)
    along = (u * across + row * shift) % across
    column = np.floor(along)
    to_edge = np.minimum(
        np.minimum(along % 1, 1 - along % 1) / across,
        np.minimum(v * down % 1, 1 - v * down % 1) / down,
    )
    index = (row * across + column).astype(np.int64)
    inside = step(joint / 2, to_edge, 2.5 / SIZE_PX)
    return inside, rng.random(across * down)[index], index
