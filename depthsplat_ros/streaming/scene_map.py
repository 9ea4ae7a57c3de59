# SPDX-License-Identifier: Apache-2.0
"""Gaussians of many keyframes as one scene without double layers.

Each old Gaussian is looked at through the new keyframe:

    behind the new surface     it is hidden and stays
    on it, seen from nearby    it stays, and the new pixel is left out
    on it otherwise            the new one takes its place, its depth averaged with the old one's
    in front of it             the new view sees through it: it loses weight, and goes at zero

Where the keyframe measured nothing its best guess fills gaps, and takes the place of guesses from
no nearer; from where the camera is now it looks right even where its depth is wrong. Each new
Gaussian is looked at through the last keyframes: where more of them saw through it than agree, it
is left out. So what is seen again is replaced, what was wrong dies out, and the count follows the
surface that was seen, not the length of the recording.

Source: point-based fusion (Keller et al., 3DV 2013).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float64, Int32, Int64
from numpy import ndarray
from torch import Tensor

from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.streaming.observation import DepthMap, Observation
from depthsplat_ros.streaming.scene_config import SceneConfig

SEEN_FROM_NEARBY = 0.7
"""An old Gaussian was seen better if its pixel was this much smaller than the new one's."""
RECENT_KEYFRAMES = 8
"""So many of the last keyframes are asked whether a new Gaussian can be."""
MAXIMUM_WEIGHT = 2.0
"""Of a Gaussian, in views of full confidence; so that the scene can still change."""
LOSS_SEEN_THROUGH = 2.0
"""Of weight, over the confidence of the view that sees through: what is wrong must go soon."""
DOUBTFUL_WEIGHT = 0.7
"""Where nothing is measured, a guess from here beats what was seen less than this."""
GUESS_WEIGHT = 1e-3
"""Of a Gaussian where nothing was measured: anything measured outweighs it."""
MOVE_ORIGIN_M = 1000.0
"""Far from the origin single precision gets coarse: 0.06 mm at this distance."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneMap:
    """A scene at one moment; those confirmed last stand last."""

    origin_m: Float64[ndarray, " 3"]
    """Where the means are zero, in the world frame."""
    gaussians: GaussianScene
    weights: Float[Tensor, " gaussian"]
    """How much was seen of each: the sum of confidences."""
    footprints_m: Float[Tensor, " gaussian"]
    """Width of the pixel that each was seen with."""
    confirmed: Int32[Tensor, " gaussian"]
    """Number of the keyframe that saw each last."""
    keyframes: int
    """How many were merged so far."""
    recent: tuple[DepthMap, ...]
    """The last keyframes, newest last."""

    def __len__(self) -> int:
        """How many Gaussians there are."""
        return len(self.weights)

    def merged_with(self, seen: Observation, config: SceneConfig) -> "SceneMap":
        """The scene after a new keyframe."""
        moved = self._moved_near(seen.depth.centre_m)
        relation = _relate(moved, seen, config)
        new, is_new = _new_part(moved, seen, relation, config)
        new = new._without(~new._are_wanted(seen.depth.centre_m, config))
        maximum = config.maximum_on(self.weights.device.type)
        new = new._thinned_to(maximum)
        is_kept = relation.is_kept & moved._are_wanted(seen.depth.centre_m, config)
        is_kept[relation.yielding[is_new[relation.yielding_pixel]]] = False
        surplus = int(is_kept.sum()) + len(new) - maximum
        if surplus > 0:
            is_kept &= is_kept.cumsum(dim=0) > surplus
        weakened = replace(moved, weights=relation.weights)
        return replace(
            weakened._without(~is_kept, then=new),
            keyframes=moved.keyframes + 1,
            recent=(*moved.recent, seen.depth)[-RECENT_KEYFRAMES:],
        )

    def newest(self, count: int) -> "SceneMap":
        """Those that were confirmed last, so many of them."""
        index = torch.arange(len(self), device=self.weights.device)
        return self._without(index < len(self) - count)

    def _moved_near(self, place_m: Float64[ndarray, " 3"]) -> "SceneMap":
        offset_m = self.origin_m - place_m
        if np.abs(offset_m).max() < MOVE_ORIGIN_M:
            return self
        means_m = self.gaussians.means_m.double() + torch.from_numpy(offset_m).to(
            self.weights.device
        )
        return replace(
            self,
            origin_m=place_m.copy(),
            gaussians=replace(self.gaussians, means_m=means_m.float()),
        )

    def _are_wanted(
        self, camera_m: Float64[ndarray, " 3"], config: SceneConfig
    ) -> Bool[Tensor, " gaussian"]:
        """Those not too faint, too old or too far from the newest camera."""
        are_wanted = self.gaussians.opacities >= config.scene_minimum_opacity
        if config.scene_maximum_age_keyframes:
            are_wanted &= self.confirmed > self.keyframes - config.scene_maximum_age_keyframes
        if config.scene_maximum_distance_m:
            centre = torch.from_numpy(camera_m - self.origin_m).to(self.weights)
            distance_m = (self.gaussians.means_m - centre).norm(dim=-1)
            are_wanted &= distance_m <= config.scene_maximum_distance_m
        return are_wanted

    def _thinned_to(self, maximum: int) -> "SceneMap":
        """At most so many of the Gaussians, evenly chosen."""
        if len(self) <= maximum:
            return self
        rank = torch.arange(len(self) + 1, device=self.weights.device) * maximum // len(self)
        return self._without(rank[1:] == rank[:-1])

    def _without(
        self, is_dropped: Bool[Tensor, " gaussian"], *, then: "SceneMap | None" = None
    ) -> "SceneMap":
        """The scene without some of its Gaussians, and with those of another one after them."""
        index = (~is_dropped).nonzero()[:, 0]

        def join(old: Tensor, new: Tensor | None) -> Tensor:
            if new is None:
                return old if len(index) == len(old) else old.index_select(0, index)
            joined = old.new_empty(len(index) + len(new), *old.shape[1:])
            # Straight into its place: copying is what takes most of the time of a merge.
            torch.index_select(old, 0, index, out=joined[: len(index)])
            joined[len(index) :] = new
            return joined

        def attribute(name: str) -> Tensor:
            new = None if then is None else getattr(then.gaussians, name)
            return join(getattr(self.gaussians, name), new)

        return replace(
            self,
            gaussians=GaussianScene(
                **{field.name: attribute(field.name) for field in fields(GaussianScene)}
            ),
            weights=join(self.weights, None if then is None else then.weights),
            footprints_m=join(self.footprints_m, None if then is None else then.footprints_m),
            confirmed=join(self.confirmed, None if then is None else then.confirmed),
        )


def empty_scene(
    device: torch.device, coefficients: int, origin_m: Float64[ndarray, " 3"]
) -> SceneMap:
    """A scene in which nothing was seen yet, for Gaussians with so many harmonics per colour."""

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(*shape, device=device)

    return SceneMap(
        origin_m=origin_m.copy(),
        gaussians=GaussianScene(
            means_m=zeros(0, 3),
            scales_m=zeros(0, 3),
            rotations_wxyz=zeros(0, 4),
            opacities=zeros(0),
            harmonics=zeros(0, 3, coefficients),
        ),
        weights=zeros(0),
        footprints_m=zeros(0),
        confirmed=zeros(0).int(),
        keyframes=0,
        recent=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Relation:
    """How the old Gaussians stand to what a new keyframe saw."""

    is_kept: Bool[Tensor, " gaussian"]
    weights: Float[Tensor, " gaussian"]
    """What is left of them after having been seen through."""
    yielding: Int64[Tensor, " guess"]
    """Indices of old guesses that go if there is a new Gaussian for their pixel."""
    yielding_pixel: Int64[Tensor, " guess"]
    is_covered: Bool[Tensor, " pixel"]
    """Where an old Gaussian that stays shows the surface better than the new one would."""
    is_empty: Bool[Tensor, " pixel"]
    """Where the old scene shows nothing that a guess should not hide."""
    old_weight: Float[Tensor, " pixel"]
    """Of the old Gaussians whose place the new one takes."""
    old_ratio: Float[Tensor, " pixel"]
    """Their depth over the new one's, weighted mean; 1 where there are none."""


