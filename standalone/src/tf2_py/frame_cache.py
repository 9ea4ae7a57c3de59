# SPDX-License-Identifier: Apache-2.0
"""The history of one frame: where it was in its parent, and when.

Stamps are integers in nanoseconds; 0 means "the latest", as everywhere in tf2.
"""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from tf2_py.exceptions import ExtrapolationException
from tf2_py.linear_math import Quaternion, Vector, interpolate, slerp


class Link(NamedTuple):
    """Pose of a frame in its parent."""

    parent: str
    translation: Vector
    rotation: Quaternion


class TimeCache:
    """A moving frame: interpolates between its links and forgets the old ones."""

    def __init__(self, max_age_ns: int) -> None:
        """Start empty; links older than `max_age_ns` before the newest are forgotten."""
        self._max_age_ns = max_age_ns
        # Parallel lists, oldest first; of equal stamps the one inserted last stands last.
        self._stamps_ns: list[int] = []
        self._links: list[Link] = []

    def __len__(self) -> int:
        """Number of links."""
        return len(self._stamps_ns)

    @property
    def latest_ns(self) -> int:
        """Newest stamp, 0 when empty."""
        return self._stamps_ns[-1] if self._stamps_ns else 0

    @property
    def oldest_ns(self) -> int:
        """Oldest stamp, 0 when empty."""
        return self._stamps_ns[0] if self._stamps_ns else 0

    @property
    def latest_parent(self) -> str | None:
        """Parent in the newest link, None when empty."""
        return self._links[-1].parent if self._links else None

    def clear(self) -> None:
        """Forget everything."""
        self._stamps_ns.clear()
        self._links.clear()

    def insert(self, stamp_ns: int, link: Link) -> bool:
        """Keep a link; False if it is older than the cache reaches back.

        What has become too old is dropped before, not after, so the history may be longer than
        `max_age_ns` by one step: recorded behaviour of tf2.
        """
        stamps_ns, links = self._stamps_ns, self._links
        if not stamps_ns or stamp_ns > stamps_ns[-1]:
            if stamps_ns and stamps_ns[0] < stamps_ns[-1] - self._max_age_ns:
                self._prune()
            stamps_ns.append(stamp_ns)
            links.append(link)
            return True
        self._prune()
        if stamp_ns < stamps_ns[-1] - self._max_age_ns:
            return False
        first, end = bisect_left(stamps_ns, stamp_ns), bisect_right(stamps_ns, stamp_ns)
        if link not in links[first:end]:
            stamps_ns.insert(end, stamp_ns)
            links.insert(end, link)
        return True

    def at(self, stamp_ns: int) -> Link:
        """The link at a time, interpolated if the parent did not change in between.

        Raises:
            ExtrapolationException: if the time is outside the history, or the history is empty.
        """
        stamps_ns = self._stamps_ns
        if not stamps_ns:
            raise _single_stamp_error(stamp_ns, 0)
        latest_ns, oldest_ns = stamps_ns[-1], stamps_ns[0]
        if stamp_ns in (0, latest_ns):
            return self._links[-1]
        if len(stamps_ns) == 1:
            raise _single_stamp_error(stamp_ns, latest_ns)
        if stamp_ns == oldest_ns:
            return self._links[0]
        if stamp_ns > latest_ns:
            raise ExtrapolationException(
                "Lookup would require extrapolation into the future.  "
                f"Requested time {display_time(stamp_ns)} but the latest data is at time "
                f"{display_time(latest_ns)}"
            )
        if stamp_ns < oldest_ns:
            raise ExtrapolationException(
                "Lookup would require extrapolation into the past.  "
                f"Requested time {display_time(stamp_ns)} but the earliest data is at time "
                f"{display_time(oldest_ns)}"
            )
        after = bisect_right(stamps_ns, stamp_ns)
        older, newer = self._links[after - 1], self._links[after]
        if older.parent != newer.parent:
            return older
        older_ns = stamps_ns[after - 1]
        ratio = (stamp_ns - older_ns) / (stamps_ns[after] - older_ns)
        return Link(
            older.parent,
            interpolate(older.translation, newer.translation, ratio),
            slerp(older.rotation, newer.rotation, ratio),
        )

    def _prune(self) -> None:
        expired = bisect_left(self._stamps_ns, self._stamps_ns[-1] - self._max_age_ns)
        del self._stamps_ns[:expired]
        del self._links[:expired]


class StaticCache:
    """A frame that never moves: one link, valid at any time."""

    latest_ns = 0
    oldest_ns = 0

    def __init__(self) -> None:
        """Start empty; whoever makes one fills it at once."""
        self._link: Link | None = None

    def __len__(self) -> int:
        """Number of links."""
        return 1

    @property
    def latest_parent(self) -> str | None:
        """Parent in the link."""
        return self._link.parent if self._link else None

    def clear(self) -> None:
        """Keep the link: a static frame survives a jump of time."""

    def insert(self, stamp_ns: int, link: Link) -> bool:
        """Replace the link; the stamp does not matter."""
        self._link = link
        return True

    def at(self, stamp_ns: int) -> Link:
        """The link."""
        assert self._link is not None, "a static cache is filled where it is made"
        return self._link


def seconds(duration_ns: int) -> float:
    """Nanoseconds as seconds, added up as tf2 does (so that printed digits agree)."""
    whole, rest_ns = divmod(abs(duration_ns), 1_000_000_000)
    magnitude = float(whole) + 1e-9 * rest_ns
    return magnitude if duration_ns >= 0 else -magnitude


def display_time(stamp_ns: int) -> str:
    """A stamp as tf2 prints it: seconds with six digits."""
    return f"{seconds(stamp_ns):.6f}"


def _single_stamp_error(requested_ns: int, available_ns: int) -> ExtrapolationException:
    return ExtrapolationException(
        f"Lookup would require extrapolation at time {display_time(requested_ns)}, "
        f"but only time {display_time(available_ns)} is in the buffer"
    )
