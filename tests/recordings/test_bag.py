# SPDX-License-Identifier: Apache-2.0
import pytest
from recorded_bags import make_camera_info, make_transforms, write_bag

from depthsplat_ros.recordings.bag import Bag, MessageError, RecordingError


@pytest.fixture
def path(tmp_path):
    messages = [
        (1.0, "/b", make_camera_info(1.0)),
        (2.0, "/a", make_transforms()),
        (3.0, "/b", make_camera_info(3.0)),
    ]
    return write_bag(tmp_path / "bag", messages)


def test_topics_are_listed_by_type_with_their_counts(path):
    bag = Bag(path)
    [topic] = bag.of_type("sensor_msgs/msg/CameraInfo")
    assert (topic.name, topic.count) == ("/b", 2)
    assert bag.of_type("sensor_msgs/msg/Image") == []


def test_messages_come_in_recorded_order_and_only_those_asked_for(path):
    bag = Bag(path)
    assert [topic for topic, _ in bag.messages({"/a", "/b"})] == ["/b", "/a", "/b"]
    stamps = [bag.read(topic, data).header.stamp.sec for topic, data in bag.messages({"/b"})]
    assert stamps == [1_700_000_001, 1_700_000_003]
    assert list(bag.messages(())) == []


def test_metadata_stands_for_its_folder(path):
    assert Bag(path / "metadata.yaml").path == path


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"\0\1\0\0" + b"\xff" * 64])
def test_bytes_that_are_no_message_are_an_error_of_that_message(path, data):
    with pytest.raises(MessageError, match=f"of {len(data)} bytes on '/b' cannot be read"):
        Bag(path).read("/b", data)


def test_paths_that_are_no_recording_are_told_apart(tmp_path, path):
    (tmp_path / "old.bag").touch()
    (tmp_path / "video.mp4").touch()
    (tmp_path / "empty.mcap").touch()
    (tmp_path / "folder").mkdir()
    for name, complaint in (
        ("missing", "does not exist"),
        ("old.bag", "ROS 1 bag: convert it"),
        ("video.mp4", "no rosbag2 storage"),
        ("empty.mcap", "cannot be opened"),
        ("folder", "no metadata.yaml and 0 storage files: run 'ros2 bag reindex"),
    ):
        with pytest.raises(RecordingError, match=complaint):
            Bag(tmp_path / name)


def test_a_recorder_that_was_killed_leaves_a_file_that_needs_recovery(path):
    storage = path / "bag.mcap"
    storage.write_bytes(storage.read_bytes()[:-100])
    with pytest.raises(RecordingError, match="recover it"):
        Bag(path)


def test_unreadable_metadata_is_an_error_of_ours(path):
    (path / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    with pytest.raises(RecordingError, match="cannot be opened"):
        Bag(path)
