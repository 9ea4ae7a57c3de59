# SPDX-License-Identifier: Apache-2.0
"""DepthSplatNode: posed camera images in, scale-consistent depth and points out."""

import sys
import time
import traceback
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.time import Time
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from tf2_ros import Buffer, TransformListener

from depthsplat_ros.calibration import is_rectified_topic
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.frame import Frame
from depthsplat_ros.input_checks.verdicts import wrong_ones
from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.ros import parameters
from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.decoding import decode
from depthsplat_ros.ros.frame_assembler import FrameAssembler, PosedImage
from depthsplat_ros.ros.health import Inputs, Verdict, judge
from depthsplat_ros.ros.input_monitor import InputMonitor
from depthsplat_ros.ros.input_reports import explain, input_checks_status
from depthsplat_ros.ros.outputs import Outputs
from depthsplat_ros.ros.process import run_node
from depthsplat_ros.ros.qos import LATEST_QOS, OUTPUT_QOS
from depthsplat_ros.ros.reports import diagnostics_message, status_message
from depthsplat_ros.ros.scene_outputs import SceneOutputs
from depthsplat_ros.ros.scene_reports import add_scene, scene_diagnostic
from depthsplat_ros.ros.statistics import Statistics
from depthsplat_ros.ros.worker import Worker
from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.factory import create_reconstructor
from depthsplat_ros.streaming.reconstructor import Reconstruction, StreamingReconstructor
from depthsplat_ros.streaming.scene_config import SceneConfig

NODE_NAME = "depthsplat"
REPORT_PERIOD_S = 1.0
STATE_CHECK_PERIOD_S = 0.1
LOG_PERIOD_S = 5.0


