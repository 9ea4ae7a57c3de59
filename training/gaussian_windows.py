# SPDX-License-Identifier: Apache-2.0
"""Windows for the Gaussian stage: some views go into the network, others show what it should."""

import random
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from depthsplat_ros.model.types import Views
from training.photography import photograph
from training.projection import pixels_at, project, unproject
from training.rendering import Render, Scenes
from training.windows import Plan, WindowsConfig, WindowSource, window_of

GAUSSIAN_WINDOWS = WindowsConfig(
    pixels_per_step=16 * 6 * 192 * 256, view_counts=(5, 6), view_shares=(0.3, 0.7)
)
"""Windows of the Gaussian stage, targets among their views."""
INPUT_COUNTS, INPUT_SHARES = (2, 3, 4), (0.25, 0.35, 0.4)
SKY_M = 1000.0
_SAME_SURFACE = 0.02
"""Relative difference of depth up to which two views see the same surface."""
_CRACK_PX = 2
"""Gaps that a surface opens in a new view are to be closed when they are this near to it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """Pictures of a place from where no input was taken."""

    images: Float[Tensor, "batch camera 3 height width"]
    intrinsics: Float[Tensor, "batch camera 3 3"]
    """Over the image's size."""
    world_from_camera: Float[Tensor, "batch camera 4 4"]
    is_seen: Bool[Tensor, "batch camera height width"]
    """Where an input shows it too, and cracks around it; nothing can be asked elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianWindows:
    """What the network gets, and what its Gaussians are compared with."""

    inputs: Views
    targets: Targets


class GaussianWindowSource(WindowSource):
    """The windows of one device, a few steps ahead; the same scenes for the same step."""

    def finish(self, plan: Plan, scenes: Scenes, step: int) -> GaussianWindows:
        """Renders and photographs scenes that are made already."""
        render = self._renderer.render(
            scenes, plan.height, plan.width, samples=self._config.samples
        )
        generator = torch.Generator(self._device)
        generator.manual_seed(hash((step, self._rank)) & 0x7FFFFFFF)
        return gaussian_windows_of(render, choose_inputs(plan.view_count, step), generator)


def choose_inputs(view_count: int, step: int) -> tuple[int, ...]:
    """Which views go into the network: so targets lie between them, and a little outside."""
    chosen = random.Random(f"inputs {step}")
    count = chosen.choices(INPUT_COUNTS, INPUT_SHARES)[0]
    return tuple(sorted(chosen.sample(range(view_count), min(count, view_count - 1))))


def gaussian_windows_of(
    render: Render, inputs: tuple[int, ...], generator: torch.Generator
) -> GaussianWindows:
    """Windows whose views are exposed alike: no Gaussian can know another exposure."""
    views, _ = window_of(render, generator)
    views = replace(views, images=photograph(render.radiance, generator, drift_share=0.0))
    others = tuple(view for view in range(render.depth_m.shape[1]) if view not in inputs)
    return GaussianWindows(
        inputs=views_at(views, inputs),
        targets=Targets(
            images=views.images[:, others],
            intrinsics=views.intrinsics[:, others],
            world_from_camera=views.world_from_camera[:, others],
            is_seen=_close_cracks(is_seen_by(render, others, inputs)),
        ),
    )


def views_at(views: Views, chosen: tuple[int, ...]) -> Views:
    """Some of the views of windows, the first of them being the world."""
    index = list(chosen)
    return Views(
        images=views.images[:, index],
        intrinsics=views.intrinsics[:, index],
        world_from_camera=views.world_from_camera[:, index],
        near_m=views.near_m[:, index],
        far_m=views.far_m[:, index],
    )


def is_seen_by(
    render: Render, targets: tuple[int, ...], inputs: tuple[int, ...]
) -> Bool[Tensor, "window target height width"]:
    """Whether the point that a target's pixel shows is in sight of any of the inputs."""
    depth_m = render.depth_m.where(render.depth_m > 0, SKY_M)
    points = unproject(
        depth_m[:, targets], render.intrinsics[:, targets], render.world_from_camera[:, targets]
    )
    is_seen = torch.zeros_like(depth_m[:, targets], dtype=torch.bool)
    for view in inputs:
        place, distance_m = project(
            points.flatten(1, 3), render.intrinsics[:, view], render.world_from_camera[:, view]
        )
        pixel, is_inside = pixels_at(place, *depth_m.shape[-2:])
        met_m = depth_m[:, view].flatten(1).gather(1, pixel)
        is_same = is_inside & (distance_m > 0) & (distance_m < met_m * (1 + _SAME_SURFACE))
        is_seen |= is_same.view_as(is_seen)
    return is_seen


def _close_cracks(
    is_seen: Bool[Tensor, "window target height width"],
) -> Bool[Tensor, "window target height width"]:
    size = 2 * _CRACK_PX + 1
    return F.max_pool2d(is_seen.float(), size, stride=1, padding=_CRACK_PX) > 0
