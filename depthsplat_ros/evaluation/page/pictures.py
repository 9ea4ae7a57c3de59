# SPDX-License-Identifier: Apache-2.0
"""Depth maps beside their truth, as pictures that a page carries in itself."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from depthsplat_ros.evaluation.novel_views import ShownView
from depthsplat_ros.evaluation.parts import ShownSample
from depthsplat_ros.visualisation import (
    ERROR_LIMIT,
    DepthScale,
    colour_confidence,
    colour_depth,
    colour_error,
    depth_scale,
    nice_depths_m,
)

SHOWN_RANKS = ("best", "median", "worst")
QUALITY = 85
BAR_PX = 256
DIFFERENCE_GAIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture of a row."""

    title: str
    source: str
    """A data: address that holds the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A depth map and what it is held against."""

    rank: str
    keyframe: int | None
    """None for a frame that was none."""
    stamp_ns: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What the colours of a kind of picture mean."""

    title: str
    source: str
    ticks: tuple[tuple[float, str], ...]
    """Places along the bar, from 0 to 1, and their words."""


def scale_of(
    samples: Iterable[ShownSample], true_depth_m: tuple[float, float] | None
) -> DepthScale | None:
    """One scale for all pictures of a recording: that of the truth, else of the depth maps."""
    if true_depth_m is not None:
        return depth_scale(*true_depth_m)
    known = [sample.depth_m[np.isfinite(sample.depth_m)] for sample in samples]
    depths_m = np.concatenate([np.zeros(0, np.float32), *known])
    if depths_m.size == 0:
        return None
    near_m, far_m = np.quantile(depths_m, (0.02, 0.98))
    return depth_scale(float(near_m), float(far_m))


def draw_rows(samples: Iterable[ShownSample], scale: DepthScale) -> list[Row]:
    """The best, the median and the worst depth map, each in a row of pictures."""
    return [
        Row(
            rank=sample.rank,
            keyframe=sample.keyframe,
            stamp_ns=sample.stamp_ns,
            panels=tuple(
                Panel(title=title, source=data_address(picture))
                for title, picture in _panels(sample, scale).items()
            ),
        )
        for sample in samples
        if sample.rank in SHOWN_RANKS
    ]


def draw_views(views: Iterable[ShownView]) -> list[Row]:
    """Held-out images, each beside the picture of the scene and three times their difference."""
    return [
        Row(
            rank=f"{view.rank}, {view.psnr_db:.1f} dB",
            keyframe=None,
            stamp_ns=view.stamp_ns,
            panels=(
                Panel(title="recorded", source=data_address(view.image)),
                Panel(title="rendered", source=data_address(view.rendered)),
                Panel(
                    title=f"difference × {DIFFERENCE_GAIN}",
                    source=data_address(
                        cv2.convertScaleAbs(
                            cv2.absdiff(view.image, view.rendered), alpha=DIFFERENCE_GAIN
                        )
                    ),
                ),
            ),
        )
        for view in views
    ]


def draw_bars(scale: DepthScale, *, has_truth: bool) -> list[Bar]:
    """What the colours mean: depth, and error where there is a truth."""
    ramp = np.linspace(0.0, 1.0, BAR_PX, dtype=np.float32)[None]
    log_near, log_range = np.log(scale.near_m), np.log(scale.far_m / scale.near_m)
    depths_m = np.exp(log_near + ramp * log_range).astype(np.float32)
    bars = [
        Bar(
            title="depth [m]",
            source=data_address(colour_depth(depths_m, scale)),
            ticks=tuple(
                (float(np.log(depth_m / scale.near_m) / log_range), f"{depth_m:g}")
                for depth_m in nice_depths_m(scale)
            ),
        )
    ]
    if has_truth:
        bars.append(
            Bar(
                title="error",
                source=data_address(colour_error((2 * ramp - 1) * ERROR_LIMIT)),
                ticks=(
                    (0.0, f"-{ERROR_LIMIT:.0%} too near"),
                    (0.5, "right"),
                    (1.0, f"+{ERROR_LIMIT:.0%} too far"),
                ),
            )
        )
    return bars


def data_address(picture: UInt8[ndarray, "height width 3"]) -> str:
    """The picture as a WebP inside an address."""
    is_encoded, content = cv2.imencode(
        ".webp", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
    )
    assert is_encoded
    return "data:image/webp;base64," + base64.b64encode(content.tobytes()).decode()


def _panels(sample: ShownSample, scale: DepthScale) -> dict[str, UInt8[ndarray, "height width 3"]]:
    panels = {"image": sample.image, "prediction": colour_depth(sample.depth_m, scale)}
    if sample.true_depth_m is None:
        panels["confidence"] = colour_confidence(sample.confidence)
    else:
        truth = sample.true_depth_m
        panels["truth"] = colour_depth(truth, scale)
        panels["error"] = colour_error((sample.depth_m - truth) / truth)
    return panels
