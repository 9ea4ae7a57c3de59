# SPDX-License-Identifier: Apache-2.0
from collections import Counter

import cv2
import numpy as np
import pytest
from recorded_bags import (
    HEIGHT_PX,
    NO_TURN,
    SECOND_NS,
    START_NS,
    WIDTH_PX,
    K,
    make_camera_info,
    make_compressed,
    make_image,
    make_transforms,
    stamp_ns,
    write_bag,
)
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from depthsplat_ros.camera import Camera
from depthsplat_ros.recordings import (
    RecordedFrame,
    RecordedSkip,
    RecordingError,
    RecordingOptions,
    SkipReason,
    open_recording,
)
from depthsplat_ros.transform_tree import UnknownFrameError

CAMERA = Camera(
    width_px=WIDTH_PX, height_px=HEIGHT_PX, fx_px=30.0, fy_px=31.0, cx_px=15.25, cy_px=11.75
)
# The optical axes of a camera that looks along its mount's x axis: columns are x right (-y),
# y down (-z) and z forward (x) of the mount.
OPTICAL_XYZW = (-0.5, 0.5, -0.5, 0.5)
MOUNT_FROM_OPTICAL = np.array([[0, 0, 1, 0.3], [-1, 0, 0, 0], [0, -1, 0, 0.1], [0, 0, 0, 1.0]])


def picture(number):
    """A picture whose first pixel tells its number."""
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 40, np.uint8)
    image[..., 1] = np.arange(WIDTH_PX) * 7
    image[0, 0] = number
    return image


def turn_about_z(degrees):
    half = np.radians(degrees) / 2
    return (0.0, 0.0, np.sin(half), np.cos(half))


def robot_transforms(*, topic="/tf", first=-0.05, last=1.05, prefix=""):
    """A robot that drives 1 m/s along x and turns by 40 degrees a second, in odom in map.

    Odometry comes every 50 ms, between the images' stamps; map -> odom is fixed and turned.
    """
    optical = (0.3, 0.0, 0.1)
    messages = [
        (
            -1.0,
            f"{topic}_static",
            make_transforms(
                (0.0, f"{prefix}base", f"{prefix}mount", (0, 0, 0), NO_TURN),
                (0.0, f"{prefix}mount", f"{prefix}camera", optical, OPTICAL_XYZW),
            ),
        ),
    ]
    for seconds in np.arange(first, last + 1e-9, 0.05):
        messages.append(
            (
                seconds + 0.004,
                topic,
                make_transforms(
                    (
                        seconds,
                        f"{prefix}odom",
                        f"{prefix}base",
                        (seconds, 0, 0),
                        turn_about_z(40 * seconds),
                    ),
                    (seconds, f"{prefix}map", f"{prefix}odom", (0, 5, 0), turn_about_z(90)),
                ),
            )
        )
    return messages


def odom_from_camera(seconds):
    """By hand: the straight line and even turn are exact for this robot."""
    angle = np.radians(40 * seconds)
    odom_from_base = np.array(
        [
            [np.cos(angle), -np.sin(angle), 0, seconds],
            [np.sin(angle), np.cos(angle), 0, 0],
            [0, 0, 1, 0],
            [0, 0, 0, 1],
        ]
    )
    return odom_from_base @ MOUNT_FROM_OPTICAL


IMAGE_TIMES = (0.013, 0.261, 0.487, 0.702, 0.951)


def robot_images(times=IMAGE_TIMES, topic="/robot/cam/image_raw"):
    messages = []
    namespace = topic.rpartition("/")[0]
    for number, seconds in enumerate(times):
        log = (seconds or 0.0) + 0.03
        messages.append((log, topic, make_image(seconds, picture(number))))
        messages.append((log, f"{namespace}/camera_info", make_camera_info(seconds)))
    return messages


def record(tmp_path, messages, **options):
    return write_bag(tmp_path / "bag", sorted(messages, key=lambda entry: entry[0]), **options)


def frames_of(recording):
    items = list(recording)
    assert all(isinstance(item, RecordedFrame) for item in items), items
    return items


