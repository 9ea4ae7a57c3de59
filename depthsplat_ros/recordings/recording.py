# SPDX-License-Identifier: Apache-2.0
"""A recording as posed frames: one pass learns all but the pixels, each next one reads those.

bag -> topics -> index: TF tree, camera_infos, stamps, which depth goes with which image
                   |
bag -> images and depth in recorded order -> in stamp order -> rectified, posed frames
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.calibration import is_rectified_topic
from depthsplat_ros.recordings.bag import Bag, RecordingError
from depthsplat_ros.recordings.frame_reader import (
    FrameReader,
    RecordedFrame,
    RecordedSkip,
    SkipReason,
)
from depthsplat_ros.recordings.index import read_index
from depthsplat_ros.recordings.ordering import MAXIMUM_HELD, arrange
from depthsplat_ros.recordings.topics import RecordedTopics, RecordingOptions, choose_topics
from depthsplat_ros.transform_tree import TransformTree, UnknownFrameError, strip_slash

logger = logging.getLogger(__name__)

WORLD_NAMES = ("odom", "map")
"""In this order: `odom` has no jumps that would tear a window of views apart (REP 105)."""


class Recording:
    """Iterate over it, as often as wanted, for a frame or a skip per image; `len` counts both."""

    def __init__(self, reader: FrameReader) -> None:
        """Use `open_recording`."""
        self._reader = reader

    @property
    def topics(self) -> RecordedTopics:
        """The topics that are read."""
        return self._reader.topics

    @property
    def camera_frame(self) -> str:
        """The optical frame of the images."""
        return self._reader.camera_frame

    @property
    def world_frame(self) -> str:
        """The frame in which poses are given."""
        return self._reader.world_frame

    def world_from_camera(self, stamp_ns: int) -> Float64[ndarray, "4 4"]:
        """The camera's pose at any stamp, not only an image's; scaled as those of the frames.

        Raises:
            TransformError: if TF does not reach that far.
        """
        reader = self._reader
        pose = reader.index.transforms.lookup(
            reader.world_frame, reader.camera_frame, stamp_ns=stamp_ns
        )
        pose[:3, 3] *= reader.pose_scale
        return pose

    def __len__(self) -> int:
        """Number of images, whether they yield a frame or are skipped."""
        return len(self._reader.index.images)

    def __iter__(self) -> Iterator[RecordedFrame | RecordedSkip]:
        """One item for every image, in stamp order; only few images are in memory at a time.

        Raises:
            RecordingError: where the storage is damaged; what came before is good.
        """
        topics = self.topics
        names = {topics.image} if topics.depth is None else {topics.image, topics.depth}
        previous_ns = 0
        for image, data, depth_data in arrange(
            self._reader.bag.messages(names),
            self._reader.index.images,
            image_topic=topics.image,
            depth_topic=topics.depth,
        ):
            stamp_ns = image.stamp_ns
            if data is None:
                yield RecordedSkip(
                    stamp_ns=stamp_ns,
                    reason=SkipReason.OUT_OF_ORDER,
                    detail=f"more than {MAXIMUM_HELD} messages of later stamps came before it",
                )
            elif not stamp_ns:
                yield RecordedSkip(
                    stamp_ns=stamp_ns,
                    reason=SkipReason.UNSTAMPED,
                    detail="header.stamp is zero: the driver must fill it in",
                )
            elif stamp_ns == previous_ns:
                yield RecordedSkip(
                    stamp_ns=stamp_ns,
                    reason=SkipReason.DUPLICATE_STAMP,
                    detail="another image with this stamp came before it",
                )
            else:
                yield self._reader.read(data, depth_data, stamp_ns=stamp_ns)
            previous_ns = stamp_ns


def open_recording(path: str | Path, options: RecordingOptions | None = None) -> Recording:
    """The recording, indexed: all its messages were read once, no pixel was looked at.

    Raises:
        RecordingError: if it cannot be read, or a topic or frame is missing or ambiguous; the text
            lists the candidates and the option that decides.
        TransformError: if TF does not know the camera's or the world's frame.
    """
    options = options or RecordingOptions()
    bag = Bag(path)
    topics = choose_topics(bag, options)
    index = read_index(bag, topics)
    first_ns = next((image.stamp_ns for image in index.images if image.stamp_ns), None)
    if first_ns is None:
        raise RecordingError(
            f"none of the {len(index.images)} images on '{topics.image}' has a stamp: "
            "the driver must fill in header.stamp"
        )
    camera_frame = strip_slash(options.camera_frame or topics.image_frame)
    if not camera_frame:
        raise RecordingError(
            f"images on '{topics.image}' have an empty frame_id: give camera_frame, one of "
            + ", ".join(index.transforms.frames())
        )
    is_rectified = options.is_rectified
    if is_rectified is None:
        is_rectified = is_rectified_topic(topics.image)
    return Recording(
        FrameReader(
            bag=bag,
            topics=topics,
            index=index,
            camera_frame=camera_frame,
            world_frame=_choose_world(
                index.transforms, camera_frame, first_ns, options.world_frame
            ),
            is_rectified=is_rectified,
            pose_scale=options.pose_scale,
        )
    )


def _choose_world(
    transforms: TransformTree, camera_frame: str, stamp_ns: int, wanted: str | None
) -> str:
    chain = transforms.ancestors(camera_frame, stamp_ns=stamp_ns)
    if wanted is not None:
        world_frame = strip_slash(wanted)
        transforms.ancestors(world_frame, stamp_ns=stamp_ns)
        return world_frame
    above = chain[1:]
    if not above:
        raise UnknownFrameError(
            f"camera frame '{camera_frame}' has no parent in the recorded TF tree: record what "
            f"moves it, or give world_frame, one of {', '.join(transforms.frames())}"
        )
    named = (frame for name in WORLD_NAMES for frame in above if frame.split("/")[-1] == name)
    world_frame = next(named, above[-1])
    links = chain[: chain.index(world_frame)]
    if transforms.moving_frames().isdisjoint(links):
        logger.warning(
            "camera frame '%s' never moves in '%s' (all links %s are static): was /tf recorded?",
            camera_frame,
            world_frame,
            " -> ".join(chain),
        )
    return world_frame
