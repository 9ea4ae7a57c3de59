# SPDX-License-Identifier: Apache-2.0
"""CvBridge: ROS image messages to OpenCV arrays and back.

On purpose better than the real cv_bridge 3.4, where it is wrong rather than different:
- rows padded by any number of bytes are decoded right (the real one needs whole pixels),
- big-endian images work with NumPy 2 as well,
- a message whose step or data is too short is refused with `CvBridgeError` and cv_bridge's C++
  text (the real one returns a narrower image, or raises a plain `TypeError`),
- an image without rows makes a message (the real one divides by zero).
Deliberately kept: "passthrough" may return a writable view of the message's data, or None for
compressed data that is no picture.
"""

import sys

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from cv_bridge.colour import convert_colour
from cv_bridge.encodings import channels_of_cv_type, cv_type_of, depth_of_cv_type

_DEPTH_NAMES = {
    "uint8": "8U",
    "int8": "8S",
    "uint16": "16U",
    "int16": "16S",
    "int32": "32S",
    "float32": "32F",
    "float64": "64F",
}


class CvBridgeError(TypeError):
    """A conversion is not possible; the text says why."""


class CvBridge:
    """Converts between `sensor_msgs` images and OpenCV arrays.

    An array is [height, width], or [height, width, channel] with more than one channel.
    "passthrough" as the encoding means: as the message, or as the array, is.
    """

    def __init__(self) -> None:
        """Set up the tables that the real class has as attributes."""
        self.cvdepth_to_numpy_depth = {
            getattr(cv2, f"CV_{depth}"): dtype for dtype, depth in _DEPTH_NAMES.items()
        }
        self.cvtype_to_name = {
            cv_type_of(f"{depth}C{channels}"): f"{depth}C{channels}"
            for depth in _DEPTH_NAMES.values()
            for channels in (1, 2, 3, 4)
        }
        self.numpy_type_to_cvtype = {
            **_DEPTH_NAMES,
            **{depth: dtype for dtype, depth in _DEPTH_NAMES.items()},
        }

    def dtype_with_channels_to_cvtype2(self, dtype: np.dtype, n_channels: int) -> str:
        """The generic encoding of an array, e.g. "16UC1".

        Raises:
            KeyError: if OpenCV has no such element type (bool, int64, ...).
        """
        return f"{self.numpy_type_to_cvtype[dtype.name]}C{n_channels}"

    def cvtype2_to_dtype_with_channels(self, cvtype: int) -> tuple[str, int]:
        """NumPy's name of the element type, and the channels, of an OpenCV type number."""
        return self.cvdepth_to_numpy_depth[depth_of_cv_type(cvtype)], channels_of_cv_type(cvtype)

    def encoding_to_cvtype2(self, encoding: str) -> int:
        """OpenCV's type number of an encoding.

        Raises:
            CvBridgeError: if the encoding is unknown.
        """
        try:
            return cv_type_of(encoding)
        except RuntimeError as error:
            raise CvBridgeError(error) from error

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        """NumPy's name of the element type, and the channels, of an encoding.

        Raises:
            CvBridgeError: if the encoding is unknown.
        """
        return self.cvtype2_to_dtype_with_channels(self.encoding_to_cvtype2(encoding))

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = "passthrough") -> np.ndarray:
        """The message's pixels in the desired encoding and this machine's byte order.

        Raises:
            CvBridgeError: if the message is malformed or the conversion is not possible.
        """
        image = self._decode(img_msg)
        if desired_encoding == "passthrough":
            return image
        return _convert(image, img_msg.encoding, desired_encoding)

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: CompressedImage, desired_encoding: str = "passthrough"
    ) -> np.ndarray | None:
        """The decompressed picture, taken for bgr8 when it is to be converted.

        With "passthrough", data that is no picture gives None.

        Raises:
            CvBridgeError: if the conversion is not possible.
            cv2.error: if the message holds no data at all.
        """
        image = cv2.imdecode(_as_bytes(cmprs_img_msg.data), cv2.IMREAD_UNCHANGED)
        if desired_encoding == "passthrough":
            return image
        if image is None:
            raise CvBridgeError(
                f"the data ({len(cmprs_img_msg.data)} bytes, format '{cmprs_img_msg.format}') "
                f"is no picture that OpenCV can read, so it cannot become {desired_encoding}"
            )
        return _convert(image, "bgr8", desired_encoding)

    def cv2_to_imgmsg(
        self, cvim: np.ndarray, encoding: str = "passthrough", header: Header | None = None
    ) -> Image:
        """A message that holds a copy of the array.

        Raises:
            TypeError: if `cvim` is not an array.
            KeyError: if OpenCV has no such element type.
            CvBridgeError: if the encoding is unknown or does not fit the array.
        """
        _check_is_array(cvim)
        channels = cvim.shape[2] if cvim.ndim > 2 else 1
        generic_encoding = self.dtype_with_channels_to_cvtype2(cvim.dtype, channels)
        if encoding == "passthrough":
            encoding = generic_encoding
        elif self.encoding_to_dtype_with_channels(encoding) != (cvim.dtype.name, channels):
            raise CvBridgeError(
                f"encoding specified as {encoding}, "
                f"but image has incompatible type {generic_encoding}"
            )
        message = Image(
            height=cvim.shape[0],
            width=cvim.shape[1],
            encoding=encoding,
            is_bigendian=_is_big_endian(cvim.dtype),
            step=cvim.shape[1] * channels * cvim.dtype.itemsize,
        )
        if header is not None:
            message.header = header
        message.data.frombytes(cvim.tobytes())
        return message

    def cv2_to_compressed_imgmsg(
        self, cvim: np.ndarray, dst_format: str = "jpg"
    ) -> CompressedImage:
        """A message that holds the array compressed, e.g. as "jpg" or "png".

        Raises:
            TypeError: if `cvim` is not an array.
            cv2.error: if OpenCV cannot write such an array in this format.
        """
        _check_is_array(cvim)
        _, compressed = cv2.imencode(f".{dst_format}", cvim)
        message = CompressedImage(format=dst_format)
        message.data.frombytes(compressed.tobytes())
        return message

    def _decode(self, message: Image) -> np.ndarray:
        """The message's pixels as they are, in this machine's byte order; a view if possible."""
        dtype_name, channels = self.encoding_to_dtype_with_channels(message.encoding)
        dtype = np.dtype(dtype_name)
        row_bytes = message.width * channels * dtype.itemsize
        if message.step < row_bytes:
            raise CvBridgeError(
                "Image is wrongly formed: step < width * byte_depth * num_channels  or  "
                f"{message.step} != {message.width} * {dtype.itemsize} * {channels}"
            )
        data = _as_bytes(message.data)
        if data.size < message.height * message.step:
            raise CvBridgeError(
                "Image is wrongly formed: height * step != size  or  "
                f"{message.height} * {message.step} != {data.size}"
            )
        rows = data[: message.height * message.step].reshape(message.height, message.step)
        image = np.ascontiguousarray(rows[:, :row_bytes]).view(
            dtype.newbyteorder(">" if message.is_bigendian else "<")
        )
        image = image.astype(dtype, copy=False)
        if channels == 1:
            return image
        return image.reshape(message.height, message.width, channels)


def _as_bytes(data: object) -> np.ndarray:
    """A message's data as uint8 [size]; a view, unless it is a list of numbers."""
    if isinstance(data, list):
        return np.array(data, dtype=np.uint8)
    return np.frombuffer(data, dtype=np.uint8) if len(data) else np.empty(0, np.uint8)


def _convert(image: np.ndarray, encoding_in: str, encoding_out: str) -> np.ndarray:
    try:
        return convert_colour(image, encoding_in, encoding_out)
    except RuntimeError as error:
        raise CvBridgeError(error) from error


def _check_is_array(cvim: object) -> None:
    if not isinstance(cvim, np.ndarray | np.generic):
        raise TypeError("Your input type is not a numpy array")


def _is_big_endian(dtype: np.dtype) -> bool:
    return dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")