def _relate(scene: SceneMap, seen: Observation, config: SceneConfig) -> _Relation:
    projection = seen.depth.project(scene.gaussians.means_m, scene.origin_m)
    index, pixel = projection.index, projection.pixel
    height, width = seen.depth.depth_m.shape
    measured_m = seen.depth.depth_m.reshape(-1)[pixel]
    ratio = projection.depth_m / measured_m
    weight = scene.weights[index]
    is_guess = weight <= GUESS_WEIGHT
    agrees = (ratio - 1).abs() <= config.scene_agreement
    # Where nothing was measured, against what the Gaussian's pixel would be from here.
    pixel_m = torch.where(measured_m.isfinite(), measured_m, projection.depth_m)
    pixel_m = pixel_m / seen.depth.focal_px
    was_nearby = scene.footprints_m[index] < SEEN_FROM_NEARBY * pixel_m
    is_better = agrees & ~is_guess & was_nearby
    is_replaced = (agrees & ~is_better) | (is_guess & measured_m.isfinite())
    is_seen_through = ratio < 1 - config.scene_agreement
    loss = LOSS_SEEN_THROUGH * seen.confidence.reshape(-1)[pixel]
    left = weight - torch.where(is_seen_through, loss, 0.0)
    is_kept = torch.ones_like(scene.weights, dtype=torch.bool)
    is_kept[index] = ~(is_replaced | (left <= 0))
    weights = scene.weights.clone()
    weights[index] = left.clamp(min=GUESS_WEIGHT)

    def sum_by_pixel(values: Float[Tensor, " seen"]) -> Float[Tensor, "height width"]:
        sums = values.new_zeros(height * width).index_add_(0, pixel, values)
        return sums.view(height, width)

    merged = torch.where(is_replaced & agrees & ~is_guess, weight, 0.0)
    # An old Gaussian tells about its surroundings too: there are gaps where it was seen from afar.
    old_weight = _blur(sum_by_pixel(merged))
    old_shift = _blur(sum_by_pixel(merged * (ratio - 1).nan_to_num()))
    is_yielding = is_guess & ~is_replaced & ~was_nearby
    is_shown = (left >= DOUBTFUL_WEIGHT) | (is_guess & ~is_replaced & was_nearby)
    return _Relation(
        is_kept=is_kept,
        weights=weights,
        yielding=index[is_yielding],
        yielding_pixel=pixel[is_yielding],
        is_covered=sum_by_pixel(is_better.float()).reshape(-1) > 0,
        is_empty=sum_by_pixel(is_shown.float()).reshape(-1) == 0,
        old_weight=old_weight.reshape(-1),
        old_ratio=(1 + old_shift / old_weight.clamp(min=1e-9)).reshape(-1),
    )


