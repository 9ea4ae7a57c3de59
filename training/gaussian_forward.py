# SPDX-License-Identifier: Apache-2.0
"""The network's Gaussians with gradients of the head alone, beside the discs they start from."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.cost_volume import select_neighbours
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.discs import change_discs, discs_on_surface
from depthsplat_ros.model.gaussian_head import Surface
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.types import Views
from training.gaussian_windows import Targets
from training.merging import kept_after_merging
from training.splatting import Pictures, splat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Description:
    """Gaussians of all views of windows, merged as the node merges those of its keyframes."""

    learned: GaussianScene
    discs: GaussianScene


def describe(model: DepthSplat, views: Views, minimum_confidence: float) -> Description:
    """What the network says of every view, each in turn the reference.

    The same modules in the same order as in `DepthSplat.predict_scene`; depth below the confidence
    only fills gaps.
    """
    depth, head = model.depth, model.gaussians
    assert head is not None, "training wants a network with a Gaussian head"
    shape = views.images.shape[:2]

    def by_view(encoded: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: values.unflatten(0, shape) for name, values in encoded.items()}

    with torch.no_grad():
        seen = depth.look(views.images.flatten(0, 1).to(depth.dtype))
        features = by_view(depth.encode(seen))
        neighbours = select_neighbours(views.world_from_camera, model.config.neighbour_count)
        matching = depth.match(views, features, neighbours)
        refined = depth.refine(matching, features, views.near_m, views.far_m)
        surface = Surface(
            depth_m=1 / refined.inverse_depth,
            confidence=refined.confidence_logit.sigmoid(),
            near_m=views.near_m,
            far_m=views.far_m,
        )
        cameras = (views.intrinsics, views.world_from_camera)
        discs = discs_on_surface(surface.depth_m, surface.confidence, views.images, *cameras)
        is_kept = kept_after_merging(
            surface.depth_m, surface.confidence, views, minimum_confidence
        )
    raw = head(views.images, surface, matching, by_view(head.encode(seen)))
    learned = change_discs(
        discs, raw.float(), surface.depth_m, *cameras, model.config.gaussians.scale_limit
    )
    return Description(
        learned=replace(learned, opacities=learned.opacities * is_kept),
        discs=replace(discs, opacities=discs.opacities * is_kept),
    )


def show(scene: GaussianScene, targets: Targets, background: Float[Tensor, "batch 3"]) -> Pictures:
    """What the targets' cameras see of a scene."""
    height, width = targets.images.shape[-2:]
    return splat(
        scene,
        targets.intrinsics,
        targets.world_from_camera,
        background,
        height=height,
        width=width,
    )


@torch.no_grad()
def initialise_head(model: DepthSplat) -> None:
    """Starts the last layer at zero: the first Gaussians are the discs."""
    torch.nn.init.zeros_(model.gaussians.output[-1].weight)
    torch.nn.init.zeros_(model.gaussians.output[-1].bias)
