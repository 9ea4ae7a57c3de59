# SPDX-License-Identifier: Apache-2.0
"""Depth and its errors as colours that a person can read, with the bar that explains them."""

from dataclasses import dataclass
from functools import cache

import cv2
import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy import ndarray

UNKNOWN_RGB = (58, 58, 64)
"""Dark grey, which neither colour map holds: no depth here."""
ERROR_LIMIT = 0.25
"""Relative errors beyond this share one colour; it is the error at which delta < 1.25 fails."""
NICE_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
DEPTH_PICTURE_LONGER_SIDE_PX = 960


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthScale:
    """The depths at both ends of the colours; equal steps of colour are equal ratios of depth."""

    near_m: float
    far_m: float

    def __post_init__(self) -> None:
        assert 0 < self.near_m < self.far_m


def depth_scale(near_m: float, far_m: float) -> DepthScale:
    """The scale that shows depths from near to far, widened if they are nearly the same."""
    middle = (near_m * far_m) ** 0.5
    return DepthScale(near_m=min(near_m, middle / 1.1), far_m=max(far_m, middle * 1.1))


def colour_depth(
    depth_m: Float[ndarray, "height width"], scale: DepthScale
) -> UInt8[ndarray, "height width 3"]:
    """Red is near, blue is far, dark grey is unknown."""
    return _colour(depth_m, _depth_mappable(scale))


def colour_error(
    relative_error: Float[ndarray, "height width"],
) -> UInt8[ndarray, "height width 3"]:
    """Red is too far, blue is too near, white is right, dark grey is unknown."""
    return _colour(relative_error, _error_mappable())


def draw_depth_bar(axes: Axes, scale: DepthScale, *, orientation: str = "vertical") -> None:
    """Fill the axes with the bar that says which colour is which depth."""
    bar = _draw_bar(axes, _depth_mappable(scale), "depth [m]", orientation)
    bar.formatter = FuncFormatter(lambda depth_m, _: f"{depth_m:g}")
    bar.locator = FixedLocator(nice_depths_m(scale))
    bar.minorlocator = NullLocator()
    bar.update_ticks()


def draw_error_bar(axes: Axes, *, orientation: str = "vertical") -> None:
    """Fill the axes with the bar that says which colour is which relative error."""
    bar = _draw_bar(axes, _error_mappable(), "too near    |    too far", orientation)
    bar.formatter = FuncFormatter(lambda error, _: f"{error:+.0%}" if error else "0")
    bar.locator = FixedLocator([-ERROR_LIMIT, -0.1, 0.0, 0.1, ERROR_LIMIT])
    bar.update_ticks()


def colour_confidence(
    confidence: Float[ndarray, "height width"],
) -> UInt8[ndarray, "height width 3"]:
    """Bright is sure, dark is unsure, dark grey is no depth at all."""
    return _colour(np.where(confidence > 0, confidence, np.nan), _confidence_mappable())


def draw_confidence_bar(axes: Axes, *, orientation: str = "vertical") -> None:
    """Fill the axes with the bar that says which colour is which confidence."""
    _draw_bar(axes, _confidence_mappable(), "confidence", orientation)


def depth_picture(
    depth_m: Float[ndarray, "height width"], scale: DepthScale
) -> UInt8[ndarray, "picture_height picture_width 3"]:
    """A depth map in colours, enlarged for the eye, with the bar beside it."""
    height, width = depth_m.shape
    factor = max(1, round(DEPTH_PICTURE_LONGER_SIDE_PX / max(height, width)))
    picture = cv2.resize(
        colour_depth(depth_m, scale),
        (width * factor, height * factor),
        interpolation=cv2.INTER_NEAREST,
    )
    return np.hstack([picture, _bar_picture(scale, height * factor)])


def nice_depths_m(scale: DepthScale) -> list[float]:
    """Round depths inside the scale, few enough to be labelled."""
    decades = range(int(np.floor(np.log10(scale.near_m))), int(np.ceil(np.log10(scale.far_m))) + 1)
    for steps in (NICE_STEPS, (1.0, 2.0, 5.0), (1.0,)):
        depths = [
            step * 10.0**decade
            for decade in decades
            for step in steps
            if scale.near_m <= step * 10.0**decade <= scale.far_m
        ]
        if len(depths) <= 9:
            break
    if len(depths) < 2:
        return [scale.near_m, scale.far_m]
    return depths


def render_figure(figure: Figure) -> UInt8[ndarray, "height width 3"]:
    """The pixels of a figure; no display is needed."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@cache
def _bar_picture(scale: DepthScale, height_px: int) -> UInt8[ndarray, "height width 3"]:
    width_px, dots_per_inch = 110, 100
    figure = Figure(figsize=(width_px / dots_per_inch, height_px / dots_per_inch))
    figure.set_dpi(dots_per_inch)
    top = 1 - 14 / height_px
    unknown_top = 34 / height_px
    bar_bottom = 56 / height_px
    axes = figure.add_axes((0.14, bar_bottom, 0.22, top - bar_bottom))
    draw_depth_bar(axes, scale)
    unknown = figure.add_axes((0.14, unknown_top - 20 / height_px, 0.22, 20 / height_px))
    unknown.set_facecolor(np.array(UNKNOWN_RGB) / 255)
    unknown.set_xticks([])
    unknown.set_yticks([0.5], ["none"])
    unknown.yaxis.tick_right()
    for spine in unknown.spines.values():
        spine.set_visible(False)
    return render_figure(figure)


def _draw_bar(axes: Axes, mappable: ScalarMappable, label: str, orientation: str) -> Colorbar:
    assert axes.figure is not None
    bar = axes.figure.colorbar(mappable, cax=axes, orientation=orientation, label=label)
    bar.outline.set_visible(False)
    return bar


def _depth_mappable(scale: DepthScale) -> ScalarMappable:
    return ScalarMappable(
        norm=colors.LogNorm(scale.near_m, scale.far_m, clip=True),
        cmap=_part_of("turbo_r", 0.05, 0.92),
    )


@cache
def _part_of(name: str, start: float, end: float) -> colors.Colormap:
    """A colour map without its darkest ends, which could be taken for the grey of no depth."""
    return colors.LinearSegmentedColormap.from_list(
        name, matplotlib.colormaps[name](np.linspace(start, end, 256))
    )


def _error_mappable() -> ScalarMappable:
    return ScalarMappable(
        norm=colors.Normalize(-ERROR_LIMIT, ERROR_LIMIT, clip=True),
        cmap=matplotlib.colormaps["RdBu_r"],
    )


def _confidence_mappable() -> ScalarMappable:
    return ScalarMappable(
        norm=colors.Normalize(0.0, 1.0, clip=True), cmap=_part_of("viridis", 0.12, 1.0)
    )


def _colour(
    values: Float[ndarray, "height width"], mappable: ScalarMappable
) -> UInt8[ndarray, "height width 3"]:
    is_known = np.isfinite(values)
    picture = mappable.to_rgba(np.where(is_known, values, 1.0), bytes=True)[..., :3].copy()
    picture[~is_known] = UNKNOWN_RGB
    return picture
