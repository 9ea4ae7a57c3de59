# SPDX-License-Identifier: Apache-2.0
"""The `novel_view` topics: what a virtual camera sees of the scene."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float64
from numpy import ndarray
from rclpy.lifecycle import LifecycleNode
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_ros import Buffer, TransformBroadcaster

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.ros import messages
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.lazy_topics import LazyTopics
from depthsplat_ros.ros.poses import MissingPose, look_up_newest_pose
from depthsplat_ros.ros.scene_messages import transform_message
from depthsplat_ros.ros.virtual_camera import (
    CurrentView,
    NovelViewConfig,
    virtual_lens,
    virtual_pose,
)
from depthsplat_ros.streaming.scene import RenderedView, Scene

TOPICS = {
    "novel_view/image": Image,
    "novel_view/camera_info": CameraInfo,
    "novel_view/depth": Image,
}


class NoViewError(DepthSplatError):
    """There is no novel view now."""

    def __init__(self, cause: str, detail: str) -> None:
        """A cause for counting, and a text that says what to do."""
        super().__init__(detail)
        self.cause = cause


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stand:
    """Where the virtual camera is at one moment."""

    header: Header
    world_from_camera: Float64[ndarray, "4 4"]
    is_ours: bool
    """Whether the frame is our own, so that nobody else tells TF about it."""


class NovelView:
    """The publishers of the virtual camera, private to the node; used by one thread."""

    def __init__(
        self, node: LifecycleNode, buffer: Buffer, *, warn: Callable[[str], None]
    ) -> None:
        """Create the publishers; `warn` receives what an operator should know."""
        self._node = node
        self._buffer = buffer
        self._topics = LazyTopics(node, TOPICS, warn=warn)
        self._broadcaster = TransformBroadcaster(node)
        name = node.get_fully_qualified_name().strip("/").replace("/", "_")
        self.own_frame = f"{name}_novel_view_optical_frame"
        self._newest_stamp_ns = 0

    def is_wanted(self) -> bool:
        """Whether anybody listens to any of it."""
        return self._topics.are_wanted()

    def publish(
        self,
        scene: Scene,
        view: CurrentView | None,
        config: NovelViewConfig,
        node_config: NodeConfig,
    ) -> tuple[int, int, float]:
        """Render and publish one view; returns its width and height and the seconds it took.

        Raises:
            NoViewError: if there is nothing to be seen yet, or no place to see it from.
            RenderingError: if this view cannot be rendered.
            CameraError: if the settings make no usable camera.
        """
        if len(scene) == 0:
            raise NoViewError(
                "no_gaussians", "the scene has no Gaussians yet; move the camera for a depth map"
            )
        if view is None:
            raise NoViewError(
                "no_image", "no depth has been computed since the node was activated"
            )
        stand = self._choose_stand(view, config, node_config)
        lens = virtual_lens(view.camera, config)
        started_s = time.monotonic()
        rendered = scene.render(lens, stand.world_from_camera)
        render_s = time.monotonic() - started_s
        if stand.is_ours:
            self._broadcast(stand, node_config)
        self._send(rendered, messages.camera_info_message(lens, stand.header), stand.header)
        return lens.width_px, lens.height_px, render_s

    def close(self) -> None:
        """Destroy the publishers."""
        self._topics.close()
        self._node.destroy_publisher(self._broadcaster.pub_tf)

    def _choose_stand(
        self, view: CurrentView, config: NovelViewConfig, node_config: NodeConfig
    ) -> _Stand:
        now = self._node.get_clock().now()
        frame = config.novel_view_frame.lstrip("/")
        if not frame:
            return _Stand(
                header=Header(stamp=now.to_msg(), frame_id=self.own_frame),
                world_from_camera=virtual_pose(view, config, time_s=now.nanoseconds / 1e9),
                is_ours=True,
            )
        found = look_up_newest_pose(
            self._buffer,
            world_frame=node_config.world_frame,
            camera_frame=frame,
            pose_scale=node_config.pose_scale,
        )
        if isinstance(found, MissingPose):
            raise NoViewError(found.problem.value, f"novel_view_frame: {found.detail}")
        stamp_ns, world_from_camera = found
        # A static transform holds for ever and has no time of its own.
        stamp = Time(nanoseconds=stamp_ns) if stamp_ns else now
        return _Stand(
            header=Header(stamp=stamp.to_msg(), frame_id=frame),
            world_from_camera=world_from_camera,
            is_ours=False,
        )

    def _broadcast(self, stand: _Stand, node_config: NodeConfig) -> None:
        stamp_ns = Time.from_msg(stand.header.stamp).nanoseconds
        if stamp_ns == self._newest_stamp_ns:
            return  # time stands still, and TF takes one transform per moment
        self._newest_stamp_ns = stamp_ns
        world_from_camera = stand.world_from_camera.copy()
        world_from_camera[:3, 3] /= node_config.pose_scale
        self._broadcaster.sendTransform(
            transform_message(
                world_from_camera,
                stamp=stand.header.stamp,
                parent=node_config.world_frame,
                child=self.own_frame,
            )
        )

    def _send(self, rendered: RenderedView, camera_info: CameraInfo, header: Header) -> None:
        makers = {
            "novel_view/image": lambda: messages.colour_message(rendered.colour, header),
            "novel_view/camera_info": lambda: camera_info,
            "novel_view/depth": lambda: messages.depth_message(rendered.depth_m, "32FC1", header),
        }
        self._topics.publish(makers)
