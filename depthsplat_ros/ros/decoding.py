# SPDX-License-Identifier: Apache-2.0
"""From a posed image message to a rectified Frame; cv_bridge converts the colours."""

import array
import sys

from cv_bridge import CvBridge, CvBridgeError
from jaxtyping import UInt8
from numpy import ndarray
from sensor_msgs.msg import CompressedImage, Image

from depthsplat_ros.calibration import read_calibration
from depthsplat_ros.compressed_image import unpack_compressed_image
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.frame import Frame
from depthsplat_ros.pixel_layout import Pixels, unpack_image
from depthsplat_ros.rectification import rectification_for
from depthsplat_ros.ros.frame_assembler import PosedImage

CHANNEL_ORDER = "rgb8"
SAME_LAYOUT = {"8UC1": "mono8", "uyvy": "yuv422", "yuyv": "yuv422_yuy2"}
"""Encodings cv_bridge refuses, under names of the same layout that it takes."""


class ColourConversionError(DepthSplatError):
    """cv_bridge cannot make a colour picture of this encoding."""


def decode(image: PosedImage, *, is_rectified: bool) -> Frame:
    """The frame of a posed image.

    Args:
        image: the message with its CameraInfo and pose.
        is_rectified: whether P of the CameraInfo describes the image; else K and D do.

    Raises:
        DepthSplatError: a subclass that names what is wrong with image or CameraInfo.
    """
    colours = colour_image(image.message)
    height_px, width_px = colours.shape[:2]
    calibration = read_calibration(
        image.camera_info, width_px=width_px, height_px=height_px, is_rectified=is_rectified
    )
    rectification = rectification_for(calibration)
    return Frame(
        stamp_ns=image.stamp_ns,
        image=rectification.rectify(colours),
        camera=rectification.camera,
        world_from_camera=image.world_from_camera,
    )


def colour_image(message: Image | CompressedImage) -> UInt8[ndarray, "height width 3"]:
    """The picture of a raw or compressed message as RGB.

    Rows, byte order and length (or the compressed header) are checked here first: cv_bridge reads
    padded rows askew and trusts what a JPEG claims to be.

    Raises:
        PixelLayoutError: if the bytes do not form the image that the message announces.
        CompressedImageError: if the compressed data cannot be decoded.
        ColourConversionError: if the encoding holds no colours.
    """
    if isinstance(message, CompressedImage):
        pixels = unpack_compressed_image(message)
    else:
        pixels = unpack_image(message)
    try:
        return CvBridge().imgmsg_to_cv2(_tight_message(pixels, message), CHANNEL_ORDER)
    except CvBridgeError as error:
        raise ColourConversionError(
            f"encoding {pixels.encoding!r} cannot become {CHANNEL_ORDER}: {error}"
        ) from error


def _tight_message(pixels: Pixels, source: Image | CompressedImage) -> Image:
    """An Image message of checked samples: no padding, native byte order."""
    samples = pixels.samples
    encoding = SAME_LAYOUT.get(pixels.encoding, pixels.encoding)
    message = Image(header=source.header, encoding=encoding)
    message.height = source.height if isinstance(source, Image) else samples.shape[0]
    message.width = samples.shape[1]
    message.step = samples.strides[0]
    message.is_bigendian = sys.byteorder == "big"
    message.data = array.array("B", samples.tobytes())
    return message