def skips_of(recording):
    return Counter(item.reason for item in recording if isinstance(item, RecordedSkip))


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        (StoragePlugin.MCAP, CompressionMode.NONE),
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
        (StoragePlugin.MCAP, CompressionMode.MESSAGE),
        (StoragePlugin.MCAP, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.NONE),
        (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
    ],
)
def test_every_storage_gives_the_same_frames_with_hand_computed_poses(
    tmp_path, storage, compression
):
    path = record(
        tmp_path, [*robot_transforms(), *robot_images()], storage=storage, compression=compression
    )
    recording = open_recording(path)
    assert (recording.camera_frame, recording.world_frame) == ("camera", "odom")
    assert len(recording) == len(IMAGE_TIMES)
    items = frames_of(recording)
    for number, (item, seconds) in enumerate(zip(items, IMAGE_TIMES, strict=True)):
        assert item.frame.stamp_ns == stamp_ns(seconds)
        np.testing.assert_array_equal(item.frame.image, picture(number))
        assert item.frame.camera == CAMERA
        np.testing.assert_allclose(
            item.frame.world_from_camera, odom_from_camera(seconds), atol=1e-9
        )
        assert item.depth_m is None and item.depth_note == "the recording has no depth topic"


def test_a_recording_can_be_read_again(tmp_path):
    recording = open_recording(record(tmp_path, [*robot_transforms(), *robot_images()]))
    first, second = ([item.frame.stamp_ns for item in frames_of(recording)] for _ in range(2))
    assert first == second == [stamp_ns(seconds) for seconds in IMAGE_TIMES]


@pytest.mark.parametrize(
    ("storage", "suffix"), [(StoragePlugin.MCAP, "mcap"), (StoragePlugin.SQLITE3, "db3")]
)
def test_a_single_storage_file_is_a_recording_too(tmp_path, storage, suffix):
    path = record(tmp_path, [*robot_transforms(), *robot_images()], storage=storage)
    assert len(frames_of(open_recording(path / f"bag.{suffix}"))) == 5
    (path / "metadata.yaml").unlink()
    assert len(frames_of(open_recording(path))) == 5