def _new_part(
    scene: SceneMap, seen: Observation, relation: _Relation, config: SceneConfig
) -> tuple[SceneMap, Bool[Tensor, " pixel"]]:
    """What the keyframe adds, relative to the scene's origin, and for which pixels."""
    is_measured = seen.depth.depth_m.reshape(-1).isfinite()
    is_wanted = is_measured & ~relation.is_covered
    if config.scene_fills_gaps:
        is_wanted |= ~is_measured & relation.is_empty
    is_wanted &= seen.gaussians.means_m.isfinite().all(dim=-1)
    index = is_wanted.nonzero()[:, 0]
    votes = _votes(seen.gaussians.means_m[index], seen.depth.centre_m, scene.recent, config)
    index = index[votes >= 0]
    is_new = torch.zeros_like(is_wanted)
    is_new[index] = True
    gaussians = seen.gaussians.select(index)
    confidence = seen.confidence.reshape(-1)[index].clamp(min=GUESS_WEIGHT)
    own_weight = torch.where(is_measured[index], confidence, GUESS_WEIGHT)
    old_weight = relation.old_weight[index]
    weight = own_weight + old_weight
    # All lie on the rays of this camera, so moving them in depth is scaling them about it.
    ratio = ((own_weight + old_weight * relation.old_ratio[index]) / weight)[:, None]
    centre = torch.from_numpy(seen.depth.centre_m - scene.origin_m).to(weight)
    forward = torch.from_numpy(np.ascontiguousarray(seen.depth.world_from_camera[:3, 2]))
    means_m = gaussians.means_m * ratio
    new = replace(
        scene,
        gaussians=replace(
            gaussians, means_m=means_m + centre, scales_m=gaussians.scales_m * ratio
        ),
        weights=weight.clamp(max=MAXIMUM_WEIGHT),
        footprints_m=means_m @ forward.to(weight) / seen.depth.focal_px,
        confirmed=torch.full_like(index, scene.keyframes, dtype=torch.int32),
    )
    return new, is_new


def _votes(
    points_m: Float[Tensor, "point 3"],
    origin_m: Float64[ndarray, " 3"],
    others: tuple[DepthMap, ...],
    config: SceneConfig,
) -> Int64[Tensor, " point"]:
    """How many keyframes saw a surface at each point, less how many saw through it."""
    votes = torch.zeros(len(points_m), dtype=torch.int64, device=points_m.device)
    for other in others:
        projection = other.project(points_m, origin_m)
        ratio = other.depth_m.reshape(-1)[projection.pixel] / projection.depth_m
        agrees = (ratio - 1).abs() <= config.scene_agreement
        votes[projection.index] += agrees.long() - (ratio > 1 + config.scene_agreement).long()
    return votes


def _blur(values: Float[Tensor, "height width"]) -> Float[Tensor, "height width"]:
    """Means over 3 x 3 pixels."""
    return F.avg_pool2d(values[None], 3, stride=1, padding=1)[0]
