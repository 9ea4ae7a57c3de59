# SPDX-License-Identifier: Apache-2.0
"""The unit of length a network computes in: always that in which it was trained."""

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.precision import PreciseDepthSplat
from depthsplat_ros.model.types import (
    DepthPrediction,
    GaussianPrediction,
    ViewFeatures,
    Views,
)


class TrainedUnit:
    """A network that sees every world enlarged or shrunk so that near lies where it was trained.

    The published networks correct the matched depth by a residual in 1/m, and take depth itself as
    a feature; so in a world twice as large their depth is not quite twice as large, and with a
    near limit of their own they leave what they have learnt. Here near_m is always the trained one
    inside, and depth scales with the poses, near and far exactly. At the trained near_m, which is
    the default, the numbers are those of the official code.
    """

    def __init__(self, network: PreciseDepthSplat) -> None:
        """Take the network over; `traits.near_m` is the near limit of its training."""
        self._network = network
        self.traits = network.traits
        self.gives_gaussians = network.gives_gaussians

    def encode_views(self, images: Float[Tensor, "batch view 3 height width"]) -> ViewFeatures:
        """See `DepthSplat.encode_views`."""
        return self._network.encode_views(images)

    def predict(self, views: Views, features: ViewFeatures, reference: int) -> DepthPrediction:
        """See `DepthSplat.predict`."""
        unit_m = self._unit_m(views)
        found = self._network.predict(_divided(views, unit_m), features, reference)
        return _depth_multiplied(found, unit_m)

    def predict_gaussians(
        self, views: Views, features: ViewFeatures, reference: int
    ) -> GaussianPrediction:
        """See `DepthSplat.predict_gaussians`."""
        unit_m = self._unit_m(views)
        found = self._network.predict_gaussians(_divided(views, unit_m), features, reference)
        return GaussianPrediction(
            depth=_depth_multiplied(found.depth, unit_m),
            gaussians=replace(
                found.gaussians,
                means_m=found.gaussians.means_m * unit_m[:, None, None],
                scales_m=found.gaussians.scales_m * unit_m[:, None, None],
            ),
        )

    def _unit_m(self, views: Views) -> Float[Tensor, " batch"]:
        """How long the network's unit is in that of the poses."""
        return views.near_m[:, 0] / self.traits.near_m


def _divided(views: Views, unit_m: Float[Tensor, " batch"]) -> Views:
    world_from_camera = views.world_from_camera.clone()
    world_from_camera[..., :3, 3] /= unit_m[:, None, None]
    return replace(
        views,
        world_from_camera=world_from_camera,
        near_m=views.near_m / unit_m[:, None],
        far_m=views.far_m / unit_m[:, None],
    )


def _depth_multiplied(found: DepthPrediction, unit_m: Float[Tensor, " batch"]) -> DepthPrediction:
    return replace(
        found,
        depth_m=found.depth_m * unit_m[:, None, None],
        dense_depth_m=found.dense_depth_m * unit_m[:, None, None],
    )
