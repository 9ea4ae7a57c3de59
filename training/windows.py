# SPDX-License-Identifier: Apache-2.0
"""Training windows without end: which scenes a step sees follows from its number alone."""

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.types import Views
from training.losses import Truth
from training.photography import photograph, shake_poses
from training.rendering import Render, Renderer, Scenes

_NEAREST_OF_NEAR = 3.0
"""What is nearer than near should be said to be at near, unless it is this many times nearer."""
HELD_OUT_SEED = 1 << 31
"""Seeds from here on are never trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsConfig:
    """What training windows look like."""

    pixels_per_step: int = 32 * 4 * 192 * 256
    """Of all images of a step on one device."""
    sizes: tuple[tuple[int, int], ...] = ((192, 256), (192, 320), (288, 384))
    """Heights and widths."""
    size_shares: tuple[float, ...] = (0.25, 0.35, 0.4)
    view_counts: tuple[int, ...] = (2, 3, 4, 6)
    view_shares: tuple[float, ...] = (0.1, 0.15, 0.55, 0.2)
    samples: int = 4
    """Rays a pixel."""
    prefetched: int = 3
    """Steps whose scenes are made ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The scenes of one step on one device."""

    seeds: tuple[int, ...]
    view_count: int
    height: int
    width: int


def plan_step(config: WindowsConfig, step: int, rank: int) -> Plan:
    """Sizes are the same on all devices, so that none waits for another; scenes differ."""
    chosen = random.Random(step)
    height, width = chosen.choices(config.sizes, config.size_shares)[0]
    view_count = chosen.choices(config.view_counts, config.view_shares)[0]
    count = max(1, round(config.pixels_per_step / (height * width * view_count)))
    own = random.Random(f"{step} {rank}")
    seeds = tuple(own.randrange(HELD_OUT_SEED) for _ in range(count))
    return Plan(seeds=seeds, view_count=view_count, height=height, width=width)


class WindowSource:
    """Plans, makes, renders and photographs the windows of one device, a few steps ahead."""

    def __init__(
        self, config: WindowsConfig, renderer: Renderer, device: torch.device, rank: int
    ) -> None:
        self._config = config
        self._renderer = renderer
        self._device = device
        self._rank = rank

    def steps(self, first: int) -> Iterator[tuple[Views, Truth]]:
        """The windows of step `first`, of the next, and so on."""
        with ThreadPoolExecutor(1) as pool:
            waiting: list[tuple[Plan, Future[Scenes]]] = []
            step = first
            while True:
                while len(waiting) < self._config.prefetched:
                    plan = plan_step(self._config, step + len(waiting), self._rank)
                    aspect = plan.width / plan.height
                    made = pool.submit(
                        self._renderer.make, list(plan.seeds), plan.view_count, aspect
                    )
                    waiting.append((plan, made))
                plan, made = waiting.pop(0)
                yield self.finish(plan, made.result(), step)
                step += 1

    def finish(self, plan: Plan, scenes: Scenes, step: int) -> tuple[Views, Truth]:
        """Renders and photographs scenes that are made already."""
        render = self._renderer.render(
            scenes, plan.height, plan.width, samples=self._config.samples
        )
        generator = torch.Generator(self._device)
        generator.manual_seed(hash((step, self._rank)) & 0x7FFFFFFF)
        return window_of(render, generator)


def window_of(render: Render, generator: torch.Generator) -> tuple[Views, Truth]:
    """What the network gets and what it should say."""
    near_m, far_m = _choose_range(render, generator)
    centres = render.world_from_camera[..., :3, 3]
    baseline_m = (centres - centres[:, :1]).norm(dim=-1).amax(dim=1)
    poses = shake_poses(render.world_from_camera, baseline_m, generator)
    # The network never sees absolute places.
    poses = relative_to_first(poses.double())
    views = Views(
        images=photograph(render.radiance, generator),
        intrinsics=render.intrinsics,
        world_from_camera=poses.float(),
        near_m=near_m,
        far_m=far_m,
    )
    is_sky = render.depth_m <= 0
    lowest, highest = 1 / far_m[..., None, None], 1 / near_m[..., None, None]
    inverse_depth = torch.where(is_sky, 0, 1 / render.depth_m.clamp(min=1e-3))
    truth = Truth(
        inverse_depth=inverse_depth.clamp(lowest, highest),
        is_valid=inverse_depth <= _NEAREST_OF_NEAR * highest,
        is_seen=render.is_seen | is_sky,
        near_m=near_m,
        far_m=far_m,
    )
    return views, truth


def relative_to_first(
    world_from_camera: Float[Tensor, "window view 4 4"],
) -> Float[Tensor, "window view 4 4"]:
    """The same poses with the first view's camera as the world."""
    first = world_from_camera[:, :1]
    rotation = first[..., :3, :3].mT
    moved = world_from_camera.clone()
    moved[..., :3, :3] = rotation @ world_from_camera[..., :3, :3]
    shift = world_from_camera[..., :3, 3:] - first[..., :3, 3:]
    moved[..., :3, 3:] = rotation @ shift
    return moved


def _choose_range(render: Render, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Limits as users set them: around the scene, more often too wide than too tight."""
    windows, views = render.depth_m.shape[:2]
    depths = render.depth_m[..., ::8, ::8].flatten(1)
    nowhere = depths.new_full((), 60.0)
    depths = torch.where(depths > 0, depths, nowhere).sort(dim=1).values
    last = depths.shape[1] - 1
    nearest, near, farthest = (depths[:, round(share * last)] for share in (0.005, 0.02, 0.99))

    def uniform() -> Tensor:
        return torch.rand(windows, device=depths.device, generator=generator)

    def log_uniform(low: float, high: float) -> Tensor:
        return low * (high / low) ** uniform()

    near_m = nearest * log_uniform(0.3, 0.95)
    # Things come nearer than users expect.
    near_m = torch.where(uniform() < 0.25, near * log_uniform(1.0, 1.6), near_m)
    far_m = torch.maximum(farthest * log_uniform(1.05, 6.0), 4 * near_m).clamp(max=300.0)
    # What robots run with: the same limits everywhere, if they about hold the scene.
    is_usual = uniform() < 0.5
    usual_near_m, usual_far_m = log_uniform(0.15, 0.5), log_uniform(12.0, 40.0)
    fits = is_usual & (1.6 * near > usual_near_m)
    near_m = torch.where(fits, usual_near_m, near_m)
    far_m = torch.where(fits, torch.maximum(usual_far_m, farthest), far_m)
    return (
        near_m[:, None].expand(windows, views).contiguous(),
        far_m[:, None].expand(windows, views).contiguous(),
    )
