# SPDX-License-Identifier: Apache-2.0
"""Which keyframes are matched together: the reference and the partners that explain it best."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.frame import Frame
from depthsplat_ros.model.types import ViewFeatures
from depthsplat_ros.streaming import overlap
from depthsplat_ros.streaming.config import StreamingConfig

PARALLAX_DEG = (0.0, 1.5, 5.0, 15.0, 40.0)
PARALLAX_WORTH = (0.0, 1.0, 1.0, 0.1, 0.0)
"""How well a point is measured from an angle this different, linear in between.

Tried on pairs of views, the share of points within 10 % of their true depth rises until 2 degrees,
falls beyond 8 and is halved at 20. Here worth falls earlier, for parallax is judged at a few
depths for the whole image, and what lies nearer sees the views farther apart. Wide views stay a
last resort: where keyframes are sparse there is nothing else.
"""
SATISFACTION = 0.6
"""Share of a point's need for views that one view at its best fulfils."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Keyframe:
    """A frame kept for matching, with what the predictor computed from its image alone."""

    frame: Frame
    features: ViewFeatures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """Keyframes matched together, strictly increasing in time."""

    keyframes: tuple[Keyframe, ...]
    reference: int
    """Index of the keyframe whose depth is wanted."""

    def __post_init__(self) -> None:
        stamps_ns = [keyframe.frame.stamp_ns for keyframe in self.keyframes]
        assert all(a < b for a, b in zip(stamps_ns, stamps_ns[1:], strict=False))
        assert 0 <= self.reference < len(self.keyframes)


def choose_window(
    held: Sequence[Keyframe],
    reference: Keyframe,
    scene_depths_m: tuple[float, ...],
    config: StreamingConfig,
) -> Window | None:
    """The reference with up to `window_views - 1` partners, or None if no keyframe serves.

    Partners are added greedily: each is the one that most improves how well the points of the
    reference are seen, where a second view of a point is worth less than a first one. So one
    partner tends to give baseline to the whole image, and another covers the border that only an
    older keyframe has seen.
    """
    points = overlap.sample_points(reference.frame, scene_depths_m)
    worth = {
        index: worth_of_partner(points, reference.frame, other.frame, config)
        for index, other in enumerate(held)
        if other is not reference
    }
    worth = {index: value for index, value in worth.items() if value.any()}
    chosen: list[int] = []
    need = np.ones(len(points))
    while worth and len(chosen) < config.window_views - 1:
        best = max(worth, key=lambda index: ((need * worth[index]).sum(), index))
        need *= 1.0 - SATISFACTION * worth.pop(best)
        chosen.append(best)
    if not chosen:
        return None
    keyframes = sorted(
        [*(held[index] for index in chosen), reference],
        key=lambda keyframe: keyframe.frame.stamp_ns,
    )
    return Window(keyframes=tuple(keyframes), reference=keyframes.index(reference))


def worth_of_partner(
    points: Float64[ndarray, "point 3"], reference: Frame, other: Frame, config: StreamingConfig
) -> Float64[ndarray, " point"]:
    """How well another view helps to measure each point of the reference, 0 to 1.

    All zero where the view as a whole overlaps too little or gives too little parallax.
    """
    is_seen = overlap.are_seen(points, other.camera, other.world_from_camera)
    if is_seen.mean() < config.minimum_overlap:
        return np.zeros(len(points))
    parallaxes_deg = overlap.parallaxes_deg(
        points, reference.world_from_camera, other.world_from_camera
    )
    if np.median(parallaxes_deg[is_seen]) < config.minimum_parallax_deg:
        return np.zeros(len(points))
    return np.where(is_seen, np.interp(parallaxes_deg, PARALLAX_DEG, PARALLAX_WORTH), 0.0)
