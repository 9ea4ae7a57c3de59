# SPDX-License-Identifier: Apache-2.0
"""The network's forward pass with everything that training wants to see on the way."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.cost_volume import (
    refine_inverse_depths,
    select_neighbours,
    space_inverse_depths,
)
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.resizing import resize
from depthsplat_ros.model.types import Views
from training.losses import Stage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opinion:
    """What the network says about all views of windows, stage by stage."""

    stages: tuple[Stage, ...]
    inverse_depth: Float[Tensor, "batch view height width"]
    confidence_logit: Float[Tensor, "batch view height width"]


def ask(model: DepthSplat, views: Views) -> Opinion:
    """The opinion on every view, each in turn the reference.

    The same modules in the same order as in `DepthSplat.predict_scene`; the logits of the
    matching scales, which it keeps to itself, are overheard.
    """
    depth, config = model.depth, model.config
    shape = views.images.shape[:2]
    encoded = depth.encode(depth.look(views.images.flatten(0, 1).to(depth.dtype)))
    features = {name: values.unflatten(0, shape) for name, values in encoded.items()}
    neighbours = select_neighbours(views.world_from_camera, config.neighbour_count)
    logits: list[Tensor] = []
    handles = [
        scale.register_forward_hook(lambda _module, _inputs, output: logits.append(output))
        for scale in depth.scales
    ]
    try:
        matching = depth.match(views, features, neighbours)
    finally:
        for handle in handles:
            handle.remove()
    refined = depth.refine(matching, features, views.near_m, views.far_m)
    stages = []
    inverse_depth = None
    for scale, values in enumerate(logits):
        values = values.unflatten(0, shape)
        if scale == 0:
            hypotheses = space_inverse_depths(views.near_m, views.far_m, config.candidates(scale))
        else:
            step = (1 / views.near_m - 1 / views.far_m) / (config.candidate_count - 1)
            hypotheses = refine_inverse_depths(
                resize(
                    inverse_depth.detach(),
                    values.shape[-2:],
                    is_stretched=config.keeps_published_habits,
                ),
                views.near_m,
                views.far_m,
                step / config.refinement**scale,
                config.candidates(scale),
            )
        inverse_depth = (values.float().softmax(2) * hypotheses).sum(dim=2)
        stages.append(
            Stage(
                stride=config.stride(scale),
                logits=values,
                hypotheses=hypotheses,
                inverse_depth=inverse_depth,
            )
        )
    assert refined.confidence_logit is not None, "training wants a network with has_confidence"
    return Opinion(
        stages=tuple(stages),
        inverse_depth=refined.inverse_depth,
        confidence_logit=refined.confidence_logit,
    )


@torch.no_grad()
def initialise(model: DepthSplat) -> None:
    """Starts the last layers at zero: the first guess is the expectation over all hypotheses."""
    torch.nn.init.zeros_(model.depth.residual[-1].weight)
    torch.nn.init.zeros_(model.depth.residual[-1].bias)
