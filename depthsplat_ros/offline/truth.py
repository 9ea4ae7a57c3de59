# SPDX-License-Identifier: Apache-2.0
"""True depth brought to the pixels of a reconstruction."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from depthsplat_ros.camera import Camera


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueDepth:
    """A measured depth map and the camera whose pixels it belongs to."""

    depth_m: Float32[ndarray, "height width"]
    """NaN where unknown."""
    camera: Camera


class HeldTruths:
    """The true depths of the latest keyframes by stamp, in bounded memory.

    The depth that a frame yields may be that of an older keyframe, whose truth came with it.
    """

    def __init__(self, maximum: int) -> None:
        """Start empty; `maximum` truths are held."""
        self._maximum = maximum
        self._by_stamp_ns: OrderedDict[int, TrueDepth] = OrderedDict()

    def add(self, stamp_ns: int, truth: TrueDepth) -> None:
        """Remember a keyframe's truth and forget the oldest beyond the maximum."""
        self._by_stamp_ns[stamp_ns] = truth
        while len(self._by_stamp_ns) > self._maximum:
            self._by_stamp_ns.popitem(last=False)

    def find(self, stamp_ns: int) -> TrueDepth | None:
        """The truth of the keyframe with this stamp, if it has one."""
        return self._by_stamp_ns.get(stamp_ns)


def resample_nearest(truth: TrueDepth, camera: Camera) -> Float32[ndarray, "height width"]:
    """The true depth at the pixels of another camera at the same place, resized or cropped.

    Each pixel takes the one measurement nearest to its centre: a mean over an edge would be a
    depth that exists nowhere. NaN outside the measured image.
    """
    source = truth.camera
    columns = np.arange(camera.width_px)
    rows = np.arange(camera.height_px)
    source_columns = np.round(
        (columns - camera.cx_px) / camera.fx_px * source.fx_px + source.cx_px
    ).astype(np.int64)
    source_rows = np.round(
        (rows - camera.cy_px) / camera.fy_px * source.fy_px + source.cy_px
    ).astype(np.int64)
    is_inside = ((source_rows >= 0) & (source_rows < source.height_px))[:, None] & (
        (source_columns >= 0) & (source_columns < source.width_px)
    )
    picked = truth.depth_m[
        np.clip(source_rows, 0, source.height_px - 1)[:, None],
        np.clip(source_columns, 0, source.width_px - 1),
    ]
    return np.where(is_inside, picked, np.float32(np.nan))
