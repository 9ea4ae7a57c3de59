# SPDX-License-Identifier: Apache-2.0
"""Everything the node gives of its scene: Gaussians, novel views, files, and how they are doing.

Three threads besides the one that infers: one adds keyframes to the scene, one renders views, one
sends and saves Gaussians. None makes anything that nobody asked for.
"""

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger
from tf2_ros import Buffer

from depthsplat_ros.camera import CameraError
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.rendering import RenderingError
from depthsplat_ros.ros import parameters
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.gaussian_output import GaussianOutput, GaussianOutputConfig
from depthsplat_ros.ros.novel_view import NovelView, NoViewError
from depthsplat_ros.ros.periodic_thread import PeriodicThread, end_all
from depthsplat_ros.ros.saving import save_scene
from depthsplat_ros.ros.scene_merger import SceneMerger
from depthsplat_ros.ros.view_statistics import LATE, ViewSnapshot, ViewStatistics
from depthsplat_ros.ros.virtual_camera import CurrentView, NovelViewConfig
from depthsplat_ros.streaming.reconstructor import Reconstruction
from depthsplat_ros.streaming.scene import Scene, SceneUpdate

logger = logging.getLogger(__name__)


class InactiveError(DepthSplatError):
    """The node has to be activated first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneReport:
    """How the scene and its views are doing."""

    gaussians: int
    memory_bytes: int
    views: ViewSnapshot
    keyframes_dropped: dict[str, int]
    """Keyframes with depth that were not added to the scene, by cause."""
    problem: str
    """Why nothing can be rendered, or why the last view could not; empty while all is well."""


class SceneOutputs:
    """The part of the node that publishes, renders and saves the scene.

    Made with the node; `open` and `close` with configure and cleanup, `start` and `stop` with
    activate and deactivate.
    """

    def __init__(
        self,
        node: LifecycleNode,
        node_config: Callable[[], NodeConfig],
        *,
        warn: Callable[..., None],
    ) -> None:
        """Declare parameters and offer the services.

        Args:
            node: the node.
            node_config: returns its settings in force now.
            warn: receives what an operator should know, and `key`, the same for texts that differ
                in detail alone.

        Raises:
            SettingError: if a parameter has a value that makes no sense.
        """
        self._node = node
        self._node_config = node_config
        self._warn = warn
        self._view_config = parameters.declare_settings(node, NovelViewConfig)
        self._gaussian_config = parameters.declare_settings(node, GaussianOutputConfig)
        self._statistics = ViewStatistics()
        self._scene: Scene | None = None
        self._novel_view: NovelView | None = None
        self._gaussian_output: GaussianOutput | None = None
        self._view_thread: PeriodicThread | None = None
        self._gaussian_thread: PeriodicThread | None = None
        self._merger: SceneMerger | None = None
        self._keyframes_dropped: Counter[str] = Counter()
        self._view: CurrentView | None = None
        self._is_warm = self._is_unavailable = False
        self._problem = ""
        self._last_view_s: float | None = None
        # Awaiting services must not hold up images, nor one another.
        group = ReentrantCallbackGroup()
        self._services = [
            node.create_service(Trigger, "~/save_gaussians", self._on_save, callback_group=group),
            node.create_service(Trigger, "~/render_now", self._on_render, callback_group=group),
        ]

    def open(self, scene: Scene, buffer: Buffer) -> None:
        """Create the publishers of a scene."""
        self._scene = scene
        self._novel_view = NovelView(self._node, buffer, warn=self._warn)
        self._gaussian_output = GaussianOutput(self._node, warn=self._warn)

    def start(self, *, device: str) -> None:
        """Start the threads.

        Args:
            device: where the scene is rendered.
        """
        self._statistics.reset()
        self._is_warm = self._is_unavailable = False
        self._problem, self._last_view_s = "", None
        self._keyframes_dropped.clear()
        is_modest = device == "cpu"  # on a GPU, little of the work is the processor's
        assert self._scene is not None
        self._merger = SceneMerger(
            self._scene, on_dropped=self._drop_keyframe, is_modest=is_modest
        )
        self._view_thread = PeriodicThread(
            "novel_view",
            self._render_turn,
            period_s=lambda: 1 / self._view_config.novel_view_rate_hz,
            report=lambda text: self._drop("internal_error", text),
            is_modest=is_modest,
        )
        self._gaussian_thread = PeriodicThread(
            "gaussians",
            self._publish_gaussians,
            period_s=lambda: self._gaussian_config.gaussians_period_s,
            report=lambda text: self._warn(
                f"no Gaussians published: {text}", key="no Gaussians published"
            ),
            is_modest=is_modest,
        )

    def stop(self) -> None:
        """Stop the threads; whoever waits for a service is told."""
        end_all(
            thread for thread in (self._view_thread, self._gaussian_thread) if thread is not None
        )
        if self._merger is not None:
            self._merger.close()
        self._view_thread = self._gaussian_thread = self._merger = None
        self._view = None

    def close(self) -> None:
        """Stop, destroy the publishers and let go of the scene."""
        self.stop()
        if self._novel_view is not None and self._gaussian_output is not None:
            self._novel_view.close()
            self._gaussian_output.close()
        self._novel_view = self._gaussian_output = self._scene = None

    def reset(self) -> None:
        """Forget all Gaussians and counts."""
        if self._scene is not None:
            self._scene.clear()
        self._statistics.reset()
        self._keyframes_dropped.clear()

    def is_scene_wanted(self) -> bool:
        """Whether Gaussians are needed: somebody listens, or may save them."""
        novel_view, gaussian_output = self._novel_view, self._gaussian_output
        return novel_view is not None and (
            bool(self._gaussian_config.save_directory)
            or (novel_view.is_wanted() and not self._is_unavailable)
            or (gaussian_output is not None and gaussian_output.is_wanted())
        )

    def take_depth(self, result: Reconstruction) -> None:
        """What the camera saw last, and from where; from the inference thread."""
        self._view = CurrentView(
            camera=result.frame.camera,
            world_from_camera=result.frame.world_from_camera,
            scene_depth_m=float(np.nanmedian(result.depth_m)),
        )

    def take_update(self, update: SceneUpdate) -> None:
        """Have a keyframe added to the scene; from the inference thread."""
        merger = self._merger
        if merger is not None:
            merger.put(update)

    def validate(self, changes: list[Parameter]) -> None:
        """Check parameters that are about to change.

        Raises:
            SettingError: if they make no sense.
        """
        parameters.updated(self._view_config, changes)
        parameters.updated(self._gaussian_config, changes)

    def apply(self, changes: list[Parameter]) -> None:
        """Take over parameters that have changed."""
        self._view_config = parameters.updated(self._view_config, changes)
        self._gaussian_config = parameters.updated(self._gaussian_config, changes)

    def report(self) -> SceneReport:
        """How it is doing at this moment."""
        scene = self._scene
        return SceneReport(
            gaussians=0 if scene is None else len(scene),
            memory_bytes=0 if scene is None else scene.memory_bytes,
            views=self._statistics.snapshot(now_s=time.monotonic()),
            keyframes_dropped=dict(self._keyframes_dropped),
            problem=self._problem,
        )

    def _render_turn(self) -> None:
        """One turn of the view thread."""
        assert self._novel_view is not None
        if not self._novel_view.is_wanted():
            self._last_view_s = None
            if not self._is_unavailable:
                self._problem = ""
            return
        if not self._is_warm and not self._warm_up():
            return
        period_s = 1 / self._view_config.novel_view_rate_hz
        now_s = time.monotonic()
        if self._last_view_s is not None:
            missed = round((now_s - self._last_view_s) / period_s) - 1
            if missed > 0:
                self._statistics.count_dropped(LATE, count=missed)
        self._last_view_s = now_s
        try:
            self._render()
        except NoViewError as error:
            self._drop(error.cause, str(error))
        except (RenderingError, CameraError) as error:
            self._drop("rendering_error", str(error))

    def _warm_up(self) -> bool:
        """Make rendering ready once per activation; False if this device cannot."""
        if self._is_unavailable:
            return False
        assert self._scene is not None
        self._node.get_logger().info(
            "preparing to render; for the first time on a machine this takes up to two minutes"
        )
        try:
            self._scene.warm_up()
        except RenderingError as error:
            self._is_unavailable, self._problem = True, str(error)
            self._node.get_logger().error(f"no novel views; depth goes on without: {error}")
            return False
        self._is_warm = True
        return True

    def _render(self) -> tuple[int, int, float]:
        assert self._novel_view is not None and self._scene is not None
        width_px, height_px, render_s = self._novel_view.publish(
            self._scene, self._view, self._view_config, self._node_config()
        )
        self._statistics.count_view(now_s=time.monotonic(), render_s=render_s)
        self._problem = ""
        return width_px, height_px, render_s

    def _drop(self, cause: str, detail: str) -> None:
        self._statistics.count_dropped(cause)
        self._problem = detail
        self._warn(f"no novel view ({cause}): {detail}", key=f"no novel view: {cause}")

    def _drop_keyframe(self, cause: str, detail: str) -> None:
        self._keyframes_dropped[cause] += 1
        self._warn(f"keyframe not in the scene ({cause}): {detail}", key=f"scene: {cause}")

    def _publish_gaussians(self) -> None:
        """One turn of the thread for Gaussians."""
        assert self._gaussian_output is not None and self._scene is not None
        self._gaussian_output.publish_news(
            self._scene,
            self._node_config().world_frame,
            self._gaussian_config.gaussians_maximum,
        )

    async def _on_save(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        scene, config = self._scene, self._gaussian_config
        return await _answer(
            self._gaussian_thread,
            lambda: save_scene(scene, config.save_directory, f".{config.save_format}"),
            response,
        )

    async def _on_render(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        return await _answer(self._view_thread, self._render_on_request, response)

    def _render_on_request(self) -> str:
        if not self._is_warm and not self._warm_up():
            raise RenderingError(self._problem)
        assert self._novel_view is not None
        is_wanted = self._novel_view.is_wanted()
        width_px, height_px, render_s = self._render()
        heard = "" if is_wanted else "; nobody listens to novel_view/image"
        return f"{width_px}x{height_px} px rendered in {1000 * render_s:.0f} ms{heard}"


async def _answer(
    thread: PeriodicThread | None, job: Callable[[], str], response: Trigger.Response
) -> Trigger.Response:
    """Have a job done and answer with what it says; an error becomes an answer too."""
    try:
        if thread is None:
            raise InactiveError("the node is not active")
        response.message = await thread.request(job)
        response.success = True
    except DepthSplatError as error:
        response.success, response.message = False, str(error)
    except Exception as error:  # noqa: BLE001  the boundary: say it, live on
        logger.error("%s", traceback.format_exc())
        response.success, response.message = False, f"{type(error).__name__}: {error}"
    return response