def test_the_world_frame_can_be_chosen(tmp_path):
    path = record(tmp_path, [*robot_transforms(), *robot_images()])
    map_from_odom = np.array([[0, -1, 0, 0], [1, 0, 0, 5], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    for item in frames_of(open_recording(path, RecordingOptions(world_frame="/map"))):
        seconds = (item.frame.stamp_ns - START_NS) / SECOND_NS
        np.testing.assert_allclose(
            item.frame.world_from_camera, map_from_odom @ odom_from_camera(seconds), atol=1e-9
        )
    with pytest.raises(UnknownFrameError, match="'moon'.*base, camera, map, mount, odom"):
        open_recording(path, RecordingOptions(world_frame="moon"))


def test_without_odom_the_world_is_map_and_without_both_the_root(tmp_path):
    mount = (0.0, "base", "camera", (0, 0, 0), OPTICAL_XYZW)
    for parents, world_frame in (
        (("earth", "map"), "map"),
        (("earth", "vicon"), "earth"),
        (("earth", "robot1/odom"), "robot1/odom"),
    ):
        links = [(*parents, "base")[index : index + 2] for index in range(2)]
        moving = [
            (t, "/tf", make_transforms(*((t, *link, (t, 0, 0), NO_TURN) for link in links)))
            for t in (0.0, 1.0)
        ]
        messages = [(0.0, "/tf_static", make_transforms(mount)), *moving, *robot_images()]
        folder = tmp_path / world_frame.replace("/", "_")
        assert open_recording(record(folder, messages)).world_frame == world_frame


def test_pose_scale_stretches_the_path_alone(tmp_path):
    path = record(tmp_path, [*robot_transforms(), *robot_images()])
    metric = frames_of(open_recording(path))
    scaled = frames_of(open_recording(path, RecordingOptions(pose_scale=2.0)))
    for one, two in zip(metric, scaled, strict=True):
        np.testing.assert_array_equal(
            two.frame.world_from_camera[:3, 3], 2 * one.frame.world_from_camera[:3, 3]
        )
        np.testing.assert_array_equal(
            two.frame.world_from_camera[:3, :3], one.frame.world_from_camera[:3, :3]
        )
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(RecordingError, match="pose_scale"):
            RecordingOptions(pose_scale=scale)


def test_namespaced_tf_is_found_and_the_robots_own_wins(tmp_path):
    own = robot_transforms(topic="/robot/tf", prefix="r/")
    other = robot_transforms(topic="/other/tf", first=0.9)
    images = [
        (log, topic, make_image(t, picture(0), frame_id="r/camera"))
        for log, topic, t in [(0.2, "/robot/cam/image_raw", 0.2)]
    ]
    infos = [(0.2, "/robot/cam/camera_info", make_camera_info(0.2))]
    recording = open_recording(record(tmp_path, [*own, *other, *images, *infos]))
    assert recording.topics.transforms == ("/robot/tf", "/robot/tf_static")
    np.testing.assert_allclose(
        frames_of(recording)[0].frame.world_from_camera, odom_from_camera(0.2), atol=1e-9
    )


def test_tf_at_the_far_end_of_the_bag_still_counts(tmp_path):
    # The latched /tf_static of a node that started late, and TF that arrives after its image.
    late = [(log + 5.0, topic, message) for log, topic, message in robot_transforms()]
    recording = open_recording(record(tmp_path, [*late, *robot_images()]))
    assert len(frames_of(recording)) == 5


def test_images_without_a_pose_are_skipped_and_counted_not_lost(tmp_path):
    path = record(tmp_path, [*robot_transforms(first=0.2, last=0.8), *robot_images()])
    items = list(open_recording(path))
    assert [type(item) for item in items] == [
        *[RecordedSkip, RecordedFrame, RecordedFrame, RecordedFrame, RecordedSkip]
    ]
    assert items[0].reason is SkipReason.NO_POSE
    assert "begins 0.187 s after" in items[0].detail
    assert items[-1].stamp_ns == stamp_ns(0.951)


def test_frames_come_in_stamp_order_whatever_the_order_of_recording(tmp_path):
    images = robot_images()
    shuffled = [
        (2.0 + place, topic, message) for place, (_, topic, message) in enumerate(reversed(images))
    ]
    items = frames_of(open_recording(record(tmp_path, [*robot_transforms(), *shuffled])))
    assert [item.frame.image[0, 0, 0] for item in items] == [0, 1, 2, 3, 4]


def test_stamps_of_zero_and_stamps_seen_before_are_skipped(tmp_path):
    images = robot_images((0.1, 0.3, 0.3, None, 0.5))
    images = [(place * 0.1, topic, message) for place, (_, topic, message) in enumerate(images)]
    items = list(open_recording(record(tmp_path, [*robot_transforms(), *images])))
    assert skips_of(items) == {SkipReason.UNSTAMPED: 1, SkipReason.DUPLICATE_STAMP: 1}
    frames = [item.frame for item in items if isinstance(item, RecordedFrame)]
    assert [frame.image[0, 0, 0] for frame in frames] == [0, 1, 4]


def test_broken_images_do_not_stop_the_rest(tmp_path):
    images = robot_images()
    images[2][2].encoding = "rgb99"
    images[4][2].data = images[4][2].data[:-1]
    images[6][2].header.frame_id = "other_camera"
    items = list(open_recording(record(tmp_path, [*robot_transforms(), *images])))
    assert skips_of(items) == {SkipReason.BAD_IMAGE: 2, SkipReason.OTHER_CAMERA: 1}
    assert len(items) == 5
    assert "rgb99" in items[1].detail and "2303 bytes" in items[2].detail


def test_a_calibration_sent_once_serves_the_whole_recording(tmp_path):
    messages = [entry for entry in robot_images() if "info" not in entry[1]]
    messages.append((0.0, "/robot/cam/camera_info", make_camera_info(None)))
    assert len(frames_of(open_recording(record(tmp_path, [*robot_transforms(), *messages])))) == 5


def test_a_changing_calibration_is_matched_by_stamp(tmp_path):
    messages = robot_images()
    zoomed = (*(60.0, 0.0, 15.25), *K[3:])
    messages[5] = (messages[5][0], messages[5][1], make_camera_info(0.487 + 0.01, k=zoomed))
    messages[7] = (messages[7][0], messages[7][1], make_camera_info(0.702 + 0.1, k=zoomed))
    items = list(open_recording(record(tmp_path, [*robot_transforms(), *messages])))
    assert [getattr(item, "reason", None) for item in items] == [
        *[None, None, None, SkipReason.NO_CAMERA_INFO, None]
    ]
    focal_px = [item.frame.camera.fx_px for item in items if isinstance(item, RecordedFrame)]
    assert focal_px == [30.0, 30.0, 60.0, 30.0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"k": [0.0] * 9}, SkipReason.UNCALIBRATED),
        ({"size": (64, 48)}, SkipReason.BAD_CALIBRATION),
        ({"model": "exotic", "d": [0.1] * 5}, SkipReason.BAD_CALIBRATION),
        ({"k": (30.0, 0.0, 99.0, *K[3:])}, SkipReason.BAD_CALIBRATION),
    ],
)
def test_unusable_calibrations_are_told_apart(tmp_path, changes, reason):
    messages = [entry for entry in robot_images() if "info" not in entry[1]]
    messages.append((0.0, "/robot/cam/camera_info", make_camera_info(0.0, **changes)))
    recording = open_recording(record(tmp_path, [*robot_transforms(), *messages]))
    assert skips_of(recording) == {reason: 5}


