# SPDX-License-Identifier: Apache-2.0
"""The network's forward pass with everything that training wants to see on the way."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.cost_volume import select_neighbours
from depthsplat_ros.model.depth import ScaleMatching
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.types import Views


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opinion:
    """What the network says about all views of windows."""

    scales: tuple[ScaleMatching, ...]
    """Coarse to fine."""
    inverse_depth: Float[Tensor, "batch view height width"]
    confidence_logit: Float[Tensor, "batch view height width"]


def ask(model: DepthSplat, views: Views) -> Opinion:
    """The opinion on every view, each in turn the reference.

    The same modules in the same order as in `DepthSplat.predict_scene`.
    """
    depth, config = model.depth, model.config
    shape = views.images.shape[:2]
    encoded = depth.encode(depth.look(views.images.flatten(0, 1).to(depth.dtype)))
    features = {name: values.unflatten(0, shape) for name, values in encoded.items()}
    neighbours = select_neighbours(views.world_from_camera, config.neighbour_count)
    scales = depth.compare(views, features, neighbours)
    refined = depth.refine(depth.summarise(scales), features, views.near_m, views.far_m)
    assert refined.confidence_logit is not None, "training wants a network with has_confidence"
    return Opinion(
        scales=tuple(scales),
        inverse_depth=refined.inverse_depth,
        confidence_logit=refined.confidence_logit,
    )


@torch.no_grad()
def initialise(model: DepthSplat) -> None:
    """Starts the last layers at zero.

    The first guess is the expectation over all hypotheses, and finer scales are what they would be
    without their details.
    """
    last = [model.depth.residual[-1]]
    for detail in model.depth.details:
        last += [detail.features, detail.choice[-1]]
    for layer in last:
        for values in layer.parameters():
            torch.nn.init.zeros_(values)
