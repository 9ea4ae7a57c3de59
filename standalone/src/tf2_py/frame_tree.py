# SPDX-License-Identifier: Apache-2.0
"""The tree of frames over time, and the way from one frame to another.

Stamps are integers in nanoseconds; 0 means the latest common time. Not safe to share between
threads: `BufferCore` holds the lock.
"""

from collections.abc import ItemsView
from typing import Any, NamedTuple

from tf2_py import linear_math
from tf2_py.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf2_py.frame_cache import Link, StaticCache, TimeCache
from tf2_py.linear_math import Quaternion, Vector

MAX_DEPTH = 1000


class Pose(NamedTuple):
    """Pose of a source frame in a target frame, and the time it is for."""

    stamp_ns: int
    translation: Vector
    rotation: Quaternion


class FrameTree:
    """Frames, each with its history in its parent."""

    def __init__(self, cache_time_ns: int) -> None:
        """Start empty; `cache_time_ns` is how far back moving frames are remembered."""
        self._cache_time_ns = cache_time_ns
        # A frame that is only a parent has no history: None. The order is the one of first sight.
        self._frames: dict[str, TimeCache | StaticCache | None] = {}

    def __contains__(self, frame: str) -> bool:
        """Whether the frame was ever heard of."""
        return frame in self._frames

    def items(self) -> ItemsView[str, TimeCache | StaticCache | None]:
        """Frames with their histories, in the order they were first heard of."""
        return self._frames.items()

    def clear(self) -> None:
        """Forget where moving frames were; static ones and all names stay."""
        for cache in self._frames.values():
            if cache is not None:
                cache.clear()

    def insert(self, child: str, stamp_ns: int, link: Link, is_static: bool) -> bool:
        """Take over a link; False if it is too old to be kept."""
        cache = self._frames.get(child)
        # A frame that turns from static to moving, or back, starts anew.
        if cache is None or isinstance(cache, StaticCache) != is_static:
            cache = StaticCache() if is_static else TimeCache(self._cache_time_ns)
            self._frames[child] = cache
        self._frames.setdefault(link.parent)
        return cache.insert(stamp_ns, link)

    def lookup(self, target: str, source: str, stamp_ns: int) -> Pose:
        """Pose of `source` in `target`.

        Raises:
            InvalidArgumentException: if a name is empty or starts with a slash.
            LookupException: if a frame is unknown or the tree has a loop.
            ConnectivityException: if no path leads from one to the other.
            ExtrapolationException: if a history on the way does not reach to that time.
        """
        if target == source:  # known even if the frame is not
            cache = self._frames.get(target)
            if stamp_ns == 0 and cache is not None:
                stamp_ns = cache.latest_ns
            return Pose(stamp_ns, linear_math.ORIGIN, linear_math.IDENTITY)
        self.require("lookupTransform argument target_frame", target)
        self.require("lookupTransform argument source_frame", source)
        stamp_ns, from_source, from_target = self._walk(target, source, stamp_ns)
        translation, rotation = _accumulate(from_source)
        if from_target:
            target_translation, target_rotation = _accumulate(from_target)
            inverse = linear_math.conjugate(target_rotation)
            translation = linear_math.add(
                linear_math.rotate(inverse, translation),
                linear_math.rotate(inverse, linear_math.scale(target_translation, -1.0)),
            )
            rotation = linear_math.multiply(inverse, rotation)
        return Pose(stamp_ns, translation, rotation)

    def obstacle(self, target: str, source: str, stamp_ns: int) -> str:
        """Why the lookup between two known frames would fail; empty if it would not."""
        if target == source:
            return ""
        try:
            self._walk(target, source, stamp_ns)
        except TransformException as error:
            return str(error)
        return ""

    def latest_common_ns(self, target: str, source: str) -> int:
        """Newest stamp that all moving links between two known frames reach, 0 if none moves.

        Raises:
            ConnectivityException: if no path leads from one to the other.
            LookupException: if the tree has a loop.
        """
        if target == source:
            cache = self._frames[source]
            return 0 if cache is None else cache.latest_ns
        source_stamps_ns: list[int] = []
        source_parents: list[str] = []
        frame = source
        while (cache := self._frames[frame]) is not None and cache.latest_parent is not None:
            source_stamps_ns.append(cache.latest_ns)
            frame = cache.latest_parent
            source_parents.append(frame)
            if frame == target:
                return _earliest(source_stamps_ns)
            self._check_depth(source_parents)

        target_stamps_ns: list[int] = []
        frame = target
        while (cache := self._frames[frame]) is not None and cache.latest_parent is not None:
            target_stamps_ns.append(cache.latest_ns)
            frame = cache.latest_parent
            if frame in source_parents:
                meeting = source_parents.index(frame) + 1
                return _earliest(target_stamps_ns + source_stamps_ns[:meeting])
            if frame == source:
                return _earliest(target_stamps_ns)
            self._check_depth(target_stamps_ns)
        raise _not_connected(target, source)

    def require(self, argument: str, frame: str) -> None:
        """Raise unless the frame is known.

        Raises:
            InvalidArgumentException: if the name is empty or starts with a slash.
            LookupException: if there is no such frame.
            TypeError: if it is no string.
        """
        if frame in self._frames:
            return
        malformed = _malformed(argument, frame)
        if malformed:
            raise InvalidArgumentException(
                f'Invalid argument "{frame}" passed to {argument} - {malformed}'
            )
        raise LookupException(f'"{frame}" passed to {argument} does not exist. ')

    def unusable(self, argument: str, frame: str) -> str:
        """Why a frame cannot be looked up; empty if it is known."""
        if frame in self._frames:
            return ""
        reason = _malformed(argument, frame) or "frame does not exist"
        return f'Invalid frame ID "{frame}" passed to {argument} - {reason}'

    def describe(self) -> str:
        """One line per frame that has, or had, a parent."""
        return "".join(
            f"Frame {name} exists with parent {cache.latest_parent or 'NO_PARENT'}.\n"
            for name, cache in self._frames.items()
            if cache is not None
        )

    def _walk(self, target: str, source: str, stamp_ns: int) -> tuple[int, list[Link], list[Link]]:
        """Links from the source and from the target up to where the two ways meet."""
        if stamp_ns == 0:
            stamp_ns = self.latest_common_ns(target, source)
        from_source: list[Link] = []
        blocked: ExtrapolationException | None = None
        frame = source
        while (cache := self._frames[frame]) is not None:
            try:
                link = cache.at(stamp_ns)
            except ExtrapolationException as error:
                # Not the end: the target may lie below this frame.
                blocked = error
                break
            if frame == target:
                return stamp_ns, from_source, []
            from_source.append(link)
            frame = link.parent
            self._check_depth(from_source)
        top = frame

        from_target: list[Link] = []
        frame = target
        while frame != top and (cache := self._frames[frame]) is not None:
            try:
                link = cache.at(stamp_ns)
            except ExtrapolationException as error:
                raise _with_frames(error, target, source) from None
            if frame == source:
                return stamp_ns, [], from_target
            from_target.append(link)
            frame = link.parent
            self._check_depth(from_target)
        if frame == top:
            return stamp_ns, from_source, from_target
        if blocked is not None:
            raise _with_frames(blocked, target, source)
        raise _not_connected(target, source)

    def _check_depth(self, visited: list[Any]) -> None:
        if len(visited) > MAX_DEPTH:
            raise LookupException(
                f"The tf tree is invalid because it contains a loop.\n{self.describe()}\n"
            )