def test_compressed_distorted_images_are_decoded_and_rectified(tmp_path):
    barrel = [-0.2, 0.02, 0.0, 0.0, 0.0]
    messages = []
    for number, seconds in enumerate(IMAGE_TIMES):
        data = cv2.imencode(".png", picture(number)[..., ::-1])[1].tobytes()
        topic = "/robot/cam/image_raw/compressed"
        messages.append((seconds, topic, make_compressed(seconds, data, "png")))
        messages.append((seconds, "/robot/cam/camera_info", make_camera_info(seconds, d=barrel)))
    for item in frames_of(open_recording(record(tmp_path, [*robot_transforms(), *messages]))):
        camera, image = item.frame.camera, item.frame.image
        assert camera.fx_px < 30.0
        # The green ramp tells each pixel's source column; by the lens formula, on the middle row:
        columns = np.arange(WIDTH_PX)
        x, y = (columns - camera.cx_px) / camera.fx_px, (12 - camera.cy_px) / camera.fy_px
        r2 = x**2 + y**2
        source = x * (1 + barrel[0] * r2 + barrel[1] * r2**2) * 30.0 + 15.25
        np.testing.assert_allclose(image[12, :, 1], 7 * source, atol=0.7)


def test_a_rectified_topic_is_read_by_its_projection(tmp_path):
    p = (25.0, 0, 15.0, 0, 0, 26.0, 12.0, 0, 0, 0, 1, 0)
    info = make_camera_info(0.1, d=[-0.3, 0.1, 0, 0, 0], p=p)
    messages = [
        (0.1, "/cam/image_rect", make_image(0.1, picture(1))),
        (0.1, "/cam/camera_info", info),
    ]
    path = record(tmp_path, [*robot_transforms(), *messages])
    frame = frames_of(open_recording(path))[0].frame
    assert (frame.camera.fx_px, frame.camera.cy_px) == (25.0, 12.0)
    np.testing.assert_array_equal(frame.image, picture(1))
    raw = frames_of(open_recording(path, RecordingOptions(is_rectified=False)))[0].frame
    assert raw.camera.fx_px == pytest.approx(30.0, rel=0.3) and raw.camera.fx_px != 25.0


def test_an_empty_frame_id_needs_the_camera_frame_as_option(tmp_path):
    messages = robot_images()
    for _, _, message in messages:
        message.header.frame_id = ""
    path = record(tmp_path, [*robot_transforms(), *messages])
    with pytest.raises(RecordingError, match="empty frame_id: give camera_frame, one of base, c"):
        open_recording(path)
    items = frames_of(open_recording(path, RecordingOptions(camera_frame="camera")))
    np.testing.assert_allclose(
        items[0].frame.world_from_camera, odom_from_camera(IMAGE_TIMES[0]), atol=1e-9
    )