class DepthSplatNode(LifecycleNode):
    """Wires subscriptions, the reconstructor and publishers together; it owns no algorithm.

    Configure loads the model, activate subscribes and starts the inference thread, deactivate
    stops both, cleanup frees the model.
    """

    def __init__(self, **node_arguments: Any) -> None:
        """Declare parameters; nothing is loaded or subscribed before configure and activate.

        Raises:
            SettingError: if a parameter has a value that makes no sense.
        """
        super().__init__(NODE_NAME, **node_arguments)
        self._config = parameters.declare_settings(self, NodeConfig)
        self._streaming_config = parameters.declare_settings(self, StreamingConfig)
        self._scene_config = parameters.declare_settings(self, SceneConfig)
        self._scene_outputs = SceneOutputs(self, lambda: self._config, warn=self._warn)
        self._statistics = Statistics(now_s=time.monotonic())
        self._logged_s: dict[str, float] = {}
        self._reconstructor: StreamingReconstructor | None = None
        self._buffer: Buffer | None = None
        self._listener: TransformListener | None = None
        self._outputs: Outputs | None = None
        self._assembler: FrameAssembler | None = None
        self._worker: Worker | None = None
        self._monitor: InputMonitor | None = None
        self._activated_s = 0.0
        self._verdict: Verdict | None = None
        self._reported_s = 0.0
        self._status_publisher = self.create_publisher(
            ReconstructionStatus, "~/status", LATEST_QOS
        )
        self._diagnostics_publisher = self.create_publisher(
            DiagnosticArray, "/diagnostics", OUTPUT_QOS
        )
        self._reset_service = self.create_service(Trigger, "~/reset", self._on_reset)
        self._report_timer = self.create_timer(
            STATE_CHECK_PERIOD_S, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self.add_on_set_parameters_callback(self._validate_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        if self._config.autostart:
            self._autostart()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the outputs."""
        try:
            self._reconstructor = create_reconstructor(
                self._streaming_config,
                model=self._config.model,
                device=self._config.device,
                precision=self._config.precision,
                scene=self._scene_config,
            )
        except DepthSplatError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception:  # noqa: BLE001  rclpy would take it for ERROR without a word
            self.get_logger().fatal(traceback.format_exc())
            return TransitionCallbackReturn.ERROR
        self._buffer = Buffer(cache_time=Duration(seconds=self._config.tf_cache_s), node=self)
        self._listener = TransformListener(self._buffer, self)
        self._outputs = Outputs(self, warn=self._warn)
        assert self._reconstructor.scene is not None, "its settings were given"
        self._scene_outputs.open(self._reconstructor.scene, self._buffer)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and start the inference thread."""
        assert self._reconstructor and self._buffer and self._outputs
        now_s = time.monotonic()
        self._statistics.reset(now_s=now_s)
        self._activated_s = now_s
        self._reconstructor.reset()
        is_rectified = self._are_images_rectified()
        if self._config.check_inputs:
            self._monitor = InputMonitor(self._buffer, lambda: self._config)
        self._worker = Worker(
            self._reconstructor,
            lambda image: self._decode(image, is_rectified=is_rectified),
            self._statistics,
            publish=self._publish,
            is_wanted=self._outputs.are_wanted,
            is_scene_wanted=self._scene_outputs.is_scene_wanted,
            add_to_scene=self._scene_outputs.take_update,
            report=self._drop,
        )
        self._scene_outputs.start(device=self._reconstructor.device)
        self._assembler = FrameAssembler(
            self,
            self._buffer,
            lambda: self._config,
            on_received=lambda: self._statistics.count_received(now_s=time.monotonic()),
            on_posed=self._worker.put,
            on_dropped=self._drop,
            on_time_jump=self._on_time_jump,
            warn=self._warn,
        )
        self.get_logger().info(
            f"active: {self._config.model} on {self._reconstructor.device}, images from "
            f"{self._assembler.image_topic}, camera_info from "
            f"{self._assembler.camera_info_topic}, poses in {self._config.world_frame}"
        )
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and stop the inference thread."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and the outputs."""
        self._free()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self._free()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything; the node can be configured again."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the inference thread before the node goes."""
        self._stop()
        super().destroy_node()

    def _decode(self, image: PosedImage, *, is_rectified: bool) -> Frame:
        """Runs in the inference thread; the input checks see the frame too."""
        frame = decode(image, is_rectified=is_rectified)
        if self._monitor is not None:
            self._monitor.offer(frame, image.camera_frame)
        return frame

    def _are_images_rectified(self) -> bool:
        if self._config.image_rectified == "auto":
            return is_rectified_topic(self.resolve_topic_name("image"))
        return self._config.image_rectified == "yes"

    def _autostart(self) -> None:
        if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            self.get_logger().error("not configured; mend the cause and configure again")
            return
        self.trigger_activate()

    def _stop(self) -> None:
        if self._assembler is not None:
            self._assembler.close()
            self._assembler = None
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        self._scene_outputs.stop()

    def _free(self) -> None:
        self._stop()
        self._scene_outputs.close()
        if self._outputs is not None:
            self._outputs.close()
            self._outputs = None
        if self._listener is not None:
            self._listener.unregister()
            self._listener = None
        self._buffer = None
        self._reconstructor = None

    def _publish(self, result: Reconstruction, image: PosedImage) -> float:
        """Runs in the inference thread; returns the time since the image was taken."""
        stamp = Time(nanoseconds=result.frame.stamp_ns)
        outputs = self._outputs
        if outputs is not None:
            header = Header(stamp=stamp.to_msg(), frame_id=image.camera_frame)
            outputs.publish(result, header, self._config)
        self._scene_outputs.take_depth(result)
        return (self.get_clock().now().nanoseconds - result.frame.stamp_ns) / 1e9

    def _validate_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        try:
            parameters.updated(self._config, changes)
            parameters.updated(self._scene_config, changes)
            self._scene_outputs.validate(changes)
            streaming_config = parameters.updated(self._streaming_config, changes)
            if self._reconstructor is not None:
                streaming_config.suited_to(self._reconstructor.traits)
        except SettingError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply_parameters(self, changes: list[Parameter]) -> None:
        self._config = parameters.updated(self._config, changes)
        self._streaming_config = parameters.updated(self._streaming_config, changes)
        self._scene_config = parameters.updated(self._scene_config, changes)
        self._scene_outputs.apply(changes)
        if self._reconstructor is not None:
            self._reconstructor.config = self._streaming_config
            self._reconstructor.scene.config = self._scene_config

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._worker is None or self._assembler is None:
            response.success = False
            response.message = "the node is not active"
            return response
        self._assembler.reset()
        self._worker.reset()
        if self._monitor is not None:
            self._monitor.reset()
        self._scene_outputs.reset()
        self._statistics.reset(now_s=time.monotonic())
        response.success = True
        response.message = "keyframes and Gaussians forgotten, counts at zero"
        return response

    def _on_time_jump(self, detail: str) -> None:
        self._warn(f"{detail}; the window was emptied")
        if self._worker is not None:
            self._worker.reset()
        if self._monitor is not None:
            self._monitor.reset()

    def _drop(self, cause: str, detail: str) -> None:
        """Count a lost frame and say so, at most every few seconds per cause."""
        self._statistics.count_dropped(cause, detail)
        self._warn(f"frame dropped ({cause}): {detail}", key=cause)

    def _warn(self, text: str, *, key: str | None = None) -> None:
        key = key or text
        now_s = time.monotonic()
        if now_s - self._logged_s.get(key, float("-inf")) >= LOG_PERIOD_S:
            self._logged_s[key] = now_s
            self.get_logger().warning(text)

    def _report(self) -> None:
        """Publish status and diagnostics once a second, and at once when the state changes."""
        now_s = time.monotonic()
        snapshot = self._statistics.snapshot(now_s=now_s)
        assembler, worker = self._assembler, self._worker
        inputs = Inputs(
            image_topic=assembler.image_topic if assembler else "",
            image_publishers=assembler.image_publishers if assembler else 0,
            camera_info_topic=assembler.camera_info_topic if assembler else "",
            has_camera_info=assembler.has_camera_info if assembler else False,
        )
        verdict = judge(
            snapshot,
            inputs,
            is_active=assembler is not None,
            stall_timeout_s=self._config.stall_timeout_s,
            running_s=now_s - self._activated_s,
            camera_info_timeout_s=self._config.camera_info_timeout_s,
        )
        is_change = self._verdict is None or verdict.state != self._verdict.state
        if not is_change and now_s - self._reported_s < REPORT_PERIOD_S:
            return
        if is_change and verdict.reason:
            self.get_logger().info(f"{verdict.state.lower().replace('_', ' ')}: {verdict.reason}")
        self._verdict, self._reported_s = verdict, now_s
        stamp = self.get_clock().now().to_msg()
        reconstructor = self._reconstructor
        status = status_message(
            snapshot,
            verdict,
            stamp=stamp,
            world_frame=self._config.world_frame,
            model=self._config.model,
            device=reconstructor.device if reconstructor else self._config.device,
            keyframes_held=reconstructor.keyframes_held if reconstructor else 0,
            window_views=(reconstructor or self._streaming_config).window_views,
        )
        scene_report = self._scene_outputs.report()
        self._status_publisher.publish(add_scene(status, scene_report))
        node_name = self.get_fully_qualified_name().lstrip("/")
        diagnostics = diagnostics_message(
            snapshot,
            verdict,
            stamp=stamp,
            node_name=node_name,
            status=status,
            job_age_s=worker.job_age_s if worker else 0.0,
        )
        diagnostics.status.append(
            scene_diagnostic(scene_report, node_name=node_name, device=status.device)
        )
        if self._monitor is not None:
            verdicts = self._monitor.verdicts
            diagnostics.status.append(
                input_checks_status(
                    verdicts, node_name=node_name, hardware_id=diagnostics.status[0].hardware_id
                )
            )
            for wrong in wrong_ones(verdicts):
                self._warn(f"the input looks wrong: {explain(wrong)}", key=wrong.check.value)
        self._diagnostics_publisher.publish(diagnostics)


def main() -> int:
    """Run the node as a process."""
    return run_node(DepthSplatNode)


if __name__ == "__main__":
    sys.exit(main())
