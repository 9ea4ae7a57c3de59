# SPDX-License-Identifier: Apache-2.0
"""The `gaussians` topic: the scene for those who listen, limited in size and rate."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.time import Time
from std_msgs.msg import Header

from depthsplat_ros.msg import GaussianScene
from depthsplat_ros.ros.qos import LATEST_QOS, qos_event_callbacks
from depthsplat_ros.ros.scene_messages import gaussian_scene_message
from depthsplat_ros.settings import SettingError, check_settings, setting
from depthsplat_ros.streaming.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianOutputConfig:
    """Settings of what is published and saved of the scene.

    Raises:
        SettingError: if a value is outside its limits, or a folder is none.
    """

    gaussians_maximum: int = setting(
        100_000,
        "Most Gaussians in a message, those seen last; 56 bytes each without view-dependent "
        "colours, 344 with degree 4. 0 sends all.",
        minimum=0,
        maximum=5_000_000,
        is_dynamic=True,
    )
    gaussians_period_s: float = setting(
        2.0,
        "Shortest time between two messages with Gaussians, seconds.",
        minimum=0.05,
        maximum=3600.0,
        is_dynamic=True,
    )
    save_directory: str = setting(
        "",
        "Folder that ~/save_gaussians writes into, absolute or from ~ on; the scene is then kept "
        "even while nobody listens. Empty: nothing is ever saved.",
    )
    save_format: str = setting(
        "ply",
        "What ~/save_gaussians writes: ply (3D Gaussian splatting's own, complete) or splat (32 "
        "bytes each, without view-dependent colours).",
        choices=("ply", "splat"),
        is_dynamic=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)
        directory = self.save_directory
        if directory and ("\0" in directory or not Path(directory).expanduser().is_absolute()):
            raise SettingError(
                f"save_directory is {directory!r}; it must be an absolute path or begin with ~/"
            )


class GaussianOutput:
    """The publisher of the scene, private to the node."""

    def __init__(self, node: LifecycleNode, *, warn: Callable[[str], None]) -> None:
        """Create the publisher; `warn` receives what an operator should know."""
        self._node = node
        self._warn = warn
        self._publisher = node.create_lifecycle_publisher(
            GaussianScene,
            "~/gaussians",
            LATEST_QOS,
            event_callbacks=qos_event_callbacks("gaussians", warn),
        )
        self._published_version = 0

    def is_wanted(self) -> bool:
        """Whether anybody listens."""
        return self._publisher.get_subscription_count() > 0

    def publish_news(self, scene: Scene, world_frame: str, maximum_gaussians: int) -> None:
        """Publish the scene if it has changed since the last time and somebody listens."""
        version = scene.version
        if version == self._published_version or not self.is_wanted():
            return
        stamp_ns = scene.stamp_ns
        now = self._node.get_clock().now()
        stamp = now if stamp_ns is None else Time(nanoseconds=stamp_ns)
        message = gaussian_scene_message(
            scene.snapshot(maximum_gaussians),
            Header(stamp=stamp.to_msg(), frame_id=world_frame),
            version=version,
            count_held=len(scene),
        )
        try:
            self._publisher.publish(message)
        except rclpy_implementation.RCLError as error:
            self._warn(f"~/gaussians could not be published: {error}")
        self._published_version = version

    def close(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_lifecycle_publisher(self._publisher)