def test_a_camera_frame_outside_tf_is_said_at_once(tmp_path):
    messages = robot_images()
    path = record(tmp_path, [*robot_transforms(prefix="r/"), *messages])
    with pytest.raises(UnknownFrameError, match="frame 'camera' is not in .*r/base, r/camera"):
        open_recording(path)


def test_a_camera_at_the_top_of_the_tree_has_no_world(tmp_path):
    link = make_transforms((0.0, "camera", "imu", (0, 0, 0), NO_TURN))
    path = record(tmp_path, [(0.0, "/tf_static", link), *robot_images()])
    with pytest.raises(UnknownFrameError, match="'camera' has no parent"):
        open_recording(path)


def test_a_tree_in_which_nothing_moves_is_warned_of(tmp_path, caplog):
    link = make_transforms((0.0, "base", "camera", (0, 0, 0), NO_TURN))
    path = record(tmp_path, [(0.0, "/tf_static", link), *robot_images()])
    assert open_recording(path).world_frame == "base"
    assert "never moves in 'base'" in caplog.text


def test_bad_transforms_are_left_out_and_said_once(tmp_path, caplog):
    bad = [
        (t, "/tf", make_transforms((t, "odom", "base", (np.nan, 0, 0), NO_TURN)))
        for t in (0.11, 0.12, 0.13)
    ]
    recording = open_recording(record(tmp_path, [*robot_transforms(), *bad, *robot_images()]))
    assert len(frames_of(recording)) == 5
    assert caplog.text.count("not finite") == 1


def depth_messages(samples, encoding="16UC1", frame_id="camera", delay=0.0, topic="/robot/cam"):
    messages = []
    for seconds in IMAGE_TIMES:
        header_time = seconds + delay
        size = (samples.shape[1], samples.shape[0])
        scale = samples.shape[1] / WIDTH_PX
        k = np.reshape(K, (3, 3)) * np.array([[scale], [scale], [1.0]])
        k[:2, 2] = (np.reshape(K, (3, 3))[:2, 2] + 0.5) * scale - 0.5
        messages.append(
            (
                seconds + 0.2,
                f"{topic}/depth/image_rect_raw",
                make_image(header_time, samples, encoding, frame_id),
            )
        )
        messages.append(
            (
                seconds + 0.2,
                f"{topic}/depth/camera_info",
                make_camera_info(header_time, k=k.ravel(), size=size, frame_id=frame_id),
            )
        )
    return messages


def ramp_mm():
    return (1000 + np.arange(HEIGHT_PX * WIDTH_PX).reshape(HEIGHT_PX, WIDTH_PX)).astype(np.uint16)


def test_registered_depth_comes_in_metres_with_its_frame(tmp_path):
    millimetres = ramp_mm()
    millimetres[3, 4] = 0
    path = record(tmp_path, [*robot_transforms(), *robot_images(), *depth_messages(millimetres)])
    expected_m = millimetres.astype(np.float32) / 1000
    expected_m[3, 4] = np.nan
    for item in frames_of(open_recording(path)):
        np.testing.assert_allclose(item.depth_m, expected_m, rtol=1e-6)
        assert item.depth_m.dtype == np.float32 and item.depth_note == ""


