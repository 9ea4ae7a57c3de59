# SPDX-License-Identifier: Apache-2.0
"""Image + CameraInfo + pose: what belongs together, or the reason why something is missing."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float64
from message_filters import ApproximateTimeSynchronizer, SimpleFilter
from numpy import ndarray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_ros import Buffer

from depthsplat_ros.ros.adaptive_input import AdaptiveInput
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.pending import PendingPoses
from depthsplat_ros.ros.poses import MissingPose, look_up_pose

FOLLOW_PERIOD_S = 0.2
RETRY_PERIOD_S = 0.01
QUEUE_SIZE = 30
TIME_JUMP_NS = 500_000_000
COMPRESSED_SUFFIX = "/compressed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PosedImage:
    """An image message with everything that belongs to it, not yet decoded."""

    message: Image | CompressedImage
    camera_info: CameraInfo
    camera_frame: str
    stamp_ns: int
    world_from_camera: Float64[ndarray, "4 4"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    """An image and its CameraInfo, waiting for the pose."""

    message: Image | CompressedImage
    camera_info: CameraInfo
    camera_frame: str
    stamp_ns: int


class FrameAssembler:
    """Subscribes, synchronises and looks up poses; every image ends at one of three callbacks.

    All of it runs in the executor's thread and none of it waits.
    """

    def __init__(
        self,
        node: Node,
        buffer: Buffer,
        config: Callable[[], NodeConfig],
        *,
        on_received: Callable[[], None],
        on_posed: Callable[[PosedImage], None],
        on_dropped: Callable[[str, str], None],
        on_time_jump: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Subscribe.

        Args:
            node: the node that subscribes.
            buffer: the transforms.
            config: returns the settings in force now.
            on_received: called for every image message.
            on_posed: receives complete images, in order.
            on_dropped: receives the cause and a text for every image that is lost.
            on_time_jump: called when stamps go back; everything that waited is void.
            warn: receives what an operator should know.
        """
        self._node = node
        self._buffer = buffer
        self._config = config
        self._on_received = on_received
        self._on_dropped = on_dropped
        self._on_time_jump = on_time_jump
        settings = config()
        self._images = AdaptiveInput(
            node,
            image_topics(node, settings.image_transport),
            reliability=settings.image_reliability,
            is_fit=self._is_image_fit,
            warn=warn,
        )
        self._camera_infos = AdaptiveInput(
            node,
            {camera_info_topic(node): CameraInfo},
            reliability="auto",
            is_fit=lambda message: True,
            warn=warn,
        )
        self._images.registerCallback(self._on_image)
        self._camera_infos.registerCallback(self._on_camera_info)
        self._latest_camera_info: CameraInfo | None = None
        self._newest_stamp_ns: int | None = None
        self._unpaired: deque[int] = deque()
        self._pending: PendingPoses[_Pair, ndarray] = PendingPoses(
            self._look_up,
            lambda pair, pose: on_posed(
                PosedImage(
                    message=pair.message,
                    camera_info=pair.camera_info,
                    camera_frame=pair.camera_frame,
                    stamp_ns=pair.stamp_ns,
                    world_from_camera=pose,
                )
            ),
            on_dropped,
        )
        self._connect_synchroniser()
        # Publishers and transforms come and go in real time, whatever the simulated clock does.
        steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timers = [
            node.create_timer(FOLLOW_PERIOD_S, self._follow_publishers, clock=steady_clock),
            node.create_timer(RETRY_PERIOD_S, self._retry, clock=steady_clock),
        ]
        self._retry_timer = self._timers[1]
        self._retry_timer.cancel()
        self._follow_publishers()

    @property
    def image_topic(self) -> str:
        """The resolved topic of the images."""
        return self._images.topic

    @property
    def camera_info_topic(self) -> str:
        """The resolved topic of the camera infos."""
        return self._camera_infos.topic

    @property
    def image_publishers(self) -> int:
        """How many publishers the image topic has."""
        return self._images.publishers

    @property
    def has_camera_info(self) -> bool:
        """Whether any CameraInfo has arrived."""
        return self._latest_camera_info is not None

    def close(self) -> None:
        """Stop subscribing; what waits is forgotten."""
        for timer in self._timers:
            self._node.destroy_timer(timer)
        self._images.close()
        self._camera_infos.close()
        self._pending.clear()

    def reset(self) -> None:
        """Forget what waits for a partner or a pose."""
        self._pending.clear()
        self._unpaired.clear()
        self._newest_stamp_ns = None
        # A full queue of newer stamps would swallow everything until time has caught up.
        self._connect_synchroniser()

    def _connect_synchroniser(self) -> None:
        """Put a fresh synchroniser behind fresh inlets; the old one hears nothing any more."""
        self._image_inlet, self._camera_info_inlet = SimpleFilter(), SimpleFilter()
        self._synchroniser = ApproximateTimeSynchronizer(
            [self._image_inlet, self._camera_info_inlet],
            QUEUE_SIZE,
            # A set matches only if its spread is strictly below slop.
            self._config().sync_slop_s + 1e-6,
        )
        self._synchroniser.registerCallback(self._on_pair)

    def _follow_publishers(self) -> None:
        self._images.follow_publishers()
        self._camera_infos.follow_publishers()

    def _is_image_fit(self, message: Any) -> bool:
        self._on_received()
        stamp_ns = Time.from_msg(message.header.stamp).nanoseconds
        if stamp_ns == 0:
            self._on_dropped("image_without_stamp", "the driver does not stamp its images")
            return False
        if not (self._config().camera_frame or message.header.frame_id.lstrip("/")):
            self._on_dropped(
                "image_without_frame", "the images have no frame_id; set camera_frame"
            )
            return False
        newest_ns = self._newest_stamp_ns
        if newest_ns is not None and stamp_ns < newest_ns - TIME_JUMP_NS:
            self.reset()
            self._buffer.clear()
            self._on_time_jump(f"stamps went back by {(newest_ns - stamp_ns) / 1e9:.3f} s")
        self._newest_stamp_ns = max(self._newest_stamp_ns or 0, stamp_ns)
        return True

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._latest_camera_info = message
        self._camera_info_inlet.signalMessage(message)

    def _on_image(self, message: Any) -> None:
        if self._config().camera_info_is_static:
            if self._latest_camera_info is None:
                self._on_dropped(
                    "no_camera_info", f"no camera_info yet on {self.camera_info_topic}"
                )
            else:
                self._add(message, self._latest_camera_info)
            return
        if len(self._unpaired) == QUEUE_SIZE:
            self._unpaired.popleft()
            self._count_unpaired()
        self._unpaired.append(Time.from_msg(message.header.stamp).nanoseconds)
        self._image_inlet.signalMessage(message)

    def _on_pair(self, message: Any, camera_info: CameraInfo) -> None:
        stamp_ns = Time.from_msg(message.header.stamp).nanoseconds
        while self._unpaired and self._unpaired[0] <= stamp_ns:
            if self._unpaired.popleft() < stamp_ns:
                self._count_unpaired()
        self._add(message, camera_info)

    def _count_unpaired(self) -> None:
        self._on_dropped(
            "no_camera_info",
            f"no camera_info on {self.camera_info_topic} within {self._config().sync_slop_s:g} s "
            "of the image; raise sync_slop_s or set camera_info_is_static",
        )

    def _add(self, message: Any, camera_info: CameraInfo) -> None:
        config = self._config()
        now_s = time.monotonic()
        pair = _Pair(
            message=message,
            camera_info=camera_info,
            camera_frame=config.camera_frame or message.header.frame_id.lstrip("/"),
            stamp_ns=Time.from_msg(message.header.stamp).nanoseconds,
        )
        self._pending.add(pair, deadline_s=now_s + config.tf_timeout_s, now_s=now_s)
        if len(self._pending):
            self._retry_timer.reset()

    def _retry(self) -> None:
        self._pending.retry(now_s=time.monotonic())
        if not len(self._pending):
            self._retry_timer.cancel()

    def _look_up(self, pair: _Pair) -> ndarray | MissingPose:
        config = self._config()
        return look_up_pose(
            self._buffer,
            world_frame=config.world_frame,
            camera_frame=pair.camera_frame,
            stamp_ns=pair.stamp_ns + round(config.time_offset_s * 1e9),
            pose_scale=config.pose_scale,
        )


def image_topics(node: Node, image_transport: str) -> dict[str, type]:
    """The topics of the images and their types: `image`, remapped, as its transports name it."""
    base = node.resolve_topic_name("image").removesuffix(COMPRESSED_SUFFIX)
    transports = {"raw": {base: Image}, "compressed": {base + COMPRESSED_SUFFIX: CompressedImage}}
    if image_transport == "auto":
        return transports["raw"] | transports["compressed"]
    return transports[image_transport]


def camera_info_topic(node: Node) -> str:
    """The topic of the camera infos: as remapped, else `camera_info` beside the images."""
    remapped = node.resolve_topic_name("camera_info")
    if remapped != node.resolve_topic_name("camera_info", only_expand=True):
        return remapped
    base = node.resolve_topic_name("image").removesuffix(COMPRESSED_SUFFIX)
    return base.rpartition("/")[0] + "/camera_info"
