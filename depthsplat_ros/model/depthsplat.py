# SPDX-License-Identifier: Apache-2.0
"""DepthSplat as the rest of the package sees it: encode views once, predict windows often."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model.config import DepthSplatConfig
from depthsplat_ros.model.cost_volume import ALL_VIEWS, select_neighbours
from depthsplat_ros.model.depth import Matching, MultiViewDepth, Refinement
from depthsplat_ros.model.discs import change_discs, discs_on_surface
from depthsplat_ros.model.gaussian_head import GaussianHead, Surface, write_gaussians
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.harmonics import HARMONIC_COUNT
from depthsplat_ros.model.types import (
    DepthPrediction,
    GaussianPrediction,
    ViewFeatures,
    Views,
)

_PIXELS_AT_ONCE = 1 << 20
"""How much of the images is brought to full size at once, which bounds the memory."""


class UnusableViews(DepthSplatError):
    """The network cannot take these views: too few, or of a size it was not made for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScenePrediction:
    """Everything the network says about all views of a window."""

    depth_m: Float[Tensor, "batch view height width"]
    """Best guess at every pixel, along the optical axis, in the unit of the poses."""
    confidence: Float[Tensor, "batch view height width"]
    """The learnt confidence, or the probability of the likeliest depth hypothesis, in [0, 1]."""
    gaussians: GaussianScene | None
    """One Gaussian per pixel in the order view, row, column; None from a depth-only network."""


