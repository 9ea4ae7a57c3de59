# SPDX-License-Identifier: Apache-2.0
"""Pictures to look at, from any image: label colours, scaling to 8 bits, colour maps."""

import cv2
import numpy as np

from cv_bridge.colour import convert_colour, saturate
from cv_bridge.encodings import Layout, count_bits, count_channels, layout_of

# One colour per label: the CSS colours in alphabetical order, as the real package truncates them.
_LABEL_COLOURS_RGB = np.frombuffer(
    bytes.fromhex(
        "eff8fff9ebd600ffff7effd3effffff5f5dcffe3c4000000ffebcd0000ff892be1a42a2adeb8865f9e9f"
        "7eff00d2691eff7e506394ecfff8dcdc133b00ffff00008a008a8ab8850aa9a9a9006300a9a9a9bcb76b"
        "8a008a546b2eff8b009931cc8a0000e995798fbb8f473c8a2e4f4f2e4f4f00ced19300d2ff139200beff"
        "6969696969691e90ffb12121fff9ef218a21ff00ffdcdcdcf8f8ffffd600daa41f808080008000acff2e"
        "808080efffefff69b4cd5c5c4a0082ffffefefe68be6e6f9ffeff57bfb00fff9cdacd7e6ef8080dfffff"
        "f9f9d2d2d2d290ed90d2d2d2ffb6c1ff9f791fb1aa86cef9778799778799afc4deffffdf00ff0031cd31"
        "f9efe6ff00ff80000066cdaa0000cdb954d2926fdb3bb3707a68ed00f99a47d1ccc6158518186ff5fff9"
        "ffe3e0ffe3b5ffdeac000080fcf5e68080006b8e22ffa400ff4500da6fd5ede8aa97fa97aeededffeed4"
        "ffdab8cd853effc0cadd9fddafdfe6800080ff0000bb8f8f4169e08a4512f98071f9a35f2d8a56fff5ed"
        "9f522cc0c0c086ceeb6a5acd6f80906f8090fff9f900ff7e4682b4d2b48b008080d7bed7ff624640dfd0"
        "ed82edf5deb3fffffff5f5f5ffff009acd31"
    ),
    dtype=np.uint8,
).reshape(-1, 3)
_BACKGROUND_LABEL = -1
_DISPLAYABLE = (Layout.GRAY, Layout.RGB, Layout.BGR, Layout.RGBA, Layout.BGRA)
_NO_COLORMAP = -1


def convert_colour_for_display(
    source: np.ndarray,
    encoding_in: str,
    encoding_out: str,
    do_dynamic_scaling: bool = False,
    min_image_value: float = 0.0,
    max_image_value: float = 0.0,
    colormap: int = _NO_COLORMAP,
) -> np.ndarray:
    """An 8-bit picture of an image, to show.

    Args:
        source: the image.
        encoding_in: its encoding; 32SC1 is taken for labels when bgr8 is asked for.
        encoding_out: an 8-bit colour or gray encoding; "" means bgr8.
        do_dynamic_scaling: stretch the image's own finite range to 0..255.
        min_image_value: value to show as 0, where it differs from `max_image_value`.
        max_image_value: value to show as 255.
        colormap: one of OpenCV's colour maps, applied after scaling; -1 for none.

    Raises:
        RuntimeError: if the encodings do not allow it.
    """
    encoding_out = encoding_out or _guess_encoding_out(encoding_in)
    if layout_of(encoding_out) not in _DISPLAYABLE or count_bits(encoding_out) != 8:
        raise RuntimeError(
            "cv_bridge.cvtColorForDisplay() does not have an output encoding "
            "that is color or mono, and has is bit in depth"
        )
    if encoding_out == "bgr8" and encoding_in == "32SC1":
        return _colour_labels(source)
    if do_dynamic_scaling:
        finite = source[np.isfinite(source)]
        if finite.size:
            min_image_value, max_image_value = float(finite.min()), float(finite.max())
        if min_image_value == max_image_value:
            return np.full((*source.shape[:2], 3), 128, np.uint8)
    if min_image_value != max_image_value:
        scaled, scaled_encoding = _scale(
            source, encoding_in, min_image_value, max_image_value, colormap
        )
        return convert_colour(scaled, scaled_encoding, encoding_out)
    encoding_typed = "mono16" if encoding_in == "16UC1" else encoding_in
    try:
        return convert_colour(source, encoding_typed, encoding_out)
    except RuntimeError as error:
        raise RuntimeError(
            "cv_bridge.cvtColorForDisplay() while trying to convert image from "
            f"'{encoding_in}' to '{encoding_out}' an exception was thrown ({error})"
        ) from error


def _guess_encoding_out(encoding_in: str) -> str:
    try:
        is_known = count_channels(encoding_in) > 0 and count_bits(encoding_in) in (8, 16, 32)
    except RuntimeError:
        is_known = False
    if not is_known:
        raise RuntimeError(
            "cv_bridge.cvtColorForDisplay() output encoding is empty and cannot be guessed."
        )
    return "bgr8"


def _colour_labels(labels: np.ndarray) -> np.ndarray:
    """Labels [height, width] as bgr8; the background and other negative labels are black."""
    colours_bgr = _LABEL_COLOURS_RGB[:, ::-1][labels % len(_LABEL_COLOURS_RGB)]
    return np.where((labels > _BACKGROUND_LABEL)[..., None], colours_bgr, np.uint8(0))


def _scale(
    source: np.ndarray, encoding_in: str, min_value: float, max_value: float, colormap: int
) -> tuple[np.ndarray, str]:
    """`source` with min..max stretched to 0..255, and its encoding."""
    if count_channels(encoding_in) != 1:
        raise RuntimeError(
            "cv_bridge.cvtColorForDisplay() scaling for images "
            "with more than one channel is unsupported"
        )
    # OpenCV subtracts in the image's own type, so unsigned values below the minimum become 0.
    shifted = saturate(source.astype(np.float64) - min_value, source.dtype)
    gray = saturate(
        np.multiply(shifted, 255.0 / (max_value - min_value), dtype=np.float64),
        np.dtype(np.uint8),
    )
    if colormap == _NO_COLORMAP:
        return gray, "mono8"
    coloured = cv2.applyColorMap(gray, colormap)
    if encoding_in == "32FC1":
        coloured[np.isnan(source)] = 0
    return coloured, "bgr8"
