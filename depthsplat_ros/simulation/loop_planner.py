# SPDX-License-Identifier: Apache-2.0
"""A way round a room: stops all over its free floor, joined by a smooth closed curve."""

import heapq
import math

import cv2
import numpy as np
from jaxtyping import Complex128, Float64
from numpy import ndarray

from depthsplat_ros.simulation.closed_curve import SAMPLES, evaluate, orders, sharpest_bend
from depthsplat_ros.simulation.free_floor import CELL_M, FreeFloor
from depthsplat_ros.simulation.world import WorldError

ROBOT_RADIUS_M = 0.2
COMFORT_M = 0.6
"""Farther from obstacles than this the way pays no heed to them."""
KEEP_RIGHT_M = 0.25
ATTEMPTS = 5
GENTLE_BEND = 8.0
"""Curvature (1/m) above which another way is tried: the robot would turn on the spot, where no two
views can be matched."""


def plan_loop(floor: FreeFloor, rng: np.random.Generator) -> Complex128[ndarray, " harmonic"]:
    """A closed curve that visits much of the floor and keeps clear by `ROBOT_RADIUS_M`.

    Raises:
        WorldError: if the floor leaves no room for a loop.
    """
    loops = []
    for _ in range(ATTEMPTS):
        loop = _plan_loop(floor, rng)
        if loop is not None:
            loops.append(loop)
            if sharpest_bend(loop) < GENTLE_BEND:
                break
    if not loops:
        raise WorldError(
            f"no smooth loop keeps {ROBOT_RADIUS_M} m clear of obstacles: remove some of them"
        )
    return min(loops, key=sharpest_bend)


def _plan_loop(
    floor: FreeFloor, rng: np.random.Generator
) -> Complex128[ndarray, " harmonic"] | None:
    stops = _choose_stops(floor, rng)
    lap = np.concatenate(
        [
            _find_way(floor, start, end)[:-1]
            for start, end in zip(stops, np.roll(stops, -1, axis=0), strict=True)
        ]
    )
    return _smooth_loop(floor, floor.middles(lap[:, 0], lap[:, 1]))


