# SPDX-License-Identifier: Apache-2.0
"""What a first pass over a recording learns: TF, calibrations, and the order of the images."""

import logging
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from depthsplat_ros.recordings.bag import Bag, MessageError
from depthsplat_ros.recordings.camera_infos import CameraInfoLog
from depthsplat_ros.recordings.topics import STATIC_SUFFIX, RecordedTopics
from depthsplat_ros.transform_tree import NANOSECONDS, TransformError, TransformTree

logger = logging.getLogger(__name__)

DEPTH_TOLERANCE_NS = 20_000_000
"""A depth image belongs to an image at most this far away in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """One image message and the depth message that goes with it, by their place in the topic."""

    stamp_ns: int
    number: int
    depth_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingIndex:
    """Everything but the pixels."""

    transforms: TransformTree
    camera_infos: CameraInfoLog
    depth_camera_infos: CameraInfoLog
    images: Sequence[PlannedImage]
    """In stamp order."""


def read_index(bag: Bag, topics: RecordedTopics) -> RecordingIndex:
    """Reads all messages once, but looks at no pixel.

    Unreadable messages are left out here with a warning; those of images come up again, and are
    counted, when the images are read.
    """
    transforms = TransformTree()
    camera_infos = CameraInfoLog()
    depth_camera_infos = CameraInfoLog()
    image_stamps_ns: list[int] = []
    depth_stamps_ns: list[int] = []
    wanted = {topics.image, topics.camera_info, *topics.transforms}
    wanted |= {name for name in (topics.depth, topics.depth_camera_info) if name}
    complaints: set[str] = set()
    for name, data in bag.messages(wanted):
        try:
            message = bag.read(name, data)
        except MessageError as error:
            message = None
            if name not in complaints:
                complaints.add(name)
                logger.warning("%s; it and its like are left out", error)
        if name == topics.image:
            image_stamps_ns.append(read_stamp_ns(message) if message else 0)
        elif name == topics.depth:
            depth_stamps_ns.append(read_stamp_ns(message) if message else 0)
        if message is None:
            continue
        if name == topics.camera_info:
            camera_infos.add(read_stamp_ns(message), message)
        if name == topics.depth_camera_info:
            depth_camera_infos.add(read_stamp_ns(message), message)
        if name in topics.transforms:
            _add_transforms(transforms, message, name.endswith(STATIC_SUFFIX), complaints)
    return RecordingIndex(
        transforms=transforms,
        camera_infos=camera_infos,
        depth_camera_infos=depth_camera_infos,
        images=plan_images(image_stamps_ns, depth_stamps_ns),
    )


def read_stamp_ns(message: Any) -> int:
    """The header's stamp."""
    stamp = message.header.stamp
    return stamp.sec * NANOSECONDS + stamp.nanosec


def plan_images(
    image_stamps_ns: Sequence[int], depth_stamps_ns: Sequence[int]
) -> list[PlannedImage]:
    """The images in stamp order, each with its nearest depth image unless another is nearer."""
    depth_order = sorted(range(len(depth_stamps_ns)), key=depth_stamps_ns.__getitem__)
    sorted_depths_ns = [depth_stamps_ns[number] for number in depth_order]
    claims: dict[int, tuple[int, int]] = {}
    for image, stamp_ns in enumerate(image_stamps_ns):
        place = bisect_left(sorted_depths_ns, stamp_ns)
        distances_ns = [
            (abs(depth_stamps_ns[depth] - stamp_ns), depth)
            for depth in depth_order[max(place - 1, 0) : place + 1]
        ]
        distance_ns, depth = min(distances_ns, default=(DEPTH_TOLERANCE_NS + 1, -1))
        if distance_ns <= DEPTH_TOLERANCE_NS:
            claims[depth] = min((distance_ns, image), claims.get(depth, (distance_ns, image)))
    depth_of_image = {image: depth for depth, (_, image) in claims.items()}
    order = sorted(range(len(image_stamps_ns)), key=image_stamps_ns.__getitem__)
    return [
        PlannedImage(
            stamp_ns=image_stamps_ns[number],
            number=number,
            depth_number=depth_of_image.get(number),
        )
        for number in order
    ]


def _add_transforms(
    transforms: TransformTree, message: Any, is_static: bool, complaints: set[str]
) -> None:
    for stamped in message.transforms:
        translation, rotation = stamped.transform.translation, stamped.transform.rotation
        try:
            transforms.add(
                parent=stamped.header.frame_id,
                child=stamped.child_frame_id,
                stamp_ns=None if is_static else read_stamp_ns(stamped),
                translation_m=(translation.x, translation.y, translation.z),
                rotation_xyzw=(rotation.x, rotation.y, rotation.z, rotation.w),
            )
        except TransformError as error:
            if stamped.child_frame_id not in complaints:
                complaints.add(stamped.child_frame_id)
                logger.warning("%s; it and its like are left out", error)
