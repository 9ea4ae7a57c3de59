# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 folder or storage file as a stream of messages, whatever storage and compression."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from depthsplat_ros.errors import DepthSplatError

STORAGE_SUFFIXES = (".mcap", ".db3")

# The messages read here have looked the same in every ROS 2; a fixed set of definitions spares
# the bag's own, which older sqlite3 bags lack and which may hold unreadable types of others.
_TYPES = get_typestore(Stores.LATEST)


class RecordingError(DepthSplatError):
    """The recording cannot be read, or does not say what is needed."""


class MessageError(RecordingError):
    """One message's bytes cannot be read; the others may be fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic of a bag."""

    name: str
    message_type: str
    """As ROS 2 writes it: sensor_msgs/msg/Image."""
    count: int


class Bag:
    """A recording on disk, opened anew for each pass, so that nothing is left open."""

    def __init__(self, path: str | Path) -> None:
        """Looks the bag up and reads which topics it has.

        Raises:
            RecordingError: if it does not exist, is no rosbag2 recording or is damaged.
        """
        self.path = _storage_path(Path(path))
        topics: dict[str, Topic] = {}
        with _open(self.path) as reader:
            for connection in reader.connections:
                known = topics.get(connection.topic)
                if known is None:
                    known = Topic(name=connection.topic, message_type=connection.msgtype, count=0)
                # A topic of two types is a mistake of the robot's; the first one is kept.
                if known.message_type == connection.msgtype:
                    topics[connection.topic] = replace(
                        known, count=known.count + connection.msgcount
                    )
        self.topics = topics

    def of_type(self, *message_types: str) -> list[Topic]:
        """The topics of these types that have messages, by name."""
        return [
            topic
            for _, topic in sorted(self.topics.items())
            if topic.message_type in message_types and topic.count
        ]

    def messages(self, topics: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Topic and serialised message, in the order of recording.

        Raises:
            RecordingError: where the storage is damaged; what came before is good.
        """
        with _open(self.path) as reader:
            connections = [
                entry
                for entry in reader.connections
                if entry.topic in topics and entry.msgtype == self.topics[entry.topic].message_type
            ]
            if not connections:
                return
            stream = reader.messages(connections=connections)
            while True:
                # The storage parsers raise whatever a damaged byte leads them to.
                try:
                    connection, _, data = next(stream)
                except StopIteration:
                    return
                except Exception as error:
                    raise RecordingError(
                        f"recording {self.path} is damaged: {error}; recover it with "
                        "'mcap recover' or 'ros2 bag reindex'"
                    ) from error
                yield connection.topic, data

    def read(self, topic: str, data: bytes) -> Any:
        """The message, with the field names of ROS 2's Python classes.

        Raises:
            MessageError: if the bytes do not form such a message.
        """
        message_type = self.topics[topic].message_type
        try:
            return _TYPES.deserialize_cdr(data, message_type)
        except SerdeError as error:
            raise MessageError(
                f"a {message_type} of {len(data)} bytes on '{topic}' cannot be read: {error}"
            ) from error


def _storage_path(path: Path) -> Path:
    if not path.exists():
        raise RecordingError(f"recording {path} does not exist: check the path")
    if path.name == "metadata.yaml":
        path = path.parent
    if path.suffix == ".bag":
        raise RecordingError(
            f"{path} is a ROS 1 bag: convert it with 'rosbags-convert --src {path} --dst ...'"
        )
    if path.is_file() and path.suffix not in STORAGE_SUFFIXES:
        raise RecordingError(
            f"{path} is no rosbag2 storage ({' or '.join(STORAGE_SUFFIXES)}): name the folder "
            "that holds metadata.yaml"
        )
    if path.is_dir() and not (path / "metadata.yaml").exists():
        files = sorted(entry for entry in path.iterdir() if entry.suffix in STORAGE_SUFFIXES)
        if len(files) != 1:
            raise RecordingError(
                f"folder {path} has no metadata.yaml and {len(files)} storage files: run "
                f"'ros2 bag reindex {path}', or name one file"
            )
        return files[0]
    return path


@contextmanager
def _open(path: Path) -> Iterator[Reader]:
    try:
        reader = Reader(path)
        reader.open()
    # The storage parsers raise whatever a damaged byte leads them to.
    except Exception as error:
        raise RecordingError(
            f"recording {path} cannot be opened: {error}; if the recorder was killed, recover it "
            "with 'mcap recover' or 'ros2 bag reindex'"
        ) from error
    try:
        yield reader
    finally:
        reader.close()
