# SPDX-License-Identifier: Apache-2.0
"""Which Gaussians of several views a scene keeps when the views come one after the other.

The rules of `depthsplat_ros.streaming.scene_map` for a handful of views, of many scenes at once
and as a mask, so that what is kept can have gradients.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from depthsplat_ros.model.types import Views
from depthsplat_ros.streaming.scene_config import SceneConfig
from depthsplat_ros.streaming.scene_map import (
    DOUBTFUL_WEIGHT,
    GUESS_WEIGHT,
    LOSS_SEEN_THROUGH,
    MAXIMUM_WEIGHT,
    SEEN_FROM_NEARBY,
)
from training.projection import pixels_at, project, unproject

_AGREEMENT = SceneConfig().scene_agreement


@torch.no_grad()
def kept_after_merging(
    depth_m: Float[Tensor, "batch view height width"],
    confidence: Float[Tensor, "batch view height width"],
    views: Views,
    minimum_confidence: float,
) -> Bool[Tensor, "batch gaussian"]:
    """Whether the Gaussian of each pixel is still there once all views are merged in turn.

    A later view replaces what it sees at the same depth, unless that was seen from much nearer,
    and removes what it sees through, if it is sure enough; what earlier views see through is not
    added. Depth less sure than the minimum is a guess, which only fills gaps.
    """
    shape = depth_m.shape[-2:]
    is_measured = (confidence >= minimum_confidence).flatten(2)
    weight = confidence.flatten(2).where(is_measured, 0).clamp(min=GUESS_WEIGHT)
    points = unproject(depth_m, views.intrinsics, views.world_from_camera).flatten(2, 3)
    measured_m = depth_m.where(is_measured.view_as(depth_m), torch.nan)
    is_kept = torch.ones_like(is_measured)
    for new in range(1, depth_m.shape[1]):
        votes, merged, is_covered, is_filled = (torch.zeros_like(weight[:, new]) for _ in range(4))
        trust = weight[:, new].where(is_measured[:, new], 0)
        yielding = []
        for old in range(new):
            seen = _look(points[:, new], old, measured_m, views)
            votes += seen.agrees.float() - (seen.ratio < 1 - _AGREEMENT).float()

            seen = _look(points[:, old], new, measured_m, views)
            was_kept, is_guess = is_kept[:, old], ~is_measured[:, old]
            pixel_m = seen.met_m.where(seen.is_measured, seen.depth_m)
            was_nearby = depth_m[:, old].flatten(1) < SEEN_FROM_NEARBY * pixel_m
            is_better = seen.agrees & ~is_guess & was_nearby
            is_replaced = (seen.agrees & ~is_better) | (is_guess & seen.is_measured)
            loss = LOSS_SEEN_THROUGH * trust.gather(1, seen.pixel)
            left = weight[:, old] - loss.where(seen.ratio < 1 - _AGREEMENT, 0)
            is_old_guess = is_guess & ~is_replaced & seen.is_inside
            is_shown = ((left >= DOUBTFUL_WEIGHT) & seen.is_inside) | (is_old_guess & was_nearby)
            for sums, values in (
                (merged, weight[:, old].where(seen.agrees & is_replaced & ~is_guess, 0)),
                (is_covered, is_better.float()),
                (is_filled, is_shown.float()),
            ):
                sums.scatter_add_(1, seen.pixel, values * was_kept)
            yielding.append((seen.pixel, is_old_guess & ~was_nearby))
            is_kept[:, old] = was_kept & ~is_replaced & (left > 0)
            weight[:, old] = left.clamp(min=GUESS_WEIGHT)
        is_wanted = torch.where(is_measured[:, new], is_covered == 0, is_filled == 0)
        is_new = is_wanted & (votes >= 0)
        for old, (pixel, is_yielding) in enumerate(yielding):
            is_kept[:, old] &= ~(is_yielding & is_new.gather(1, pixel))
        is_kept[:, new] = is_new
        around = F.avg_pool2d(merged.unflatten(1, shape), 3, stride=1, padding=1).flatten(1)
        weight[:, new] = (weight[:, new] + around).clamp(max=MAXIMUM_WEIGHT)
        is_measured[:, new] |= weight[:, new] > GUESS_WEIGHT
    return is_kept.flatten(1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Look:
    """What a view shows where points fall into it."""

    pixel: Int64[Tensor, "batch point"]
    is_inside: Bool[Tensor, "batch point"]
    depth_m: Float[Tensor, "batch point"]
    """Of the point, along the view's optical axis."""
    met_m: Float[Tensor, "batch point"]
    """What the view measured there; NaN where nothing, or outside."""

    @property
    def is_measured(self) -> Bool[Tensor, "batch point"]:
        return self.met_m.isfinite()

    @property
    def ratio(self) -> Float[Tensor, "batch point"]:
        """Below 1 where the view sees through the point."""
        return self.depth_m / self.met_m

    @property
    def agrees(self) -> Bool[Tensor, "batch point"]:
        return (self.ratio - 1).abs() <= _AGREEMENT


def _look(
    points_m: Float[Tensor, "batch point 3"],
    view: int,
    measured_m: Float[Tensor, "batch view height width"],
    views: Views,
) -> _Look:
    place, depth_m = project(points_m, views.intrinsics[:, view], views.world_from_camera[:, view])
    pixel, is_inside = pixels_at(place, *measured_m.shape[-2:])
    is_inside &= depth_m > 0
    met_m = measured_m[:, view].flatten(1).gather(1, pixel)
    return _Look(
        pixel=pixel,
        is_inside=is_inside,
        depth_m=depth_m,
        met_m=met_m.where(is_inside, torch.nan),
    )
