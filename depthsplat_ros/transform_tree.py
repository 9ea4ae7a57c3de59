# SPDX-License-Identifier: Apache-2.0
"""A recorded TF tree: where one frame was in another at any stamp, interpolated in float64.

It answers like tf2 with an endless cache (linear translation, spherical rotation, no
extrapolation), but the whole past and future of the recording is known to it.
"""

import math
import sys
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.errors import DepthSplatError

NANOSECONDS = 1_000_000_000
SMALLEST_QUATERNION_NORM = 1e-6
"""Shorter ones hold no direction; longer ones are brought to length 1, as tf2 does."""
_PARALLEL_COSINE = 1.0 - 1e-10
"""Rotations closer than this are blended in a straight line: the arc's sine vanishes."""
_VALUES_PER_SAMPLE = 7


class TransformError(DepthSplatError):
    """The tree does not hold the transform that is asked for, or cannot take what it is given."""


class UnknownFrameError(TransformError):
    """No transform ever mentioned the frame."""


class DisconnectedFramesError(TransformError):
    """Both frames exist, but nothing links them."""


class UncoveredStampError(TransformError):
    """A link of the chain was not recorded around the stamp."""


@dataclass(slots=True)
class _Link:
    """All transforms of one child frame; its parent may change over time."""

    stamps_ns: array = field(default_factory=lambda: array("q"))
    parents: list[str] = field(default_factory=list)
    values: array = field(default_factory=lambda: array("d"))
    """Per sample x, y, z in metres and a unit quaternion x, y, z, w."""
    is_sorted: bool = True

    def append(self, stamp_ns: int, parent: str, values: tuple[float, ...]) -> None:
        if self.stamps_ns and stamp_ns <= self.stamps_ns[-1]:
            self.is_sorted = False
        self.stamps_ns.append(stamp_ns)
        self.parents.append(parent)
        self.values.extend(values)

    def sort(self) -> None:
        """Orders samples strictly by stamp; of equal stamps the first stays, as in tf2."""
        if self.is_sorted:
            return
        stamps_ns, first = np.unique(np.array(self.stamps_ns, dtype=np.int64), return_index=True)
        values = np.array(self.values).reshape(-1, _VALUES_PER_SAMPLE)[first]
        self.stamps_ns = array("q", stamps_ns.tolist())
        self.values = array("d", values.ravel().tolist())
        self.parents = [self.parents[index] for index in first]
        self.is_sorted = True

    def sample(self, index: int) -> Float64[ndarray, " value"]:
        start = index * _VALUES_PER_SAMPLE
        return np.array(self.values[start : start + _VALUES_PER_SAMPLE])