def _choose_stops(floor: FreeFloor, rng: np.random.Generator) -> ndarray:
    """Cells (row, column) spread over the largest piece of free floor, in a short tour."""
    passable = (floor.clearance_m > ROBOT_RADIUS_M + CELL_M).astype(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(passable, connectivity=4)
    if count < 2:
        raise WorldError("the world has no free floor for the robot: remove obstacles")
    largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
    reachable = labels == largest
    roomy = reachable & (floor.clearance_m > 0.4)
    cells = np.argwhere(roomy if roomy.any() else reachable)
    chosen = [cells[int(rng.integers(len(cells)))]]
    distance = np.full(len(cells), np.inf)
    # Farthest-point sampling, among random candidates so that seeds differ.
    while len(chosen) < 40:
        distance = np.minimum(distance, np.hypot(*(cells - chosen[-1]).T) * CELL_M)
        candidates = rng.integers(len(cells), size=60)
        best = candidates[distance[candidates].argmax()]
        if distance[best] < 1.1:
            break
        chosen.append(cells[best])
    if len(chosen) < 3:
        raise WorldError("the free floor is too small for a loop: remove obstacles")
    return _shorten_tour(np.array(chosen))


def _shorten_tour(stops: ndarray) -> ndarray:
    """The stops in an order without crossings (2-opt)."""
    order = list(range(len(stops)))
    gaps = np.hypot(*(stops[:, None] - stops[None]).transpose(2, 0, 1))
    improved = True
    while improved:
        improved = False
        for start in range(len(order) - 1):
            for end in range(start + 2, len(order) - (start == 0)):
                a, b = order[start], order[start + 1]
                c, d = order[end], order[(end + 1) % len(order)]
                if gaps[a, c] + gaps[b, d] < gaps[a, b] + gaps[c, d] - 1e-9:
                    order[start + 1 : end + 1] = reversed(order[start + 1 : end + 1])
                    improved = True
    return stops[order]


def _find_way(floor: FreeFloor, start: ndarray, end: ndarray) -> ndarray:
    """Cells from start to end, short and clear of obstacles (Dijkstra)."""
    clearance = floor.clearance_m
    cost = 1 + 6 * np.clip((COMFORT_M - clearance) / COMFORT_M, 0, 1) ** 2
    cost = np.where(clearance > ROBOT_RADIUS_M + CELL_M / 2, cost, np.inf)
    height, width = cost.shape
    cost = cost.ravel().tolist()
    goal, begin = int(end[0]) * width + int(end[1]), int(start[0]) * width + int(start[1])
    steps = [(-width, 1.0), (width, 1.0), (-1, 1.0), (1, 1.0)]
    steps += [(a + b, math.sqrt(2)) for a in (-width, width) for b in (-1, 1)]
    best, before = {begin: 0.0}, {begin: begin}
    queue = [(0.0, begin)]
    while queue:
        spent, cell = heapq.heappop(queue)
        if cell == goal:
            break
        if spent > best[cell]:
            continue
        for step, length in steps:
            following = cell + step
            # No obstacle-free cell lies on the border: rows never wrap.
            total = spent + length * cost[following]
            if total < best.get(following, math.inf):
                best[following], before[following] = total, cell
                heapq.heappush(queue, (total, following))
    way = [goal]
    while way[-1] != begin:
        way.append(before[way[-1]])
    return np.array([divmod(cell, width) for cell in reversed(way)])


def _smooth_loop(
    floor: FreeFloor, lap_m: Float64[ndarray, "point 2"]
) -> Complex128[ndarray, " harmonic"] | None:
    """The smoothest closed Fourier curve along the way that stays clear of obstacles, if any."""
    points = _space_evenly(lap_m, 0.05)
    push_row, push_column = np.gradient(floor.clearance_m, CELL_M)
    # Keep right: where the way comes back as it went, there is an arc to turn in.
    ahead = np.roll(points, -4, axis=0) - np.roll(points, 4, axis=0)
    right = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-6)
    spare = np.clip(floor.clearance_at(points) - ROBOT_RADIUS_M - CELL_M, 0, KEEP_RIGHT_M)
    points = points + right * spare[:, None]
    for _ in range(300):
        pull = (np.roll(points, 1, axis=0) + np.roll(points, -1, axis=0)) / 2 - points
        clearance = floor.clearance_at(points)[:, None]
        cell = floor.cells(points)
        push = np.stack([push_column[cell], push_row[cell]], axis=1)
        points = points + 0.6 * pull + 0.01 * push * np.clip(COMFORT_M - clearance, 0, None)
    points = _space_evenly(points, 0.05)
    spectrum = np.fft.fft(points[:, 0] + 1j * points[:, 1]) / len(points)
    length_m = 0.05 * len(points)
    for shortest_wave_m in (2.4, 1.8, 1.4, 1.0, 0.8, 0.6):
        count = 2 * round(length_m / shortest_wave_m) + 1
        order = orders(count).astype(int)
        # Higher orders fade out instead of stopping: a sharp cut would ring.
        fade = np.exp(-2 * (order * shortest_wave_m / length_m) ** 2)
        harmonics = spectrum[order] * fade
        curve, _ = evaluate(harmonics, np.arange(0, 1, 1 / SAMPLES))
        clearance = floor.clearance_at(np.stack([curve.real, curve.imag], axis=1))
        if clearance.min() >= ROBOT_RADIUS_M:
            return harmonics
    return None


def _space_evenly(loop_m: Float64[ndarray, "point 2"], gap_m: float) -> Float64[ndarray, "even 2"]:
    closed = np.concatenate([loop_m, loop_m[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    places = np.linspace(0, along[-1], max(8, round(along[-1] / gap_m)), endpoint=False)
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], axis=1)