def _accumulate(links: list[Link]) -> tuple[Vector, Quaternion]:
    """Pose of the first frame in the parent of the last."""
    if not links:
        return linear_math.ORIGIN, linear_math.IDENTITY
    _, translation, rotation = links[0]
    for _, link_translation, link_rotation in links[1:]:
        translation = linear_math.add(
            linear_math.rotate(link_rotation, translation), link_translation
        )
        rotation = linear_math.multiply(link_rotation, rotation)
    return translation, rotation


def _earliest(stamps_ns: list[int]) -> int:
    """Smallest stamp of the moving frames (static ones have 0), 0 if none moves."""
    return min((stamp_ns for stamp_ns in stamps_ns if stamp_ns), default=0)


def _malformed(argument: str, frame: str) -> str:
    if not isinstance(frame, str):
        raise TypeError(f"{argument} must be str, not {type(frame).__name__}")
    if not frame:
        return "in tf2 frame_ids cannot be empty"
    if frame.startswith("/"):
        return "in tf2 frame_ids cannot start with a '/'"
    return ""


def _with_frames(
    error: ExtrapolationException, target: str, source: str
) -> ExtrapolationException:
    return ExtrapolationException(
        f"{error}, when looking up transform from frame [{source}] to frame [{target}]"
    )


def _not_connected(target: str, source: str) -> ConnectivityException:
    return ConnectivityException(
        f"Could not find a connection between '{target}' and '{source}' because they are not "
        "part of the same tree.Tf has two or more unconnected trees."
    )