def test_depth_of_another_size_is_picked_along_the_same_rays(tmp_path):
    # Every coarse depth pixel covers 2x2 image pixels.
    coarse = ramp_mm()[: HEIGHT_PX // 2, : WIDTH_PX // 2].copy()
    path = record(tmp_path, [*robot_transforms(), *robot_images(), *depth_messages(coarse)])
    expected_m = np.kron(coarse, np.ones((2, 2), np.uint16)).astype(np.float32) / 1000
    np.testing.assert_allclose(frames_of(open_recording(path))[0].depth_m, expected_m, rtol=1e-6)


def test_depth_at_another_time_is_carried_along_the_path(tmp_path):
    # A wall 4 m ahead of where the camera is 10 ms later: 0.01 m farther, but for the turn.
    wall = np.full((HEIGHT_PX, WIDTH_PX), 4.0, np.float32)
    depth = depth_messages(wall, "32FC1", delay=0.01)
    path = record(tmp_path, [*robot_transforms(), *robot_images(), *depth])
    item = frames_of(open_recording(path))[2]
    seconds = IMAGE_TIMES[2]
    camera_from_later = np.linalg.inv(odom_from_camera(seconds)) @ odom_from_camera(seconds + 0.01)
    normal, point = camera_from_later[:3, 2], camera_from_later[:3, 3]
    v, u = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    rays = np.stack([(u - 15.25) / 30.0, (v - 11.75) / 31.0, np.ones_like(u, float)])
    expected_m = (normal @ (point + 4.0 * normal)) / np.tensordot(normal, rays, 1)
    known = np.isfinite(item.depth_m)
    assert known.mean() > 0.9
    # A point falls up to half a pixel beside the ray on which it is reported.
    np.testing.assert_allclose(item.depth_m[known], expected_m[known], rtol=2e-3)
    assert item.depth_m[12, 15] == pytest.approx(4.01, abs=0.002)


def test_depth_of_another_camera_is_projected_through_tf(tmp_path):
    # The depth camera sits 0.5 m to the right of the camera (optical x) and 0.2 m behind it.
    link = make_transforms((0.0, "camera", "depth_camera", (0.5, 0.0, -0.2), NO_TURN))
    wall = np.full((HEIGHT_PX, WIDTH_PX), 3.0, np.float32)
    depth = depth_messages(wall, "32FC1", frame_id="depth_camera")
    path = record(
        tmp_path,
        [*robot_transforms(), *robot_images(), *depth, (-1.0, "/tf_static", link)],
    )
    for scale in (1.0, 3.0):
        item = frames_of(open_recording(path, RecordingOptions(pose_scale=scale)))[0]
        known = np.isfinite(item.depth_m)
        np.testing.assert_allclose(item.depth_m[known], 2.8, rtol=1e-6)
        # By hand, on the middle row: column u of the depth image lands at
        # 30 * ((u - 15.25) / 30 * 3 + 0.5) / 2.8 + 15.25, which leaves the left border empty.
        columns = 30 * ((np.arange(WIDTH_PX) - 15.25) / 30 * 3 + 0.5) / 2.8 + 15.25
        hit = np.unique(np.round(columns[columns < WIDTH_PX - 0.5]).astype(int))
        np.testing.assert_array_equal(np.flatnonzero(known[12]), hit)


def test_missing_and_broken_depth_says_why_and_keeps_the_frame(tmp_path):
    depth = depth_messages(ramp_mm())
    depth[2][2].encoding = "rgb8"
    del depth[4:6]
    items = frames_of(
        open_recording(record(tmp_path, [*robot_transforms(), *robot_images(), *depth]))
    )
    assert [item.depth_m is None for item in items] == [False, True, True, False, False]
    assert "step is 64 bytes" in items[1].depth_note
    assert items[2].depth_note == "no depth image within 20 ms"


def test_depth_can_be_left_out(tmp_path):
    path = record(tmp_path, [*robot_transforms(), *robot_images(), *depth_messages(ramp_mm())])
    recording = open_recording(path, RecordingOptions(depth_topic=""))
    assert recording.topics.depth is None
    assert all(item.depth_m is None for item in frames_of(recording))


def test_damage_is_reported_where_it_lies(tmp_path):
    messages = sorted([*robot_transforms(), *robot_images()], key=lambda entry: entry[0])
    path = record(tmp_path, messages, compression=CompressionMode.MESSAGE)
    recording = open_recording(path)
    # Each message is a zstd frame of its own; the third image's loses its first bytes.
    places = [place for place, entry in enumerate(messages) if "image" in entry[1]]
    storage = path / "bag.mcap"
    magic = b"\x28\xb5\x2f\xfd"
    frames = storage.read_bytes().split(magic)
    assert len(frames) == len(messages) + 1
    third = places[2]
    damaged = magic.join(frames[: third + 1]) + bytes(4) + magic.join(frames[third + 1 :])
    storage.write_bytes(damaged)
    items = []
    with pytest.raises(RecordingError, match="bag is damaged.*mcap recover"):
        items.extend(recording)
    assert len(items) == 2
