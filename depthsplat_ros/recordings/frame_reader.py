# SPDX-License-Identifier: Apache-2.0
"""One image message made a posed, rectified frame with its true depth, or the reason why not."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float32, Float64
from numpy import ndarray

from depthsplat_ros.calibration import (
    Calibration,
    CalibrationError,
    UncalibratedError,
    is_rectified_topic,
    read_calibration,
)
from depthsplat_ros.camera import CameraError
from depthsplat_ros.compressed_image import (
    CompressedImageError,
    unpack_compressed_depth,
    unpack_compressed_image,
)
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.frame import Frame
from depthsplat_ros.pixel_layout import PixelLayoutError, unpack_image
from depthsplat_ros.pixel_values import PixelValueError, depth_image_m, rgb_image
from depthsplat_ros.recordings.bag import Bag, MessageError
from depthsplat_ros.recordings.depth_registration import register_depth
from depthsplat_ros.recordings.index import DEPTH_TOLERANCE_NS, RecordingIndex, read_stamp_ns
from depthsplat_ros.recordings.topics import COMPRESSED_IMAGE_TYPE, RecordedTopics
from depthsplat_ros.rectification import rectification_for
from depthsplat_ros.transform_tree import TransformError, invert_rigid, strip_slash


class SkipReason(Enum):
    """Why an image yields no frame."""

    UNSTAMPED = "image has no stamp"
    DUPLICATE_STAMP = "another image has the same stamp"
    OUT_OF_ORDER = "image was recorded long after its neighbours in time"
    OTHER_CAMERA = "image comes from another camera"
    NO_POSE = "no pose at the stamp"
    NO_CAMERA_INFO = "no camera_info near the stamp"
    UNCALIBRATED = "camera is not calibrated"
    BAD_CALIBRATION = "camera_info does not fit the image"
    BAD_IMAGE = "pixels cannot be read"


_REASONS = {
    UncalibratedError: SkipReason.UNCALIBRATED,
    CalibrationError: SkipReason.BAD_CALIBRATION,
    CameraError: SkipReason.BAD_CALIBRATION,
    TransformError: SkipReason.NO_POSE,
    MessageError: SkipReason.BAD_IMAGE,
    PixelLayoutError: SkipReason.BAD_IMAGE,
    CompressedImageError: SkipReason.BAD_IMAGE,
    PixelValueError: SkipReason.BAD_IMAGE,
}
"""What each error says about the image; the first class that fits counts."""
_IMAGE_ERRORS = tuple(_REASONS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedFrame:
    """A frame and, where the recording has it, the depth that a sensor measured."""

    frame: Frame
    depth_m: Float32[ndarray, "height width"] | None
    """In the pixels of `frame.camera`, along its optical axis; NaN where unknown. In the sensor's
    metres: the recording's pose_scale does not touch it."""
    depth_note: str
    """Why there is no depth; empty where there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSkip:
    """An image that yields no frame."""

    stamp_ns: int
    reason: SkipReason
    detail: str
    """What exactly, with names and numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameReader:
    """What all images of a recording have in common."""

    bag: Bag
    topics: RecordedTopics
    index: RecordingIndex
    camera_frame: str
    world_frame: str
    is_rectified: bool
    pose_scale: float

    def read(
        self, data: bytes, depth_data: bytes | None, *, stamp_ns: int
    ) -> RecordedFrame | RecordedSkip:
        """The frame of one serialised image, or what is wrong with it."""
        try:
            return self._read_frame(data, depth_data, stamp_ns)
        except _UnusableImageError as error:
            reason = error.reason
            detail = str(error)
        except _IMAGE_ERRORS as error:
            reason = next(reason for kind, reason in _REASONS.items() if isinstance(error, kind))
            detail = str(error)
        return RecordedSkip(stamp_ns=stamp_ns, reason=reason, detail=detail)

    def _read_frame(self, data: bytes, depth_data: bytes | None, stamp_ns: int) -> RecordedFrame:
        message = self.bag.read(self.topics.image, data)
        frame_id = strip_slash(message.header.frame_id)
        if frame_id != self.topics.image_frame:
            raise _UnusableImageError(
                SkipReason.OTHER_CAMERA,
                f"frame_id is '{frame_id}', that of the first image on '{self.topics.image}' was "
                f"'{self.topics.image_frame}': two drivers publish there",
            )
        # Cheap checks first: a missing pose spares the decoding.
        world_from_camera = self.index.transforms.lookup(
            self.world_frame, self.camera_frame, stamp_ns=stamp_ns
        )
        camera_info = self.index.camera_infos.find(stamp_ns)
        if camera_info is None:
            raise _UnusableImageError(
                SkipReason.NO_CAMERA_INFO,
                f"'{self.topics.camera_info}' changes over time and has no message near this "
                "image: record it with every image",
            )
        if self._is_compressed(self.topics.image):
            image = rgb_image(unpack_compressed_image(message))
        else:
            image = rgb_image(unpack_image(message))
        calibration = read_calibration(
            camera_info,
            width_px=image.shape[1],
            height_px=image.shape[0],
            is_rectified=self.is_rectified,
        )
        rectification = rectification_for(calibration)
        scaled = world_from_camera.copy()
        scaled[:3, 3] *= self.pose_scale
        frame = Frame(
            stamp_ns=stamp_ns,
            image=rectification.rectify(image),
            camera=rectification.camera,
            world_from_camera=scaled,
        )
        depth_m, depth_note = None, "the recording has no depth topic"
        if self.topics.depth is not None:
            depth_note = f"no depth image within {DEPTH_TOLERANCE_NS / 1e6:g} ms"
        if depth_data is not None:
            try:
                depth_m = self._read_depth(depth_data, frame, calibration, world_from_camera)
                depth_note = ""
            except DepthSplatError as error:
                depth_note = str(error)
        return RecordedFrame(frame=frame, depth_m=depth_m, depth_note=depth_note)

    def _read_depth(
        self,
        data: bytes,
        frame: Frame,
        image_calibration: Calibration,
        world_from_camera: Float64[ndarray, "4 4"],
    ) -> Float32[ndarray, "height width"]:
        """The depth message in the frame's pixels; `world_from_camera` in the sensor's metres."""
        assert self.topics.depth is not None
        message = self.bag.read(self.topics.depth, data)
        if self._is_compressed(self.topics.depth):
            depth_m = depth_image_m(unpack_compressed_depth(message))
        else:
            depth_m = depth_image_m(unpack_image(message))
        stamp_ns = read_stamp_ns(message)
        frame_id = strip_slash(message.header.frame_id)
        is_same_frame = frame_id == self.topics.image_frame
        calibration = self._depth_calibration(
            depth_m.shape, stamp_ns, image_calibration if is_same_frame else None
        )
        if is_same_frame and stamp_ns == frame.stamp_ns:
            camera_from_depth = np.eye(4)
        else:
            world_from_depth = self.index.transforms.lookup(
                self.world_frame,
                self.camera_frame if is_same_frame else frame_id,
                stamp_ns=stamp_ns,
            )
            camera_from_depth = invert_rigid(world_from_camera) @ world_from_depth
        return register_depth(depth_m, calibration, frame.camera, camera_from_depth)

    def _depth_calibration(
        self, shape: tuple[int, ...], stamp_ns: int, image_calibration: Calibration | None
    ) -> Calibration:
        assert self.topics.depth is not None
        height_px, width_px = shape
        camera_info = self.index.depth_camera_infos.find(stamp_ns)
        if camera_info is not None:
            return read_calibration(
                camera_info,
                width_px=width_px,
                height_px=height_px,
                is_rectified=is_rectified_topic(self.topics.depth),
            )
        # Without a camera_info of its own, depth of the image's frame and size shares its pixels,
        # unless there is a lens between: then it is open which of the two images it follows.
        if image_calibration is not None and image_calibration.is_rectified:
            source = image_calibration.source
            if (source.width_px, source.height_px) == (width_px, height_px):
                return image_calibration
        raise _UnusableImageError(
            SkipReason.NO_CAMERA_INFO,
            f"depth topic '{self.topics.depth}' has no camera_info near this image: "
            "give depth_camera_info_topic",
        )

    def _is_compressed(self, topic: str) -> bool:
        return self.bag.topics[topic].message_type == COMPRESSED_IMAGE_TYPE


class _UnusableImageError(DepthSplatError):
    """Carries a reason that no other module's error stands for."""

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
