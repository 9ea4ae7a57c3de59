# SPDX-License-Identifier: Apache-2.0
import array
import dataclasses

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("rclpy")
pytest.importorskip("depthsplat_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray
from helpers import WallPredictor
from model.tiny import tiny_model
from node_graph import (
    STATUS,
    STEP_M,
    STEP_NS,
    frames_done,
    last_status,
    snapshot,
    start_node,
    walk,
)
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_graph import (
    BEST_EFFORT,
    LATCHED,
    SECOND_NS,
    START_NS,
    Graph,
    Listener,
    Robot,
    make_image,
)
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import Trigger

from depthsplat_ros.model.checkpoint import save_depthsplat
from depthsplat_ros.msg import ReconstructionStatus
from depthsplat_ros.ros import node as node_module
from depthsplat_ros.ros.node import DepthSplatNode
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor

pytestmark = pytest.mark.ros

OUTPUTS = {
    "/depthsplat/image_rect": Image,
    "/depthsplat/camera_info": CameraInfo,
    "/depthsplat/depth/image_rect": Image,
    "/depthsplat/depth/camera_info": CameraInfo,
    "/depthsplat/confidence": Image,
    "/depthsplat/points": PointCloud2,
}
DEPTH = "/depthsplat/depth/image_rect"


@pytest.fixture
def graph(monkeypatch):
    graph = Graph()
    graph.predictor = WallPredictor()
    monkeypatch.setattr(
        node_module,
        "create_reconstructor",
        lambda config, *, scene, **_: StreamingReconstructor(graph.predictor, config, scene=scene),
    )
    yield graph
    graph.close()


def start(graph, *, outputs=OUTPUTS, **arguments):
    return start_node(graph, outputs=outputs, **arguments)


def test_every_keyframe_yields_one_of_each_output_with_the_stamp_and_frame_of_its_image(graph):
    node, robot, listener = start(graph)
    stamps = walk(graph, robot, node, 6)
    graph.spin_until(
        lambda: all(len(listener.received[topic]) >= 5 for topic in OUTPUTS), "all outputs arrive"
    )
    for topic in OUTPUTS:
        assert listener.stamps_ns(topic) == stamps[1:]
        assert {message.header.frame_id for message in listener.received[topic]} == {"camera"}


def test_depth_and_cloud_hold_the_predicted_metres(graph):
    node, robot, listener = start(graph)
    walk(graph, robot, node, 3)
    graph.spin_until(lambda: len(listener.received["/depthsplat/points"]) >= 2, "clouds arrive")
    depth = listener.received[DEPTH][-1]
    assert (depth.encoding, depth.height, depth.width) == ("32FC1", 48, 64)
    assert (np.frombuffer(depth.data, np.float32) == 3.0).all()
    cloud = listener.received["/depthsplat/points"][-1]
    assert cloud.width == 48 * 64
    assert cloud.is_dense
    xyz = np.frombuffer(cloud.data, np.float32).reshape(-1, 4)[:, :3]
    assert (xyz[:, 2] == 3.0).all()
    # The first point is that of the top-left pixel.
    np.testing.assert_allclose(xyz[0, :2], [-31.5 / 60 * 3, -23.5 / 60 * 3], rtol=1e-6)


def test_a_transform_that_comes_80_ms_after_its_image_loses_no_frame(graph):
    node, robot, listener = start(graph)
    robot.publish_pose(START_NS - STEP_NS, 0.0)
    for index in range(5):
        stamp_ns = START_NS + index * STEP_NS
        received = snapshot(node).received
        before = frames_done(node)
        robot.publish_info(stamp_ns)
        robot.publish_image(stamp_ns)
        graph.spin_until(
            lambda received=received: snapshot(node).received > received, "the image arrives"
        )
        assert frames_done(node) == before  # it waits, and nobody is blocked
        robot.publish_pose(stamp_ns + SECOND_NS * 80 // 1000, STEP_M * index)
        graph.spin_until(lambda before=before: frames_done(node) > before, "the frame is done")
    assert snapshot(node).dropped == {}
    graph.spin_until(lambda: len(listener.received[DEPTH]) == 4, "four depth images")


def test_an_image_without_transform_is_dropped_and_named_and_the_next_one_works(graph):
    node, robot, listener = start(graph, tf_timeout_s=0.05)
    walk(graph, robot, node, 3)
    robot.publish_info(START_NS + 3 * STEP_NS)
    robot.publish_image(START_NS + 3 * STEP_NS)
    graph.spin_until(lambda: snapshot(node).dropped, "the frame is dropped")
    assert snapshot(node).dropped == {"pose_not_yet_known": 1}
    walk(graph, robot, node, 2, start_index=4)
    assert snapshot(node).predictions == 4


def test_frames_that_are_not_in_tf_are_named(graph):
    node, robot, listener = start(graph, tf_timeout_s=0.05, world_frame="moon")
    walk(graph, robot, node, 1)
    counts = snapshot(node)
    assert counts.dropped == {"frame_not_in_tf": 1}
    assert "moon" in counts.last_detail
    assert "camera" in counts.last_detail


def test_standing_still_publishes_nothing_and_says_why(graph):
    node, robot, listener = start(graph)
    diagnostics = graph.add(Listener({"/diagnostics": DiagnosticArray}))
    for index in range(6):
        before = frames_done(node)
        robot.publish_frame(START_NS + index * STEP_NS, 0.0005 * index)
        graph.spin_until(lambda before=before: frames_done(node) > before, "the frame is done")
    graph.spin_until(
        lambda: (
            listener.received[STATUS]
            and last_status(listener).state == ReconstructionStatus.STATE_WAITING_FOR_MOTION
            and last_status(listener).frames_received == 6
        ),
        "the status says that it waits for motion",
    )
    status = last_status(listener)
    assert "stands still" in status.reason
    assert status.predictions == 0
    assert dict(zip(status.skipped_reasons, status.skipped_counts, strict=True)) == {
        "waiting_for_partner": 1,
        "standing_still": 5,
    }
    graph.spin_until(
        lambda: any(
            "stands still" in message.status[0].message
            for message in diagnostics.received["/diagnostics"]
        ),
        "the diagnostics say so too",
    )
    assert listener.received[DEPTH] == []


BAD_IMAGES = {
    "unknown encoding": ({"encoding": "rgb9"}, "pixel_layout_error"),
    "short data": ({"data": array.array("B", bytes(100))}, "pixel_layout_error"),
    "step too small": ({"step": 10}, "pixel_layout_error"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_a_broken_image_is_dropped_counted_and_survived(graph, name):
    changes, cause = BAD_IMAGES[name]
    node, robot, listener = start(graph)
    walk(graph, robot, node, 2)
    stamp_ns = START_NS + 2 * STEP_NS
    robot.publish_pose(stamp_ns + SECOND_NS // 100, STEP_M * 2)
    robot.publish_info(stamp_ns)
    robot.publish_image(stamp_ns, **changes)
    graph.spin_until(lambda: snapshot(node).dropped, "the image is dropped")
    assert snapshot(node).dropped == {cause: 1}
    walk(graph, robot, node, 2, start_index=3)
    assert snapshot(node).predictions == 3


def test_an_uncalibrated_camera_is_named(graph):
    node, robot, listener = start(graph)
    robot.publish_pose(START_NS - 1, 0.0)
    robot.publish_pose(START_NS + 1, 0.0)
    robot.publish_info(START_NS, k=[0.0] * 9, p=[0.0] * 12)
    robot.publish_image(START_NS)
    graph.spin_until(lambda: snapshot(node).dropped, "the image is dropped")
    assert snapshot(node).dropped == {"uncalibrated_error": 1}


def test_a_bag_loop_is_survived(graph):
    node, robot, listener = start(graph)
    walk(graph, robot, node, 8)
    walk(graph, robot, node, 1)
    graph.spin_until(lambda: frames_done(node) >= 1, "the loop's first frame is done")
    done = snapshot(node).predictions
    walk(graph, robot, node, 3, start_index=1)
    assert snapshot(node).predictions >= done + 2


def test_a_best_effort_camera_is_heard(graph):
    node, robot, listener = start(graph, robot=Robot(image_qos=BEST_EFFORT))
    walk(graph, robot, node, 3)
    assert snapshot(node).predictions == 2


def test_compressed_images_are_heard(graph):
    robot = Robot(image_type=CompressedImage, image_topic="image/compressed")
    node, robot, listener = start(graph, robot=robot)
    texture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", texture)[1].tobytes()

    def publish_image(stamp_ns):
        message = CompressedImage(format="jpeg", data=array.array("B", jpeg))
        message.header = make_image(stamp_ns).header
        robot.images.publish(message)

    robot.publish_image = publish_image
    walk(graph, robot, node, 3)
    assert snapshot(node).predictions == 2


def test_nothing_is_predicted_without_subscribers(graph):
    node, robot, listener = start(graph, outputs={})
    walk(graph, robot, node, 4)
    assert graph.predictor.windows == []
    assert snapshot(node).skipped["not_wanted"] == 3


def test_reset_forgets_the_keyframes(graph):
    node, robot, listener = start(graph)
    walk(graph, robot, node, 3)
    client = listener.create_client(Trigger, "/depthsplat/reset")
    graph.spin_until(client.service_is_ready, "the service is there")
    future = client.call_async(Trigger.Request())
    graph.spin_until(future.done, "the service answers")
    assert future.result().success
    walk(graph, robot, node, 1, start_index=3)
    assert snapshot(node).skipped == {"waiting_for_partner": 1}


def test_parameters_are_set_whole_or_not_at_all(graph):
    node, robot, listener = start(graph)
    refused = node.set_parameters_atomically(
        [Parameter("near_m", value=5.0), Parameter("far_m", value=2.0)]
    )
    assert not refused.successful
    assert "near must be nearer" in refused.reason
    assert node.get_parameter("near_m").value == 0.0
    accepted = node.set_parameters_atomically(
        [Parameter("near_m", value=1.0), Parameter("far_m", value=4.0)]
    )
    assert accepted.successful
    walk(graph, robot, node, 2)
    assert graph.predictor.windows[-1][0].near_m.max() == 1.0


def test_more_views_than_the_model_takes_are_refused(graph):
    graph.predictor.traits = dataclasses.replace(graph.predictor.traits, maximum_views=6)
    node, robot, listener = start(graph)
    refused = node.set_parameters_atomically([Parameter("window_views", value=8)])
    assert not refused.successful
    assert "2 to 6 views" in refused.reason


def test_millimetres_are_published_on_demand(graph):
    node, robot, listener = start(graph, depth_encoding="16UC1")
    walk(graph, robot, node, 2)
    graph.spin_until(lambda: listener.received[DEPTH], "a depth image arrives")
    depth = listener.received[DEPTH][-1]
    assert depth.encoding == "16UC1"
    assert (np.frombuffer(depth.data, np.uint16) == 3000).all()


def test_an_error_inside_is_counted_and_survived(graph):
    node, robot, listener = start(graph)
    predict = graph.predictor.predict
    graph.predictor.predict = lambda *a, **k: 1 / 0
    walk(graph, robot, node, 2)
    assert snapshot(node).dropped == {"internal_error": 1}
    graph.predictor.predict = predict
    walk(graph, robot, node, 2, start_index=2)
    assert snapshot(node).predictions == 2


def test_the_lifecycle_can_be_walked_again_and_again(graph):
    node, robot, listener = start(graph)
    for _ in range(5):
        node.trigger_deactivate()
        node.trigger_cleanup()
        node.trigger_configure()
        node.trigger_activate()
    graph.spin_until(
        lambda: (
            robot.images.get_subscription_count() == 1
            and all(node.count_subscribers(topic) for topic in OUTPUTS)
        ),
        "everything is connected again",
    )
    robot.publish_mount()
    walk(graph, robot, node, 3)
    assert snapshot(node).predictions == 2


def test_a_wrong_model_fails_configure_and_leaves_the_node_alive(graph, monkeypatch):
    monkeypatch.undo()
    graph.add(DepthSplatNode(parameter_overrides=[Parameter("model", value="no-such")]))
    reports = graph.add(Listener({STATUS: ReconstructionStatus}, qos=LATCHED))
    graph.spin_until(lambda: reports.received[STATUS], "it still reports")
    assert reports.received[STATUS][-1].state == ReconstructionStatus.STATE_INACTIVE
    assert "not activated" in reports.received[STATUS][-1].reason


def test_model_device_and_precision_reach_the_factory(graph, monkeypatch):
    asked = []

    def create(config, *, scene, **words):
        asked.append(words)
        return StreamingReconstructor(graph.predictor, config, scene=scene)

    monkeypatch.setattr(node_module, "create_reconstructor", create)
    start(graph, model="depth-small", device="cuda:1", precision="fast")
    assert asked == [{"model": "depth-small", "device": "cuda:1", "precision": "fast"}]


def test_a_network_from_a_file_gives_depth_in_the_node(graph, monkeypatch, tmp_path):
    monkeypatch.undo()
    path = tmp_path / "own.safetensors"
    save_depthsplat(tiny_model(), path)
    node, robot, listener = start(graph, model=str(path), device="cpu", precision="float32")
    stamps = walk(graph, robot, node, 4)
    graph.spin_until(
        lambda: all(len(listener.received[topic]) >= 3 for topic in OUTPUTS), "all outputs arrive"
    )
    assert listener.stamps_ns(DEPTH) == stamps[1:]
    depth = listener.received[DEPTH][-1]
    # 64x48, of which multiples of 32 are 64x32: 8 rows are missing above and below.
    assert (depth.width, depth.height) == (64, 32)
    depth_m = np.frombuffer(depth.data, np.float32)
    assert np.isfinite(depth_m).mean() > 0.5
    assert 0.5 <= np.nanmin(depth_m) <= np.nanmax(depth_m) <= 100.0
    (info,) = [
        info
        for info in listener.received["/depthsplat/depth/camera_info"]
        if info.header.stamp == depth.header.stamp
    ]
    np.testing.assert_allclose(np.reshape(info.k, (3, 3))[:2, 2], (31.5, 23.5 - 8))
    graph.spin_until(lambda: last_status(listener).predictions == 3, "the status tells of it")
    assert last_status(listener).model == str(path)
    assert last_status(listener).window_size == 4


def test_the_status_tells_how_many_views_fit_into_the_memory(graph):
    predict = graph.predictor.predict

    def predict_two(views, features, reference):
        if views.images.shape[1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(views, features, reference)

    graph.predictor.predict = predict_two
    node, robot, listener = start(graph)
    walk(graph, robot, node, 5)
    assert snapshot(node).predictions == 4
    graph.spin_until(lambda: last_status(listener).predictions == 4, "the status tells of it")
    assert last_status(listener).window_size == 2


def test_a_lost_device_is_told_and_every_image_counted(graph):
    node, robot, listener = start(graph)
    calls = []

    def fail(*_, **__):
        calls.append(1)
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered", 700)

    graph.predictor.predict = fail
    walk(graph, robot, node, 4)
    assert snapshot(node).dropped == {"device_lost_error": 3}
    assert len(calls) == 1
    graph.spin_until(
        lambda: last_status(listener).state == ReconstructionStatus.STATE_FAILED,
        "the status tells of it",
    )
    assert "illegal memory access" in last_status(listener).reason


def test_a_mistake_while_the_model_is_loaded_is_shown_and_survived(graph, monkeypatch, capfd):
    monkeypatch.setattr(node_module, "create_reconstructor", lambda *_, **__: 1 / 0)
    node = graph.add(DepthSplatNode(parameter_overrides=[Parameter("autostart", value=False)]))
    assert node.trigger_configure() == TransitionCallbackReturn.ERROR
    assert "ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.setattr(
        node_module,
        "create_reconstructor",
        lambda config, *, scene, **_: StreamingReconstructor(graph.predictor, config, scene=scene),
    )
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