class DepthSplat(nn.Module):
    """The network of DepthSplat (CVPR 2025, architecture of March 2025); it holds no state."""

    def __init__(self, config: DepthSplatConfig) -> None:
        super().__init__()
        self.config = config
        self.depth = MultiViewDepth(config)
        self.gaussians = (
            None if config.gaussians is None else GaussianHead(config, config.gaussians)
        )

    def encode_views(self, images: Float[Tensor, "batch view 3 height width"]) -> ViewFeatures:
        """The part that depends on single images only, and may be cached with a keyframe.

        Raises:
            UnusableViews: if the size is no multiple of `config.size_multiple`.
        """
        multiple = self.config.size_multiple
        height, width = images.shape[-2:]
        if height % multiple or width % multiple:
            raise UnusableViews(
                f"images of {width} x {height} pixels do not fit this network: "
                f"resize or crop them to multiples of {multiple} pixels"
            )
        seen = self.depth.look(images.flatten(0, 1).to(self.depth.dtype))
        encoded = self.depth.encode(seen)
        if self.gaussians is not None:
            encoded |= self.gaussians.encode(seen)
        return _pack(encoded, images.shape[0])

    def predict(
        self,
        views: Views,
        features: ViewFeatures,
        reference: int,
        neighbours: Int[Tensor, "batch view neighbour"] | None = None,
    ) -> DepthPrediction:
        """Depth of the view with index `reference`; the other views are its matching partners.

        `neighbours` names the views that each view is matched with; by default they are chosen as
        in training.

        Raises:
            UnusableViews: if there are fewer than two views.
        """
        reference %= views.images.shape[1]
        matching = self._match_reference(views, features, reference, neighbours)
        return self._predict_reference(views, features, matching, reference)[0]

    def predict_gaussians(
        self,
        views: Views,
        features: ViewFeatures,
        reference: int,
        neighbours: Int[Tensor, "batch view neighbour"] | None = None,
    ) -> GaussianPrediction:
        """The same depth as `predict` gives, with Gaussians of the reference view.

        Raises:
            UnusableViews: if there are fewer than two views.
        """
        reference %= views.images.shape[1]
        matching = self._match_reference(views, features, reference, neighbours)
        depth, refined = self._predict_reference(views, features, matching, reference)
        scene = self._room_for_gaussians(views, view_count=1)
        assert scene is not None, "the weights are for depth alone"
        chosen = slice(reference, reference + 1)
        self._write_gaussians(scene, 0, views, features, matching, refined, chosen)
        return GaussianPrediction(depth=depth, gaussians=scene)

    def predict_scene(
        self,
        views: Views,
        features: ViewFeatures,
        neighbours: Int[Tensor, "batch view neighbour"] | None = None,
    ) -> ScenePrediction:
        """Depth, and Gaussians where the network has them, of all views.

        `neighbours` names the views that each view is matched with; by default they are chosen as
        in training.

        Raises:
            UnusableViews: if there are fewer than two views.
        """
        matching = self.match(views, features, neighbours)
        batch, view_count, _, height, width = views.images.shape
        scene = self._room_for_gaussians(views, view_count)
        parts = []
        for chosen in _slices(view_count, max(1, _PIXELS_AT_ONCE // (batch * height * width))):
            selected = matching.select(chosen)
            refined = self._refine(views, features, selected, chosen)
            if scene is not None:
                self._write_gaussians(
                    scene, chosen.start, views, features, selected, refined, chosen
                )
            parts.append((1 / refined.inverse_depth, _confidence(selected, refined)))
        return ScenePrediction(
            depth_m=torch.cat([part[0] for part in parts], dim=1),
            confidence=torch.cat([part[1] for part in parts], dim=1),
            gaussians=scene,
        )

    def forward(self, views: Views) -> ScenePrediction:
        """The uncut pass: all views encoded and predicted at once."""
        return self.predict_scene(views, self.encode_views(views.images))

    def match(
        self,
        views: Views,
        features: ViewFeatures,
        neighbours: Int[Tensor, "batch view neighbour"] | None = None,
        references: slice = ALL_VIEWS,
    ) -> Matching:
        """The comparison of the views at the resolution of the features."""
        view_count = views.images.shape[1]
        if view_count < 2:
            raise UnusableViews(
                f"{view_count} view cannot be matched with anything: give at least two"
            )
        if neighbours is None:
            neighbours = select_neighbours(views.world_from_camera, self.config.neighbour_count)
        return self.depth.match(views, self._unpack(features), neighbours, references)

    def _match_reference(
        self,
        views: Views,
        features: ViewFeatures,
        reference: int,
        neighbours: Int[Tensor, "batch view neighbour"] | None,
    ) -> Matching:
        """The comparison for one view alone, where that saves something."""
        chosen = slice(reference, reference + 1)
        # A GPU's fused kernels take all views, and are not filled by one.
        if self.config.crosses_views_in_unet or views.images.is_cuda:
            return self.match(views, features, neighbours).select(chosen)
        return self.match(views, features, neighbours, chosen)

    def _refine(
        self, views: Views, features: ViewFeatures, matching: Matching, chosen: slice
    ) -> Refinement:
        """Of the chosen views, whose matching is given."""
        return self.depth.refine(
            matching,
            self._unpack(features, chosen),
            views.near_m[:, chosen],
            views.far_m[:, chosen],
        )

    def _predict_reference(
        self, views: Views, features: ViewFeatures, matching: Matching, reference: int
    ) -> tuple[DepthPrediction, Refinement]:
        """Depth of one view, whose matching is given, and what it is made from."""
        chosen = slice(reference, reference + 1)
        refined = self._refine(views, features, matching, chosen)
        prediction = depth_prediction(
            refined.inverse_depth[:, 0],
            _confidence(matching, refined)[:, 0],
            views.near_m[:, reference],
            views.far_m[:, reference],
        )
        return prediction, refined

    def _room_for_gaussians(self, views: Views, view_count: int) -> GaussianScene | None:
        if self.gaussians is None:
            return None
        batch, _, _, height, width = views.images.shape
        coefficients = HARMONIC_COUNT if self.config.keeps_published_habits else 1
        return GaussianScene.allocate(
            batch, view_count * height * width, coefficients, views.images.device
        )

    def _write_gaussians(
        self,
        scene: GaussianScene,
        first_view: int,
        views: Views,
        features: ViewFeatures,
        matching: Matching,
        refined: Refinement,
        chosen: slice,
    ) -> None:
        """Puts one Gaussian per pixel of the chosen views, whose matching and depth are given."""
        images, intrinsics = views.images[:, chosen], views.intrinsics[:, chosen]
        world_from_camera = views.world_from_camera[:, chosen]
        surface = Surface(
            depth_m=1 / refined.inverse_depth,
            confidence=_confidence(matching, refined),
            near_m=views.near_m[:, chosen],
            far_m=views.far_m[:, chosen],
        )
        raw = self.gaussians(images, surface, matching, self._unpack(features, chosen))
        depth_m, limit = surface.depth_m, self.config.gaussians.scale_limit
        if self.config.keeps_published_habits:
            write_gaussians(
                scene, first_view, raw, images, depth_m, intrinsics, world_from_camera, limit
            )
            return
        discs = discs_on_surface(
            depth_m, surface.confidence, images, intrinsics, world_from_camera
        )
        changed = change_discs(discs, raw.float(), depth_m, intrinsics, world_from_camera, limit)
        scene.put(first_view * depth_m[0, 0].numel(), changed)

    def _unpack(self, features: ViewFeatures, chosen: slice = slice(None)) -> dict[str, Tensor]:
        """Maps of some of the views, "batch view channel height width"; nothing is copied."""
        return {
            name: rearrange(values[:, chosen], "b v h w c -> b v c h w").to(self.depth.dtype)
            for name, values in features.maps.items()
        }


def depth_prediction(
    inverse_depth: Float[Tensor, "batch height width"],
    probability: Float[Tensor, "batch height width"],
    near_m: Float[Tensor, " batch"],
    far_m: Float[Tensor, " batch"],
) -> DepthPrediction:
    """Depth with its confidence.

    An estimate that stuck to an end of the range is no evidence, and a NaN is none either.
    """
    lowest, highest = (1 / far_m)[:, None, None], (1 / near_m)[:, None, None]
    is_inside = (inverse_depth > lowest) & (inverse_depth < highest)
    depth_m = 1 / inverse_depth
    return DepthPrediction(
        depth_m=depth_m.where(is_inside, torch.nan),
        confidence=probability.where(is_inside, 0.0),
        dense_depth_m=depth_m,
    )


def _confidence(
    matching: Matching, refined: Refinement
) -> Float[Tensor, "batch view height width"]:
    if refined.confidence_logit is not None:
        return refined.confidence_logit.sigmoid()
    return F.interpolate(matching.probability, refined.inverse_depth.shape[-2:], mode="nearest")


def _pack(maps: Mapping[str, Tensor], batch: int) -> ViewFeatures:
    """Features of views, "batch view height width channel", from maps of images.

    The channels come last, as convolutions like them best in memory; kept, concatenated or
    selected, the features stay so, and then give the same numbers to the last bit.
    """
    return ViewFeatures(
        maps={
            name: rearrange(values, "(b v) c h w -> b v h w c", b=batch).contiguous()
            for name, values in maps.items()
        }
    )


def _slices(count: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, count, step))
