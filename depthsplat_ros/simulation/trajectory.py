# SPDX-License-Identifier: Apache-2.0
"""A robot's drive round a room as a function of time, and the camera it carries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Complex128, Float64, Int
from numpy import ndarray

from depthsplat_ros.simulation.closed_curve import SAMPLES, begin_at, evaluate, reverse
from depthsplat_ros.simulation.free_floor import FreeFloor
from depthsplat_ros.simulation.loop_planner import plan_loop
from depthsplat_ros.simulation.solids import Solid, placement
from depthsplat_ros.simulation.visibility import Shapes, trace_grid

LOOKS = 32
OPTICAL_FROM_LEVEL = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
"""Optical axes (x right, y down, z forward) in a frame with x forward, y left, z up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMount:
    """Where the camera sits on the robot: its optical frame against base_link."""

    forward_m: float = 0.1
    left_m: float = 0.0
    up_m: float = 0.9
    yaw: float = 0.0
    """Turn to the left (rad); sideways views have more parallax than views straight ahead."""
    pitch: float = 0.15
    """Turn downwards (rad)."""

    def base_from_camera(self) -> Float64[ndarray, "4 4"]:
        """The pose of the optical frame on the robot."""
        at = placement(self.forward_m, self.left_m, self.up_m, self.yaw, self.pitch)
        return at @ OPTICAL_FROM_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectory:
    """A closed drive: the pose at any time, again and again with the period."""

    harmonics: Complex128[ndarray, " harmonic"]
    """Fourier coefficients of x + iy over one lap, of the orders 0, 1, -1, 2, -2, ..."""
    times_s: Float64[ndarray, " knot"]
    """Time at which each of the laps's evenly spaced phases is reached; starts at 0."""
    mount: CameraMount
    bob_m: float = 0.003
    """How far uneven floor lifts the robot; it tilts it too, by bob_m per half metre."""

    @property
    def period_s(self) -> float:
        """Time for one lap."""
        return float(self.times_s[-1])

    def world_from_base(self, time_s: float) -> Float64[ndarray, "4 4"]:
        """Pose of the robot: x forward, y left, z up, on the floor."""
        phase = float(
            np.interp(time_s % self.period_s, self.times_s, np.linspace(0, 1, len(self.times_s)))
        )
        place, velocity = evaluate(self.harmonics, np.array([phase]))
        angle = 2 * math.pi * phase
        # Whole numbers of waves per lap: a lap ends as the next begins.
        lift = 0.5 * (math.sin(41 * angle) + math.sin(67 * angle + 1))
        nod, sway = math.sin(53 * angle + 2), math.sin(31 * angle + 3)
        return placement(
            float(place[0].real),
            float(place[0].imag),
            self.bob_m * lift,
            math.atan2(velocity[0].imag, velocity[0].real),
            2 * self.bob_m * nod,
            2 * self.bob_m * sway,
        )

    def world_from_camera(self, time_s: float) -> Float64[ndarray, "4 4"]:
        """Pose of the camera's optical frame: x right, y down, z forward."""
        return self.world_from_base(time_s) @ self.mount.base_from_camera()


def rotation_xyzw(transform: Float64[ndarray, "4 4"]) -> Float64[ndarray, " 4"]:
    """The unit quaternion of a rigid transform, in the order of ROS messages."""
    m = transform[:3, :3]
    # The largest of the four components is found without loss, the others follow from it.
    squares = 1 + np.array(
        [
            m[0, 0] - m[1, 1] - m[2, 2],
            m[1, 1] - m[0, 0] - m[2, 2],
            m[2, 2] - m[0, 0] - m[1, 1],
            m[0, 0] + m[1, 1] + m[2, 2],
        ]
    )
    products = np.array(
        [
            [squares[0], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
            [m[0, 1] + m[1, 0], squares[1], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
            [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[2], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], squares[3]],
        ]
    )
    largest = products[int(squares.argmax())]
    return largest / np.linalg.norm(largest)


def drive(
    solids: Sequence[Solid],
    seed: int,
    *,
    speed_mps: float = 0.4,
    turn_rate_limit: float = 0.6,
    mount: CameraMount | None = None,
) -> Trajectory:
    """A closed drive of a differential-drive robot that visits much of the floor.

    It heads where it goes, slows down in curves (`turn_rate_limit` in rad/s) and keeps clear of
    obstacles by `ROBOT_RADIUS_M`.

    Raises:
        WorldError: if the floor leaves no room for a loop.
    """
    harmonics = plan_loop(FreeFloor.of(solids), np.random.default_rng((seed, 4)))
    times_s = _time_phases(harmonics, speed_mps, turn_rate_limit)
    lap = Trajectory(harmonics=harmonics, times_s=times_s, mount=mount or CameraMount())
    # Either way round: a camera that looks aside sees the furniture, or the walls.
    back = replace(lap, harmonics=reverse(harmonics), times_s=times_s[-1] - times_s[::-1])
    seen, seen_back = _count_things_seen(solids, lap), _count_things_seen(solids, back)
    if seen_back.sum() > seen.sum():
        lap, seen = back, seen_back
    return _begin_at(lap, _choose_start(seen))


def _begin_at(lap: Trajectory, knot: int) -> Trajectory:
    """The same lap, begun at another of its knots."""
    phase = knot / (len(lap.times_s) - 1)
    durations_s = np.roll(np.diff(lap.times_s), -knot)
    return replace(
        lap,
        harmonics=begin_at(lap.harmonics, phase),
        times_s=np.concatenate([[0.0], np.cumsum(durations_s)]),
    )


def _count_things_seen(solids: Sequence[Solid], lap: Trajectory) -> Int[ndarray, " look"]:
    """How many different things the camera sees at evenly spaced phases."""
    shapes, tangents = Shapes.of(solids), torch.linspace(-0.8, 0.8, 40)
    seen = []
    for time_s in lap.times_s[: -1 : SAMPLES // LOOKS].tolist():
        _, index = trace_grid(shapes, lap.world_from_camera(time_s), tangents, tangents[10:30])
        seen.append(len(torch.unique(index)))
    return np.array(seen)


def _choose_start(seen: Int[ndarray, " look"]) -> int:
    """Knot from which on most is seen: a short recording should show many things."""
    quarter = LOOKS // 4
    following = np.concatenate([seen, seen[:quarter]])
    quarters = np.convolve(following, np.ones(quarter), mode="valid")[:LOOKS]
    # The first picture counts for itself as well.
    return int((quarters + quarter / 2 * seen).argmax()) * (SAMPLES // LOOKS)


def _time_phases(
    harmonics: Complex128[ndarray, " harmonic"], speed_mps: float, turn_rate_limit: float
) -> Float64[ndarray, " knot"]:
    """Time of each of many evenly spaced phases, slower where the curve bends."""
    places, velocity = evaluate(harmonics, np.arange(0, 1, 1 / SAMPLES))
    turn = np.abs(np.angle(np.roll(velocity, -1) / velocity))
    length = np.abs(np.roll(places, -1) - places)
    durations_s = np.maximum(length / speed_mps, turn / turn_rate_limit)
    return np.concatenate([[0.0], np.cumsum(durations_s)])
