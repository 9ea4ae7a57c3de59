# SPDX-License-Identifier: Apache-2.0
import logging
import threading

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("depthsplat_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from helpers import WallPredictor
from node_graph import STEP_M, answer, call, last_status, snapshot, start_node, walk
from rclpy.parameter import Parameter
from ros_graph import LATCHED, Graph, Listener, make_image
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from depthsplat_ros import rendering
from depthsplat_ros.msg import GaussianScene
from depthsplat_ros.rendering import RenderingError, RenderingUnavailableError
from depthsplat_ros.ros import node as node_module
from depthsplat_ros.ros.poses import matrix_from_transform
from depthsplat_ros.scene_files import read_scene
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor
from depthsplat_ros.streaming.scene import Scene

pytestmark = pytest.mark.ros

DEPTH = "/depthsplat/depth/image_rect"
VIEW = "/depthsplat/novel_view/image"
VIEW_DEPTH = "/depthsplat/novel_view/depth"
VIEW_INFO = "/depthsplat/novel_view/camera_info"
VIEWS = {VIEW: Image, VIEW_DEPTH: Image, VIEW_INFO: CameraInfo}
GAUSSIANS = "/depthsplat/gaussians"
OWN_FRAME = "depthsplat_novel_view_optical_frame"


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """What renders, before a test waits for it."""
    rendering.warm_up("cpu")


@pytest.fixture
def graph(monkeypatch):
    graph = Graph()
    monkeypatch.setattr(
        node_module,
        "create_reconstructor",
        lambda config, *, scene, **_: StreamingReconstructor(WallPredictor(), config, scene=scene),
    )
    yield graph
    graph.close()


def start(graph, *, outputs=VIEWS, **settings):
    return start_node(graph, outputs=outputs, **{"novel_view_rate_hz": 20.0, **settings})


def scene_of(node):
    return node._reconstructor.scene


def walk_into_scene(graph, robot, node, count, start_index=0):
    """Like `walk`, and wait until the last frame has been added to the scene."""
    stamps = walk(graph, robot, node, count, start_index)
    graph.spin_until(lambda: scene_of(node).stamp_ns == stamps[-1], "it is in the scene")


def dropped_views(node):
    return node._scene_outputs.report().views.dropped


def picture(message):
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def test_views_come_by_themselves_with_matching_headers_and_our_own_frame_in_tf(graph):
    transforms = graph.add(Listener({"/tf": TFMessage}))
    node, robot, listener = start(graph)
    walk(graph, robot, node, 3)
    graph.spin_until(
        lambda: all(len(listener.received[topic]) >= 3 for topic in VIEWS), "three views arrive"
    )
    image, info = listener.received[VIEW][2], listener.received[VIEW_INFO][2]
    assert (image.encoding, image.width, image.height) == ("rgb8", 64, 48)
    assert info.header == image.header == listener.received[VIEW_DEPTH][2].header
    assert (info.width, info.k[0], info.k[2]) == (64, 60.0, 31.5)
    assert image.header.frame_id == OWN_FRAME

    def ours():
        return [
            transform
            for message in transforms.received["/tf"]
            for transform in message.transforms
            if transform.child_frame_id == OWN_FRAME
        ]

    graph.spin_until(
        lambda: image.header.stamp in [transform.header.stamp for transform in ours()],
        "the transform at the stamp of the view arrives",
    )
    assert {transform.header.frame_id for transform in ours()} == {"odom"}


def test_a_view_from_where_the_camera_is_shows_what_it_sees(graph):
    node, robot, listener = start(graph, novel_view_motion="follow")
    walk(graph, robot, node, 2)
    listener.received[VIEW].clear()
    listener.received[VIEW_DEPTH].clear()
    graph.spin_until(
        lambda: listener.received[VIEW] and listener.received[VIEW_DEPTH], "a view arrives"
    )
    seen = picture(listener.received[VIEW][-1])[8:-8, 8:-8].astype(float)
    taken = picture(make_image(0)).astype(float)
    shifts = [(row, column) for row in range(-2, 3) for column in range(-2, 3)]
    likeness = {
        (row, column): np.corrcoef(
            seen.ravel(), taken[8 + row : 40 + row, 8 + column : 56 + column].ravel()
        )[0, 1]
        for row, column in shifts
    }
    # The texture is noise from pixel to pixel, which Gaussians of a pixel's size soften.
    best = max(likeness, key=likeness.get)
    # The texture is noise from pixel to pixel; Gaussians soften it, and the wall's are all equally
    # far away, so that those drawn first win half a pixel.
    assert likeness[best] > 0.4
    assert max(map(abs, best)) <= 1
    assert likeness[2, 2] < 0.1
    depth_m = np.frombuffer(listener.received[VIEW_DEPTH][-1].data, np.float32)
    assert np.nanmedian(depth_m) == pytest.approx(3.0, abs=0.05)


def test_the_transform_of_our_frame_is_where_the_view_was_taken(graph):
    transforms = graph.add(Listener({"/tf": TFMessage}))
    node, robot, listener = start(graph, novel_view_motion="follow")
    walk(graph, robot, node, 3)
    listener.received[VIEW].clear()
    transforms.received["/tf"].clear()
    graph.spin_until(
        lambda: listener.received[VIEW] and transforms.received["/tf"], "views arrive"
    )
    newest = transforms.received["/tf"][-1].transforms[0]
    assert newest.child_frame_id == OWN_FRAME
    pose = matrix_from_transform(newest.transform)
    np.testing.assert_allclose(pose[:3, 3], (0.1, STEP_M * 2, 0.3), atol=1e-9)
    # The robot looks along its x axis: the optical axis is that of the world.
    np.testing.assert_allclose(pose[:3, 2], (1, 0, 0), atol=1e-9)


def test_a_frame_of_tf_carries_the_virtual_camera_and_is_left_to_its_owner(graph):
    transforms = graph.add(Listener({"/tf": TFMessage}))
    node, robot, listener = start(graph, novel_view_frame="camera")
    walk(graph, robot, node, 3)
    graph.spin_until(lambda: listener.received[VIEW], "a view arrives")
    assert {message.header.frame_id for message in listener.received[VIEW]} == {"camera"}
    children = {
        transform.child_frame_id
        for message in transforms.received["/tf"]
        for transform in message.transforms
    }
    assert children == {"base_link"}


def test_a_frame_that_nobody_publishes_is_named_and_depth_goes_on(graph):
    diagnostics = graph.add(Listener({"/diagnostics": DiagnosticArray}))
    node, robot, listener = start(graph, outputs={**VIEWS, DEPTH: Image}, novel_view_frame="moon")
    walk(graph, robot, node, 3)
    graph.spin_until(lambda: "frame_not_in_tf" in dropped_views(node), "the view is missing")
    graph.spin_until(
        lambda: any(
            "moon" in status.message and status.level == DiagnosticStatus.WARN
            for message in diagnostics.received["/diagnostics"]
            for status in message.status
            if status.name.endswith(": scene")
        ),
        "the diagnostics name it",
    )
    assert listener.received[VIEW] == []
    assert snapshot(node).predictions == 2


def test_gaussians_are_published_in_the_world_frame_and_kept_for_late_subscribers(graph):
    node, robot, listener = start(graph, outputs={}, gaussians_period_s=0.05)
    early = graph.add(Listener({GAUSSIANS: GaussianScene}, qos=LATCHED))
    graph.spin_until(lambda: node.count_subscribers(GAUSSIANS), "somebody listens")
    stamps = walk(graph, robot, node, 3)
    graph.spin_until(
        lambda: early.received[GAUSSIANS] and early.stamps_ns(GAUSSIANS)[-1] == stamps[-1],
        "the newest scene arrives",
    )
    message = early.received[GAUSSIANS][-1]
    assert message.header.frame_id == "odom"
    assert message.count == len(scene_of(node)) == message.count_held > 3000
    means = np.reshape(message.means, (-1, 3)) + (message.origin.x, message.origin.y, 0)
    # The wall stands at x = 3 in front of the camera, which looks along x from x = 0.1.
    np.testing.assert_allclose(means[:, 0], 3.1, atol=0.01)
    late = graph.add(Listener({GAUSSIANS: GaussianScene}, qos=LATCHED))
    graph.spin_until(lambda: late.received[GAUSSIANS], "a late subscriber gets it too")
    assert late.received[GAUSSIANS][-1].version == message.version


def test_a_message_holds_no_more_gaussians_than_permitted(graph):
    node, robot, listener = start(
        graph, outputs={}, gaussians_period_s=0.05, gaussians_maximum=100
    )
    ears = graph.add(Listener({GAUSSIANS: GaussianScene}, qos=LATCHED))
    graph.spin_until(lambda: node.count_subscribers(GAUSSIANS), "somebody listens")
    walk(graph, robot, node, 2)
    graph.spin_until(lambda: ears.received[GAUSSIANS], "a scene arrives")
    message = ears.received[GAUSSIANS][-1]
    assert (message.count, len(message.opacities)) == (100, 100)
    assert message.count_held > 3000


def test_no_gaussians_are_made_for_those_who_want_depth_alone(graph):
    node, robot, listener = start(graph, outputs={DEPTH: Image})
    walk(graph, robot, node, 3)
    assert snapshot(node).predictions == 2
    assert len(scene_of(node)) == 0
    assert dropped_views(node) == {}


def test_a_view_alone_is_reason_enough_to_compute_depth(graph):
    node, robot, listener = start(graph, outputs={VIEW: Image})
    walk(graph, robot, node, 2)
    graph.spin_until(lambda: listener.received[VIEW], "a view arrives")
    assert snapshot(node).skipped == {"waiting_for_partner": 1}


def test_status_and_diagnostics_tell_about_the_scene(graph):
    diagnostics = graph.add(Listener({"/diagnostics": DiagnosticArray}))
    node, robot, listener = start(graph)
    walk(graph, robot, node, 3)
    graph.spin_until(
        lambda: last_status(listener).novel_views > 2 and last_status(listener).gaussians > 3000,
        "the status counts views and Gaussians",
    )
    status = last_status(listener)
    assert status.scene_memory_bytes > 56 * status.gaussians
    assert status.novel_view_rate_hz > 0
    assert status.novel_view_median_s > 0
    by_name = {status.name: status for status in diagnostics.received["/diagnostics"][-1].status}
    keys = {entry.key for entry in by_name["depthsplat: scene"].values}
    assert {"Gaussians", "memory of the scene", "novel view rate"} <= keys


def test_a_device_that_cannot_render_costs_the_views_alone_and_is_said_once(graph, monkeypatch):
    asked = []

    def warm_up(scene):
        asked.append(scene)
        raise RenderingUnavailableError("gsplat is not installed: pip install gsplat")

    monkeypatch.setattr(Scene, "warm_up", warm_up)
    diagnostics = graph.add(Listener({"/diagnostics": DiagnosticArray}))
    node, robot, listener = start(graph, outputs={**VIEWS, DEPTH: Image})
    graph.spin_until(lambda: asked, "the views are tried")
    walk(graph, robot, node, 3)
    refused = answer(graph, listener, "render_now")
    assert not refused.success
    assert "gsplat is not installed" in refused.message
    graph.spin_until(
        lambda: any(
            "gsplat is not installed" in status.message
            for status in diagnostics.received["/diagnostics"][-1].status
        ),
        "the diagnostics say so",
    )
    assert len(asked) == 1
    assert len(listener.received[DEPTH]) == snapshot(node).predictions == 2
    assert len(scene_of(node)) == 0


def test_a_view_that_cannot_be_rendered_is_counted_and_the_next_is_tried(graph, monkeypatch):
    render, calls = Scene.render, []

    def fail_once(scene, *arguments):
        calls.append(None)
        if len(calls) == 1:
            raise RenderingError("too large")
        return render(scene, *arguments)

    monkeypatch.setattr(Scene, "render", fail_once)
    node, robot, listener = start(graph)
    walk(graph, robot, node, 2)
    graph.spin_until(lambda: listener.received[VIEW], "the next view arrives")
    assert dropped_views(node)["rendering_error"] == 1


def test_a_view_that_takes_long_holds_up_neither_depth_nor_the_executor(graph, monkeypatch):
    started, may_end = threading.Event(), threading.Event()
    render = Scene.render

    def slow(*arguments):
        started.set()
        assert may_end.wait(20.0)
        return render(*arguments)

    monkeypatch.setattr(Scene, "render", slow)
    node, robot, listener = start(graph, outputs={VIEW: Image, DEPTH: Image})
    walk(graph, robot, node, 2)
    graph.spin_until(started.is_set, "a view is being rendered")
    walk(graph, robot, node, 3, start_index=2)
    assert snapshot(node).predictions == 4
    assert snapshot(node).dropped == {}
    assert listener.received[VIEW] == []
    may_end.set()
    graph.spin_until(lambda: dropped_views(node).get("late"), "the turns missed are counted")


def test_render_now_publishes_whatever_the_rate(graph):
    node, robot, listener = start(graph, novel_view_rate_hz=0.01)
    walk_into_scene(graph, robot, node, 2)
    assert listener.received[VIEW] == []
    done = answer(graph, listener, "render_now")
    assert done.success
    assert done.message.startswith("64x48 px rendered in ")
    graph.spin_until(lambda: listener.received[VIEW], "the view arrives")


def test_render_now_before_there_is_a_scene_says_why_not(graph):
    node, robot, listener = start(graph)
    refused = answer(graph, listener, "render_now")
    assert not refused.success
    assert "no Gaussians yet" in refused.message


def test_a_saved_scene_is_read_back_and_another_save_takes_another_name(graph, tmp_path):
    node, robot, listener = start(graph, outputs={}, save_directory=str(tmp_path))
    walk_into_scene(graph, robot, node, 3)
    first = answer(graph, listener, "save_gaussians")
    second = answer(graph, listener, "save_gaussians")
    assert first.success and second.success
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == 2
    assert str(paths[0]) in first.message or str(paths[1]) in first.message
    assert f"{len(scene_of(node))} Gaussians" in first.message
    assert len(read_scene(paths[0])) == len(scene_of(node)) > 3000


def test_saving_is_refused_without_folder_without_scene_and_while_inactive(graph, tmp_path):
    node, robot, listener = start(graph, outputs={})
    assert "save_directory" in answer(graph, listener, "save_gaussians").message
    node.trigger_deactivate()
    for service in ("save_gaussians", "render_now"):
        refused = answer(graph, listener, service)
        assert not refused.success
        assert refused.message == "the node is not active"


def test_an_empty_scene_is_not_saved(graph, tmp_path):
    node, robot, listener = start(graph, outputs={}, save_directory=str(tmp_path))
    refused = answer(graph, listener, "save_gaussians")
    assert not refused.success
    assert "no Gaussians yet" in refused.message
    assert list(tmp_path.iterdir()) == []


def test_many_saves_at_once_are_answered_at_once_and_one_is_done(graph, monkeypatch, tmp_path):
    started, may_end = threading.Event(), threading.Event()
    save = Scene.save

    def slow(*arguments):
        started.set()
        assert may_end.wait(20.0)
        return save(*arguments)

    monkeypatch.setattr(Scene, "save", slow)
    node, robot, listener = start(graph, outputs={DEPTH: Image}, save_directory=str(tmp_path))
    walk_into_scene(graph, robot, node, 2)
    first = call(graph, listener, "save_gaussians")
    graph.spin_until(started.is_set, "the first one is being saved")
    others = [call(graph, listener, "save_gaussians") for _ in range(5)]
    graph.spin_until(lambda: all(other.done() for other in others), "the others are answered")
    assert {other.result().success for other in others} == {False}
    assert "still being worked on" in others[0].result().message
    walk(graph, robot, node, 1, start_index=2)  # nothing else waits
    may_end.set()
    graph.spin_until(first.done, "the first one is answered")
    assert first.result().success
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_inside_a_service_is_answered_and_survived(graph, monkeypatch, tmp_path):
    monkeypatch.setattr(Scene, "save", lambda *_: 1 / 0)
    node, robot, listener = start(graph, outputs={}, save_directory=str(tmp_path))
    walk(graph, robot, node, 2)
    refused = answer(graph, listener, "save_gaussians")
    assert not refused.success
    assert "ZeroDivisionError" in refused.message
    assert list(tmp_path.iterdir()) == []
    walk(graph, robot, node, 1, start_index=2)


def test_reset_forgets_the_gaussians_and_says_so_to_those_who_listen(graph):
    node, robot, listener = start(graph, gaussians_period_s=0.05)
    ears = graph.add(Listener({GAUSSIANS: GaussianScene}, qos=LATCHED))
    walk(graph, robot, node, 3)
    graph.spin_until(lambda: ears.received[GAUSSIANS], "a scene arrives")
    assert answer(graph, listener, "reset").success
    assert len(scene_of(node)) == 0
    graph.spin_until(lambda: ears.received[GAUSSIANS][-1].count == 0, "the empty scene arrives")


def test_settings_change_while_it_runs(graph):
    node, robot, listener = start(graph)
    walk(graph, robot, node, 2)
    refused = node.set_parameters_atomically([Parameter("novel_view_height_px", value=20)])
    assert not refused.successful
    assert "novel_view_width_px" in refused.reason
    accepted = node.set_parameters_atomically(
        [
            Parameter("novel_view_width_px", value=32),
            Parameter("scene_maximum_gaussians", value=500),
        ]
    )
    assert accepted.successful
    graph.spin_until(
        lambda: any(message.width == 32 for message in listener.received[VIEW]), "smaller views"
    )
    walk_into_scene(graph, robot, node, 1, start_index=2)
    assert len(scene_of(node)) == 500


def test_the_lifecycle_can_be_walked_with_views_being_rendered(graph):
    threads_before = threading.active_count()
    node, robot, listener = start(graph)
    walk(graph, robot, node, 2)
    for _ in range(3):
        node.trigger_deactivate()
        assert threading.active_count() <= threads_before + 1
        node.trigger_cleanup()
        node.trigger_configure()
        node.trigger_activate()
    graph.spin_until(
        lambda: (
            robot.images.get_subscription_count() == 1
            and all(node.count_subscribers(topic) for topic in VIEWS)
            and all(
                publisher.get_subscription_count()
                for publisher in node._scene_outputs._novel_view._topics._publishers.values()
            )
        ),
        "everything is connected again",
    )
    robot.publish_mount()
    listener.received[VIEW].clear()
    walk(graph, robot, node, 3)
    graph.spin_until(lambda: listener.received[VIEW], "views arrive again")


def test_no_thread_complains_at_the_end(graph, caplog):
    node, robot, listener = start(graph)
    with caplog.at_level(logging.WARNING):
        walk(graph, robot, node, 3)
        graph.spin_until(lambda: listener.received[VIEW], "views arrive")
        node.trigger_shutdown()
    assert caplog.records == []
