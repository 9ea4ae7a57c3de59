# SPDX-License-Identifier: Apache-2.0
"""`BufferCore`: the frame tree in terms of ROS messages, shared between threads."""

import threading
from typing import Any

import rclpy.logging
from geometry_msgs.msg import Quaternion as QuaternionMessage
from geometry_msgs.msg import TransformStamped
from geometry_msgs.msg import Vector3 as VectorMessage
from rclpy.duration import Duration
from rclpy.time import Time

from tf2_py import linear_math
from tf2_py.frame_cache import Link, StaticCache, TimeCache, display_time, seconds
from tf2_py.frame_tree import FrameTree
from tf2_py.linear_math import Quaternion, Vector
from tf2_py.velocity import average_velocity

DEFAULT_CACHE_TIME = Duration(seconds=10)
NANOSECONDS_PER_SECOND = 1_000_000_000
QUATERNION_TOLERANCE = 10e-3
SHORTEST_SPAN_NS = 100_000  # keeps the rate of a single transform finite


class BufferCore:
    """A tree of frames over time, without a node around it. Safe to use from several threads.

    Times may be given as `rclpy.time.Time` or as message; time 0 means the latest common time.
    """

    def __init__(self, cache_time: Duration = DEFAULT_CACHE_TIME) -> None:
        """Start empty.

        Args:
            cache_time: how far back moving frames are remembered.
        """
        self._tree = FrameTree(nanoseconds_of(cache_time, "duration"))
        self._authorities: dict[str, str] = {}
        self._lock = threading.RLock()

    def clear(self) -> None:
        """Forget where moving frames were; static transforms and the names of all frames stay."""
        with self._lock:
            self._tree.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Take over a transform of a moving frame; a bad one is logged and ignored."""
        self._insert(transform, authority, is_static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Take over a transform that holds at all times; a bad one is logged and ignored."""
        self._insert(transform, authority, is_static=True)

    def lookup_transform_core(
        self, target_frame: str, source_frame: str, time: Time
    ) -> TransformStamped:
        """Pose of the source frame in the target frame.

        Raises:
            InvalidArgumentException: if a name is empty or starts with a slash.
            LookupException: if a frame is unknown or the tree has a loop.
            ConnectivityException: if no path leads from one to the other.
            ExtrapolationException: if the buffer does not reach to that time.
        """
        stamp_ns = nanoseconds_of(time, "time")
        with self._lock:
            pose = self._tree.lookup(target_frame, source_frame, stamp_ns)
        return _message(
            target_frame,
            source_frame,
            pose.stamp_ns,
            pose.translation,
            linear_math.canonical(pose.rotation),
        )

    def lookup_transform_full_core(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> TransformStamped:
        """Pose of the source frame at one time in the target frame at another.

        `fixed_frame` is the frame taken not to move in between. Raises like
        `lookup_transform_core`.
        """
        target_ns = nanoseconds_of(target_time, "time")
        source_ns = nanoseconds_of(source_time, "time")
        with self._lock:
            self._tree.require("lookupTransform argument target_frame", target_frame)
            self._tree.require("lookupTransform argument source_frame", source_frame)
            self._tree.require("lookupTransform argument fixed_frame", fixed_frame)
            source_pose = self._tree.lookup(fixed_frame, source_frame, source_ns)
            fixed_pose = self._tree.lookup(target_frame, fixed_frame, target_ns)
        basis = linear_math.matrix_from_quaternion(fixed_pose.rotation)
        return _message(
            target_frame,
            source_frame,
            fixed_pose.stamp_ns,
            linear_math.add(
                linear_math.transform_point(basis, source_pose.translation),
                fixed_pose.translation,
            ),
            linear_math.quaternion_from_matrix(
                linear_math.compose(
                    basis, linear_math.matrix_from_quaternion(source_pose.rotation)
                )
            ),
        )

    def can_transform_core(
        self, target_frame: str, source_frame: str, time: Time
    ) -> tuple[int, str]:
        """1 and "" if the lookup would succeed, else 0 and the reason."""
        stamp_ns = nanoseconds_of(time, "time")
        if target_frame == source_frame:
            return (1, "")
        tree = self._tree
        with self._lock:
            reason = (
                tree.unusable("canTransform argument target_frame", target_frame)
                or tree.unusable("canTransform argument source_frame", source_frame)
                or tree.obstacle(target_frame, source_frame, stamp_ns)
            )
        return (0 if reason else 1, reason)

    def can_transform_full_core(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> tuple[int, str]:
        """1 and "" if the full lookup would succeed, else 0 and the reason."""
        target_ns = nanoseconds_of(target_time, "time")
        source_ns = nanoseconds_of(source_time, "time")
        tree = self._tree
        with self._lock:
            reason = (
                tree.unusable("canTransform argument target_frame", target_frame)
                or tree.unusable("canTransform argument source_frame", source_frame)
                or tree.unusable("canTransform argument fixed_frame", fixed_frame)
                or tree.obstacle(target_frame, fixed_frame, target_ns)
                or tree.obstacle(fixed_frame, source_frame, source_ns)
            )
        return (0 if reason else 1, reason)

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """Newest time at which both frames are known, 0 if nothing between them moves.

        Raises:
            TransformException: if a frame is unknown or they are not connected.
        """
        with self._lock:
            self._tree.require("get_latest_common_time", target_frame)
            self._tree.require("get_latest_common_time", source_frame)
            return Time(nanoseconds=self._tree.latest_common_ns(target_frame, source_frame))

    def lookupVelocityCore(
        self,
        tracking_frame: str,
        observation_frame: str,
        time: Time,
        averaging_interval: Duration,
    ) -> tuple[Vector, Vector]:
        """Linear (m/s) and angular (rad/s) velocity of one frame seen from another."""
        return self.lookupVelocityFullCore(
            tracking_frame,
            observation_frame,
            observation_frame,
            linear_math.ORIGIN,
            tracking_frame,
            time,
            averaging_interval,
        )

    def lookupVelocityFullCore(
        self,
        tracking_frame: str,
        observation_frame: str,
        reference_frame: str,
        reference_point: Vector,
        reference_point_frame: str,
        time: Time,
        averaging_interval: Duration,
    ) -> tuple[Vector, Vector]:
        """The same of a given point, in the axes of `reference_frame`."""
        with self._lock:
            return average_velocity(
                self._tree,
                tracking_frame,
                observation_frame,
                reference_frame,
                reference_point,
                reference_point_frame,
                nanoseconds_of(time, "time"),
                nanoseconds_of(averaging_interval, "duration"),
            )

    def all_frames_as_string(self) -> str:
        """One line per frame that has a parent."""
        with self._lock:
            return self._tree.describe()

    def all_frames_as_yaml(self) -> str:
        """The tree with rates and time spans, as `view_frames` reads it."""
        with self._lock:
            frames = list(self._tree.items())
            if not frames:
                return "[]"
            return "".join(
                self._yaml_entry(name, cache)
                for name, cache in frames
                if cache is not None and cache.latest_parent is not None
            )

    def _frameExists(self, frame_id: str) -> bool:
        with self._lock:
            return frame_id in self._tree

    def _getFrameStrings(self) -> list[str]:
        with self._lock:
            return [name for name, _ in self._tree.items()]

    def _insert(self, transform: TransformStamped, authority: str, is_static: bool) -> None:
        header, pose = transform.header, transform.transform
        stamp_ns = nanoseconds_of(header.stamp, "time")
        parent = header.frame_id.removeprefix("/")
        child = transform.child_frame_id.removeprefix("/")
        if not isinstance(pose.translation, VectorMessage):
            raise TypeError("transform.translation must have members x, y, z")
        if not isinstance(pose.rotation, QuaternionMessage):
            raise TypeError("transform.rotation must have members w, x, y, z")
        position, orientation = pose.translation, pose.rotation
        translation = (float(position.x), float(position.y), float(position.z))
        rotation = linear_math.canonical(
            (
                float(orientation.x),
                float(orientation.y),
                float(orientation.z),
                float(orientation.w),
            )
        )
        faults = _faults(parent, child, translation, rotation, authority)
        for fault in faults:
            _logger().error(fault)
        if faults:
            return
        with self._lock:
            if self._tree.insert(child, stamp_ns, Link(parent, translation, rotation), is_static):
                self._authorities[child] = authority
                return
        _logger().warning(
            f"TF_OLD_DATA ignoring data from the past for frame {child} at time "
            f"{display_time(stamp_ns)} according to authority {authority}\n"
            "Possible reasons are listed at http://wiki.ros.org/tf/Errors%20explained"
        )

    def _yaml_entry(self, name: str, cache: TimeCache | StaticCache) -> str:
        span_ns = cache.latest_ns - cache.oldest_ns
        rate_hz = len(cache) * 1e9 / max(span_ns, SHORTEST_SPAN_NS)
        return (
            f"{name}: \n"
            f"  parent: '{cache.latest_parent}'\n"
            f"  broadcaster: '{self._authorities.get(name, 'no recorded authority')}'\n"
            f"  rate: {rate_hz:.3f}\n"
            f"  most_recent_transform: {display_time(cache.latest_ns)}\n"
            f"  oldest_transform: {display_time(cache.oldest_ns)}\n"
            f"  buffer_length: {seconds(span_ns):.3f}\n"
        )


def nanoseconds_of(moment: Any, what: str) -> int:
    """Nanoseconds of a time or duration, given as message or as the class of rclpy.

    Raises:
        TypeError: if it is neither.
    """
    if hasattr(moment, "sec") and hasattr(moment, "nanosec"):
        return moment.sec * NANOSECONDS_PER_SECOND + moment.nanosec
    if hasattr(moment, "nanoseconds"):
        return moment.nanoseconds
    raise TypeError(f"{what} must have sec and nanosec, or nanoseconds.")


def _logger() -> Any:
    return rclpy.logging.get_logger("tf2")


def _faults(
    parent: str, child: str, translation: Vector, rotation: Quaternion, authority: str
) -> list[str]:
    """What is wrong with a transform, in the words of tf2; empty if nothing."""
    faults = []
    if child == parent:
        faults.append(
            f'TF_SELF_TRANSFORM: Ignoring transform from authority "{authority}" with frame_id '
            f'and  child_frame_id "{child}" because they are the same'
        )
    if not child:
        faults.append(
            f'TF_NO_CHILD_FRAME_ID: Ignoring transform from authority "{authority}" because '
            "child_frame_id not set "
        )
    if not parent:
        faults.append(
            f'TF_NO_FRAME_ID: Ignoring transform with child_frame_id "{child}"  from authority '
            f'"{authority}" because frame_id not set'
        )
    x, y, z = translation
    qx, qy, qz, qw = rotation
    total = x + y + z + qx + qy + qz + qw
    # A sum of infinities is NaN too, so the numbers have the last word.
    if total != total and any(number != number for number in (*translation, *rotation)):
        faults.append(
            f'TF_NAN_INPUT: Ignoring transform for child_frame_id "{child}" from authority '
            f'"{authority}" because of a nan value in the transform '
            f"({x:f} {y:f} {z:f}) ({qx:f} {qy:f} {qz:f} {qw:f})"
        )
    # Written so that NaN is invalid as well.
    if not abs(qw * qw + qx * qx + qy * qy + qz * qz - 1.0) < QUATERNION_TOLERANCE:
        faults.append(
            f'TF_DENORMALIZED_QUATERNION: Ignoring transform for child_frame_id "{child}" from '
            f'authority "{authority}" because of an invalid quaternion in the transform '
            f"({qx:f} {qy:f} {qz:f} {qw:f})"
        )
    return faults


def _message(
    target: str, source: str, stamp_ns: int, translation: Vector, rotation: Quaternion
) -> TransformStamped:
    message = TransformStamped()
    header, pose = message.header, message.transform
    header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, NANOSECONDS_PER_SECOND)
    header.frame_id = target
    message.child_frame_id = source
    pose.translation.x, pose.translation.y, pose.translation.z = translation
    pose.rotation.x, pose.rotation.y, pose.rotation.z, pose.rotation.w = rotation
    return message
