# SPDX-License-Identifier: Apache-2.0
"""Which topics of a recording are the camera, its calibration, true depth and TF."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from depthsplat_ros.calibration import is_rectified_topic
from depthsplat_ros.compressed_image import CompressedImageError, read_compressed_header
from depthsplat_ros.pixel_values import COLOUR_ENCODINGS, DEPTH_ENCODINGS
from depthsplat_ros.recordings.bag import Bag, MessageError, RecordingError
from depthsplat_ros.transform_tree import strip_slash

IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
TRANSFORM_TYPE = "tf2_msgs/msg/TFMessage"
STATIC_SUFFIX = "tf_static"
_TRANSPORTS = ("compressed", "compressedDepth")
_GREY_ENCODINGS = ("mono8", "8UC1")
_NO_CAMERA_WORDS = frozenset({"confidence", "disparity", "mask", "label", "labels"})
NO_DEPTH = ""
"""Given as depth topic, it means that true depth is not wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOptions:
    """What the reader finds out by itself unless it is told; None means "find it"."""

    image_topic: str | None = None
    camera_info_topic: str | None = None
    depth_topic: str | None = None
    """An empty name leaves depth out."""
    depth_camera_info_topic: str | None = None
    tf_topics: tuple[str, ...] | None = None
    """Those ending in tf_static hold for all time."""
    world_frame: str | None = None
    """Default: `odom` where the camera hangs below it, else `map`, else the root of its tree."""
    camera_frame: str | None = None
    """The camera's optical frame. Default: frame_id of the images."""
    is_rectified: bool | None = None
    """Whether P describes the images, not K and D. Default: the image topic says "rect"."""
    pose_scale: float = 1.0
    """Metres per unit of the recorded poses; for example of a monocular SLAM without scale."""

    def __post_init__(self) -> None:
        """Refuses a scale that would collapse, mirror or lose the path."""
        if not (math.isfinite(self.pose_scale) and self.pose_scale > 0):
            raise RecordingError(f"pose_scale is {self.pose_scale}; it must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTopics:
    """The topics that are read."""

    image: str
    image_frame: str
    """frame_id of the first image; empty if it has none."""
    camera_info: str
    depth: str | None
    depth_camera_info: str | None
    transforms: tuple[str, ...]


class _Kind(IntEnum):
    """What an image topic shows; larger is the better camera."""

    OTHER = 0
    DEPTH = 1
    GREY = 2
    COLOUR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImageTopic:
    name: str
    is_compressed: bool
    frame_id: str
    kind: _Kind

    @property
    def base(self) -> str:
        """The name without the suffix of its transport."""
        head, _, tail = self.name.rpartition("/")
        return head if self.is_compressed and tail in _TRANSPORTS else self.name

    @property
    def namespace(self) -> str:
        return self.base.rpartition("/")[0]

    @property
    def words(self) -> list[str]:
        return self.base.lower().replace("/", "_").split("_")


def choose_topics(bag: Bag, options: RecordingOptions) -> RecordedTopics:
    """The options' topics, and for the rest those that types and names point to.

    Image: colour before grey, with a camera_info before without; of one camera the rectified
    images before raw ones and uncompressed before compressed. Depth: in the same optical frame,
    then nearest by name. TF: all topics in namespaces around the image topic.

    Raises:
        RecordingError: if a topic is missing or several would do; the text lists the candidates.
    """
    info_names = [topic.name for topic in bag.of_type(CAMERA_INFO_TYPE)]
    images, info_frames = _look_at_first_messages(bag, info_names)

    def info_of(image: _ImageTopic) -> str | None:
        return _find_camera_info(image, info_frames)

    if options.image_topic is None:
        image = _choose_image(bag, images, info_of)
    else:
        image = _named(images, options.image_topic, "image_topic", _describe_all(images))
    camera_info = options.camera_info_topic or info_of(image)
    if camera_info not in info_names:
        raise RecordingError(
            f"no camera_info for image topic '{image.name}'"
            + (f" under the name '{camera_info}'" if camera_info else "")
            + f": give camera_info_topic, one of {_listing(info_names)}"
        )
    depth = _choose_depth(images, image, options.depth_topic)
    depth_camera_info = options.depth_camera_info_topic
    if depth is not None and depth_camera_info is None:
        depth_camera_info = info_of(depth)
    if depth_camera_info is not None and depth_camera_info not in info_names:
        raise RecordingError(
            f"depth camera_info topic '{depth_camera_info}' is not in {bag.path}: give "
            f"depth_camera_info_topic, one of {_listing(info_names)}"
        )
    return RecordedTopics(
        image=image.name,
        image_frame=image.frame_id,
        camera_info=camera_info,
        depth=depth.name if depth else None,
        depth_camera_info=depth_camera_info,
        transforms=_choose_transforms(bag, image, options.tf_topics),
    )


def _look_at_first_messages(
    bag: Bag, info_names: Sequence[str]
) -> tuple[list[_ImageTopic], dict[str, str]]:
    """The image topics by what their first message shows, and the frame of each camera_info."""
    image_names = [topic.name for topic in bag.of_type(IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)]
    unseen = {*image_names, *info_names}
    images: list[_ImageTopic] = []
    info_frames: dict[str, str] = {}
    for name, data in bag.messages(tuple(unseen)):
        if name not in unseen:
            continue
        try:
            message = bag.read(name, data)
        except MessageError:
            continue
        unseen.remove(name)
        if name in image_names:
            images.append(_recognise(name, bag.topics[name].message_type, message))
        else:
            info_frames[name] = strip_slash(message.header.frame_id)
        if not unseen:
            break
    return sorted(images, key=lambda image: image.name), info_frames


def _recognise(name: str, message_type: str, message: Any) -> _ImageTopic:
    is_compressed = message_type == COMPRESSED_IMAGE_TYPE
    image = _ImageTopic(
        name=name,
        is_compressed=is_compressed,
        frame_id=strip_slash(message.header.frame_id),
        kind=_Kind.OTHER,
    )
    if not _NO_CAMERA_WORDS.isdisjoint(image.words):
        return image
    is_depth_name = "depth" in image.words
    if is_compressed:
        kind = _kind_of_file(bytes(message.data), message.format, is_depth_name)
    elif message.encoding == "mono16":
        kind = _Kind.DEPTH if is_depth_name else _Kind.GREY
    elif message.encoding in DEPTH_ENCODINGS:
        kind = _Kind.DEPTH
    elif message.encoding in _GREY_ENCODINGS:
        kind = _Kind.GREY
    else:
        kind = _Kind.COLOUR if message.encoding in COLOUR_ENCODINGS else _Kind.OTHER
    return replace(image, kind=kind)


def _kind_of_file(data: bytes, format_text: str, is_depth_name: bool) -> _Kind:
    encoding = format_text.partition(";")[0].strip()
    if "compressedDepth" in format_text or encoding in ("16UC1", "32FC1"):
        return _Kind.DEPTH
    try:
        header = read_compressed_header(data)
    except CompressedImageError:
        # One broken picture must not hide its topic.
        return _Kind.COLOUR
    if header.channels > 1 or encoding.startswith("bayer_"):
        return _Kind.COLOUR
    return _Kind.DEPTH if is_depth_name and header.bits_per_channel == 16 else _Kind.GREY


def _find_camera_info(image: _ImageTopic, info_frames: dict[str, str]) -> str | None:
    """The sibling `camera_info`, else one below the image, else the only one of the same frame."""
    for name in (f"{image.namespace}/camera_info", f"{image.base}/camera_info"):
        if name in info_frames:
            return name
    same_frame = [name for name, frame_id in info_frames.items() if frame_id == image.frame_id]
    return same_frame[0] if len(same_frame) == 1 else None


def _choose_image(
    bag: Bag, images: Sequence[_ImageTopic], info_of: Callable[[_ImageTopic], str | None]
) -> _ImageTopic:
    cameras = [image for image in images if image.kind >= _Kind.GREY]
    if not cameras:
        raise RecordingError(
            f"{bag.path} has no camera image topic: record one of {IMAGE_TYPE} or "
            f"{COMPRESSED_IMAGE_TYPE}; its image topics are {_describe_all(images)}"
        )

    def rank(image: _ImageTopic) -> tuple[bool, int, bool]:
        # A colour image under "depth" is more likely a colour-mapped depth than a camera.
        return info_of(image) is not None, image.kind, "depth" not in image.words

    best = max(rank(image) for image in cameras)
    cameras = [image for image in cameras if rank(image) == best]
    if len({info_of(image) or image.namespace for image in cameras}) > 1:
        raise RecordingError(
            f"{bag.path} has several cameras: give image_topic, one of {_describe_all(cameras)}"
        )

    def preference(image: _ImageTopic) -> tuple[bool, bool]:
        return is_rectified_topic(image.base), not image.is_compressed

    best_form = max(preference(image) for image in cameras)
    cameras = [image for image in cameras if preference(image) == best_form]
    if len(cameras) > 1:
        raise RecordingError(
            f"{bag.path} has several images of one camera: give image_topic, one of "
            f"{_describe_all(cameras)}"
        )
    return cameras[0]


def _choose_depth(
    images: Sequence[_ImageTopic], image: _ImageTopic, wanted: str | None
) -> _ImageTopic | None:
    if wanted == NO_DEPTH:
        return None
    depths = [candidate for candidate in images if candidate.kind is _Kind.DEPTH]
    if wanted is not None:
        return _named(images, wanted, "depth_topic", _describe_all(depths))
    if not depths:
        return None

    def preference(depth: _ImageTopic) -> tuple[bool, int, bool]:
        shared = 0
        for own, other in zip(depth.base.split("/"), image.base.split("/"), strict=False):
            if own != other:
                break
            shared += 1
        return depth.frame_id == image.frame_id, shared, not depth.is_compressed

    best = max(preference(depth) for depth in depths)
    depths = [depth for depth in depths if preference(depth) == best]
    if len(depths) > 1:
        raise RecordingError(
            f"several depth topics fit image topic '{image.name}': give depth_topic, one of "
            f"{_describe_all(depths)}, or an empty name to go without"
        )
    return depths[0]


def _choose_transforms(
    bag: Bag, image: _ImageTopic, wanted: tuple[str, ...] | None
) -> tuple[str, ...]:
    names = [topic.name for topic in bag.of_type(TRANSFORM_TYPE)]
    if wanted is not None:
        missing = sorted(set(wanted) - set(names))
        if missing or not wanted:
            raise RecordingError(
                f"{bag.path} has no TF topic {_listing(missing)}: give tf_topics out of "
                f"{_listing(names)}"
            )
        return wanted
    if not names:
        raise RecordingError(
            f"{bag.path} has no topic of type {TRANSFORM_TYPE}, so no poses: record /tf and "
            "/tf_static"
        )
    namespaces = {name: name.rpartition("/")[0] + "/" for name in names}
    around = [name for name in names if image.name.startswith(namespaces[name])]
    if around:
        return tuple(around)
    if len(set(namespaces.values())) > 1:
        raise RecordingError(
            f"{bag.path} has TF of several namespaces and none around '{image.name}': give "
            f"tf_topics out of {_listing(names)}"
        )
    return tuple(names)


def _named(images: Sequence[_ImageTopic], name: str, option: str, candidates: str) -> _ImageTopic:
    for image in images:
        if image.name == name:
            return image
    raise RecordingError(
        f"{option} '{name}' is no image topic with messages in this recording: "
        f"give one of {candidates}"
    )


def _describe_all(images: Sequence[_ImageTopic]) -> str:
    return _listing([f"{image.name} ({image.kind.name.lower()})" for image in images])


def _listing(names: Sequence[str]) -> str:
    return ", ".join(names) or "none at all"
