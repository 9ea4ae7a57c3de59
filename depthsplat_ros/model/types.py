# SPDX-License-Identifier: Apache-2.0
"""What goes into a predictor and what comes out of it, as tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Views:
    """The views of a window, exactly what a predictor eats."""

    images: Float[Tensor, "batch view 3 height width"]
    """RGB in [0, 1]."""
    intrinsics: Float[Tensor, "batch view 3 3"]
    """K over the image size: (0, 0) is the top-left corner of the image, (1, 1) the opposite one;
    the centre of pixel (i, j) is ((i + 0.5) / width, (j + 0.5) / height)."""
    world_from_camera: Float[Tensor, "batch view 4 4"]
    """Optical axes: x right, y down, z forward."""
    near_m: Float[Tensor, "batch view"]
    far_m: Float[Tensor, "batch view"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewFeatures:
    """What a predictor computes from single images, without poses; kept with a keyframe."""

    maps: Mapping[str, Tensor]
    """Name to "batch view ..." tensor; the names are the predictor's own."""

    @staticmethod
    def concatenate(features: "Sequence[ViewFeatures]") -> "ViewFeatures":
        """One window's features from those of its views, in the given order."""
        return ViewFeatures(
            maps={
                name: torch.cat([part.maps[name] for part in features], dim=1)
                for name in features[0].maps
            }
        )

    def select(self, views: Sequence[int]) -> "ViewFeatures":
        """The features of some of the views, in the given order."""
        index = list(views)
        return ViewFeatures(maps={name: values[:, index] for name, values in self.maps.items()})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthPrediction:
    """Depth along the optical axis of the reference view, in the unit of the poses."""

    depth_m: Float[Tensor, "batch height width"]
    """NaN where the images hold no evidence (no other view sees the pixel, views disagree)."""
    confidence: Float[Tensor, "batch height width"]
    """A rank in [0, 1], 0 where depth_m is NaN."""
    dense_depth_m: Float[Tensor, "batch height width"]
    """The best guess at every pixel, for evaluation at full coverage; never published."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianPrediction:
    """Depth of the reference view, and a Gaussian for each of its pixels."""

    depth: DepthPrediction
    gaussians: GaussianScene
    """In the order row, column."""


@runtime_checkable
class DepthPredictor(Protocol):
    """Anything that turns posed views into depth; it holds no state between calls."""

    traits: Traits

    def encode_views(self, images: Float[Tensor, "batch view 3 height width"]) -> ViewFeatures:
        """The part that depends on single images only, and may be cached with a keyframe."""
        ...

    def predict(self, views: Views, features: ViewFeatures, reference: int) -> DepthPrediction:
        """Depth of the view with index `reference`; the other views are its matching partners."""
        ...


@runtime_checkable
class GaussianPredictor(DepthPredictor, Protocol):
    """A predictor that can also say what the scene looks like."""

    gives_gaussians: bool
    """False where it could, but its weights are for depth alone."""

    def predict_gaussians(
        self, views: Views, features: ViewFeatures, reference: int
    ) -> GaussianPrediction:
        """The same depth as `predict` gives, with Gaussians of the reference view."""
        ...
