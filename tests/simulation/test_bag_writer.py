# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import small_room
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader

from depthsplat_ros.recordings.recording import open_recording
from depthsplat_ros.settings import SettingError
from depthsplat_ros.simulation.bag_writer import START_NS, BagOptions, write_bag
from depthsplat_ros.simulation.caster import cast

SECOND_NS = 1_000_000_000


def write(path, **options):
    write_bag(
        path,
        small_room.world(),
        small_room.trajectory(),
        small_room.CAMERA,
        duration_s=1.0,
        options=BagOptions(**options),
    )
    return list(open_recording(path))


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("bags") / "drive"
    return path, write(path, depth_encoding="32FC1")


def test_frames_read_back_have_the_trajectorys_poses_at_their_stamps(bag):
    _, frames = bag
    assert len(frames) == 6
    for number, recorded in enumerate(frames):
        frame = recorded.frame
        assert frame.stamp_ns == START_NS + number * SECOND_NS // 5
        assert frame.camera == small_room.CAMERA
        # TF is at other stamps: what remains is the bend of the path within 10 ms.
        expected = small_room.trajectory().world_from_camera(number / 5)
        np.testing.assert_allclose(frame.world_from_camera, expected, atol=2e-4)


def test_images_and_depths_are_those_of_the_poses(bag):
    _, frames = bag
    image, depth_m = cast(
        small_room.world(), small_room.CAMERA, small_room.trajectory().world_from_camera(0.4)
    )
    np.testing.assert_array_equal(frames[2].frame.image, image)
    np.testing.assert_array_equal(frames[2].depth_m, depth_m)


def test_no_transform_has_the_stamp_of_an_image(bag):
    path, frames = bag
    with Reader(path) as reader:
        stamps = {t for c, t, _ in reader.messages() if c.topic == "/tf"}
        assert len(stamps) > 100
        assert stamps.isdisjoint({recorded.frame.stamp_ns for recorded in frames})
        assert min(stamps) < START_NS


def test_messages_lie_in_the_order_of_time(bag):
    path, _ = bag
    with Reader(path) as reader:
        times = [time for _, time, _ in reader.messages()]
    assert times == sorted(times)


def test_static_transform_is_recorded_as_latched(bag):
    path, _ = bag
    with Reader(path) as reader:
        durability = {
            c.topic: c.ext.offered_qos_profiles[0].durability for c in reader.connections
        }
    assert durability["/tf_static"] is QosDurability.TRANSIENT_LOCAL
    assert durability["/tf"] is QosDurability.VOLATILE


def test_millimetres_are_rounded_metres(bag, tmp_path):
    frames = write(tmp_path / "bag")
    np.testing.assert_allclose(frames[3].depth_m, bag[1][3].depth_m, atol=0.0005 + 1e-6)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_compressed_images_are_nearly_the_raw_ones(bag, tmp_path, storage):
    frames = write(tmp_path / "bag", storage=storage, is_compressed=True)
    for compressed, raw in zip(frames, bag[1], strict=True):
        difference = np.abs(compressed.frame.image.astype(int) - raw.frame.image)
        assert difference.mean() < 6
    suffix = {"mcap": ".mcap", "sqlite3": ".db3"}[storage]
    assert list((tmp_path / "bag").glob(f"*{suffix}"))


def test_progress_counts_every_image(tmp_path):
    told = []
    write_bag(
        tmp_path / "bag",
        small_room.world(),
        small_room.trajectory(),
        small_room.CAMERA,
        duration_s=0.5,
        on_image=lambda done, count: told.append((done, count)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate_hz": 0.0}, "rate_hz is 0.0; it must be at least 0.1"),
        ({"storage": "rosbag1"}, "storage is 'rosbag1'; it must be one of mcap, sqlite3"),
        ({"depth_encoding": "8UC1"}, "depth_encoding is '8UC1'; it must be one of"),
    ],
)
def test_option_outside_its_limits_is_named(change, message):
    with pytest.raises(SettingError, match=message):
        BagOptions(**change)


def test_drive_without_duration_is_refused(tmp_path):
    with pytest.raises(SettingError, match="duration_s is 0.0; it must be above 0 seconds"):
        write_bag(
            tmp_path / "bag",
            small_room.world(),
            small_room.trajectory(),
            small_room.CAMERA,
            duration_s=0.0,
        )