class TransformTree:
    """Collects transforms and answers lookups; frame names lose a leading slash on the way in."""

    def __init__(self) -> None:
        """An empty tree."""
        self._frames: set[str] = set()
        self._dynamic: dict[str, _Link] = {}
        self._static: dict[str, tuple[str, Float64[ndarray, " value"]]] = {}

    def add(
        self,
        *,
        parent: str,
        child: str,
        stamp_ns: int | None,
        translation_m: tuple[float, float, float],
        rotation_xyzw: tuple[float, float, float, float],
    ) -> None:
        """Takes the child's pose in its parent; without a stamp it holds for all time.

        A later static transform replaces an earlier one. Where a frame has both, the stamped ones
        count.

        Raises:
            TransformError: for empty or equal frame names and numbers that are no rigid transform.
        """
        # Millions of samples name a handful of frames; each name is kept once.
        parent, child = sys.intern(strip_slash(parent)), sys.intern(strip_slash(child))
        if not parent or not child or parent == child:
            raise TransformError(
                f"transform from '{child}' to '{parent}' needs two different frame names: "
                "check the publisher's frame parameters"
            )
        norm = math.hypot(*rotation_xyzw)
        if not all(map(math.isfinite, (*translation_m, norm))):
            raise TransformError(
                f"transform from '{child}' to '{parent}' is not finite: translation "
                f"{translation_m}, rotation {rotation_xyzw}: its publisher diverged"
            )
        if norm < SMALLEST_QUATERNION_NORM:
            raise TransformError(
                f"transform from '{child}' to '{parent}' has the quaternion {rotation_xyzw} of "
                "length zero: its publisher must fill in a rotation (identity is 0, 0, 0, 1)"
            )
        values = (*translation_m, *(value / norm for value in rotation_xyzw))
        self._frames.update((parent, child))
        if stamp_ns is None:
            self._static[child] = (parent, np.array(values))
        else:
            self._dynamic.setdefault(child, _Link()).append(stamp_ns, parent, values)

    def frames(self) -> list[str]:
        """Names of all frames, sorted."""
        return sorted(self._frames)

    def moving_frames(self) -> frozenset[str]:
        """Frames whose pose in their parent was recorded over time."""
        return frozenset(self._dynamic)

    def ancestors(self, frame: str, *, stamp_ns: int) -> list[str]:
        """The frame itself, its parent at the stamp and so on up to the root.

        Raises:
            UnknownFrameError: if the tree never saw the frame.
            TransformError: if the links form a loop.
        """
        frame = strip_slash(frame)
        if frame not in self._frames:
            known = ", ".join(self.frames()) or "no frame at all"
            raise UnknownFrameError(
                f"frame '{frame}' is not in the recorded TF tree, which has {known}: "
                "record /tf and /tf_static from the start (rosbag2 drops the latched /tf_static "
                "with --start-offset), or name another frame"
            )
        chain = [frame]
        while (parent := self._parent(chain[-1], stamp_ns)) is not None:
            if parent in chain:
                loop = " -> ".join([*chain, parent])
                raise TransformError(f"TF links form a loop: {loop}; two publishers disagree")
            chain.append(parent)
        return chain

    def lookup(self, target: str, source: str, *, stamp_ns: int) -> Float64[ndarray, "4 4"]:
        """target_from_source at the stamp: maps points of the source frame into the target frame.

        Raises:
            UnknownFrameError: if a frame was never mentioned.
            DisconnectedFramesError: if the two belong to different trees.
            UncoveredStampError: if a link between them begins later, ends earlier, or changes its
                parent around the stamp: nothing is extrapolated.
        """
        source_chain = self.ancestors(source, stamp_ns=stamp_ns)
        target_chain = self.ancestors(target, stamp_ns=stamp_ns)
        common = next((frame for frame in source_chain if frame in target_chain), None)
        if common is None:
            raise DisconnectedFramesError(
                f"frames '{strip_slash(source)}' and '{strip_slash(target)}' are in different TF "
                f"trees: {' -> '.join(source_chain)} and {' -> '.join(target_chain)}; a transform "
                "between the trees was not recorded"
            )
        common_from_source = self._compose(source_chain, common, stamp_ns)
        common_from_target = self._compose(target_chain, common, stamp_ns)
        return invert_rigid(common_from_target) @ common_from_source

    def _compose(self, chain: list[str], end: str, stamp_ns: int) -> Float64[ndarray, "4 4"]:
        end_from_start = np.eye(4)
        for frame in chain[: chain.index(end)]:
            end_from_start = self._parent_from_child(frame, stamp_ns) @ end_from_start
        return end_from_start

    def _parent(self, child: str, stamp_ns: int) -> str | None:
        """The parent around the stamp; outside the recorded time the nearest known one."""
        link = self._dynamic.get(child)
        if link is not None:
            link.sort()
            index = bisect_right(link.stamps_ns, stamp_ns) - 1
            return link.parents[max(index, 0)]
        return self._static[child][0] if child in self._static else None

    def _parent_from_child(self, child: str, stamp_ns: int) -> Float64[ndarray, "4 4"]:
        link = self._dynamic.get(child)
        if link is None:
            return _matrix(self._static[child][1])
        link.sort()
        stamps_ns = link.stamps_ns
        after = bisect_left(stamps_ns, stamp_ns)
        if after < len(stamps_ns) and stamps_ns[after] == stamp_ns:
            return _matrix(link.sample(after))
        if after == 0 or after == len(stamps_ns):
            parent = link.parents[0 if after == 0 else -1]
            first_ns, last_ns = stamps_ns[0], stamps_ns[-1]
            side, edge_ns = ("begins", first_ns) if after == 0 else ("ends", last_ns)
            relation = "after" if after == 0 else "before"
            raise UncoveredStampError(
                f"TF of '{child}' in '{parent}' {side} "
                f"{abs(stamp_ns - edge_ns) / NANOSECONDS:.3f} s {relation} the wanted stamp "
                f"{_seconds(stamp_ns)}: it was recorded from "
                f"{_seconds(first_ns)} to {_seconds(last_ns)} ({len(stamps_ns)} samples) and is "
                "not extrapolated"
            )
        before = after - 1
        if link.parents[before] != link.parents[after]:
            raise UncoveredStampError(
                f"TF moves '{child}' from parent '{link.parents[before]}' "
                f"({_seconds(stamps_ns[before])}) to '{link.parents[after]}' "
                f"({_seconds(stamps_ns[after])}); in between, at {_seconds(stamp_ns)}, its pose "
                "is unknown: if this repeats, two publishers claim the frame"
            )
        share = (stamp_ns - stamps_ns[before]) / (stamps_ns[after] - stamps_ns[before])
        return _matrix(_interpolate(link.sample(before), link.sample(after), share))


def strip_slash(frame: str) -> str:
    """The frame name as tf2 spells it, without the leading slash of ROS 1."""
    return frame.removeprefix("/")


def invert_rigid(transform: Float64[ndarray, "4 4"]) -> Float64[ndarray, "4 4"]:
    """The inverse of a rotation and translation, exact to rounding."""
    inverse = np.eye(4)
    inverse[:3, :3] = transform[:3, :3].T
    inverse[:3, 3] = -transform[:3, :3].T @ transform[:3, 3]
    return inverse


def _interpolate(
    before: Float64[ndarray, " value"], after: Float64[ndarray, " value"], share: float
) -> Float64[ndarray, " value"]:
    """Straight line for the translation, shortest arc for the rotation."""
    translation = before[:3] + share * (after[:3] - before[:3])
    first, second = before[3:], after[3:]
    cosine = float(first @ second)
    if cosine < 0:
        second, cosine = -second, -cosine
    if cosine > _PARALLEL_COSINE:
        rotation = first + share * (second - first)
    else:
        angle = np.arccos(min(cosine, 1.0))
        rotation = np.sin((1.0 - share) * angle) * first + np.sin(share * angle) * second
    return np.concatenate([translation, rotation / np.linalg.norm(rotation)])


def _matrix(values: Float64[ndarray, " value"]) -> Float64[ndarray, "4 4"]:
    x, y, z, w = values[3:]
    transform = np.eye(4)
    transform[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    transform[:3, 3] = values[:3]
    return transform


def _seconds(stamp_ns: int) -> str:
    return f"{stamp_ns // NANOSECONDS}.{stamp_ns % NANOSECONDS:09d} s"
