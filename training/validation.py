# SPDX-License-Identifier: Apache-2.0
"""Figures on windows that training never sees: held-out scenes, and real ones from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.types import Views
from training.forward import ask
from training.rendering import Renderer
from training.windows import HELD_OUT_SEED, window_of

REAL_NEAR_M, REAL_FAR_M = 0.25, 15.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValidationSet:
    """Windows whose first view is the reference that counts."""

    name: str
    views: Views
    true_depth_m: Float[Tensor, "window height width"]
    """0 where unknown."""
    is_seen: Bool[Tensor, "window height width"] | None
    """By another view; None where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Means over all pixels with a true depth, unaligned."""

    absolute_relative: float
    delta_1_25: float
    confident_half: float
    """AbsRel of the more confident half of each window."""
    other_half: float
    unseen: float
    """AbsRel of pixels that no other view sees; NaN where nobody knows."""
    seen_ranking: float
    """How often a seen pixel is trusted more than an unseen one; NaN where nobody knows."""


def held_out_scenes(
    renderer: Renderer, device: torch.device, *, count: int, height: int = 192, width: int = 256
) -> ValidationSet:
    """Windows of four views from seeds that training never draws."""
    seeds = [HELD_OUT_SEED + index for index in range(count)]
    render = renderer.render(renderer.make(seeds, 4, width / height), height, width)
    views, truth = window_of(render, torch.Generator(device).manual_seed(HELD_OUT_SEED))
    is_known = render.depth_m[:, 0] >= views.near_m[:, :1, None]
    return ValidationSet(
        name="scenes",
        views=views,
        true_depth_m=render.depth_m[:, 0].where(is_known, 0),
        is_seen=render.is_seen[:, 0],
    )


def real_windows(path: Path, device: torch.device, *, every: int = 1) -> ValidationSet:
    """The windows of a file of `export_windows`."""
    with np.load(path) as file:
        data = {name: file[name] for name in file.files}
    windows = data["windows"][::every]
    images = torch.from_numpy(data["images"][windows]).permute(0, 1, 4, 2, 3).float() / 255
    poses = data["world_from_camera"][windows]
    poses = np.linalg.inv(poses[:, :1]) @ poses
    shape = windows.shape
    return ValidationSet(
        name=path.stem,
        views=Views(
            images=images.to(device),
            intrinsics=torch.from_numpy(data["intrinsics"][windows]).float().to(device),
            world_from_camera=torch.from_numpy(poses).float().to(device),
            near_m=torch.full(shape, REAL_NEAR_M, device=device),
            far_m=torch.full(shape, REAL_FAR_M, device=device),
        ),
        true_depth_m=torch.from_numpy(data["depth_m"][::every]).float().to(device),
        is_seen=None,
    )


@torch.no_grad()
def validate(
    model: DepthSplat, windows: ValidationSet, chosen: Sequence[int], *, at_once: int = 4
) -> Tensor:
    """Sums over the chosen windows, which `figures` turns into means; they add up over devices."""
    sums = torch.zeros(10, dtype=torch.float64, device=windows.true_depth_m.device)
    for start in range(0, len(chosen), at_once):
        index = list(chosen[start : start + at_once])
        views = windows.views
        opinion = ask(
            model,
            Views(
                images=views.images[index],
                intrinsics=views.intrinsics[index],
                world_from_camera=views.world_from_camera[index],
                near_m=views.near_m[index],
                far_m=views.far_m[index],
            ),
        )
        for row, window in enumerate(index):
            depth_m = 1 / opinion.inverse_depth[row, 0]
            trust = opinion.confidence_logit[row, 0].float()
            is_seen = None if windows.is_seen is None else windows.is_seen[window]
            sums += _sums(depth_m, trust, windows.true_depth_m[window], is_seen)
    return sums


def figures(sums: Tensor) -> Figures:
    """The means behind the sums."""
    values = sums.tolist()

    def share(part: int, whole: int) -> float:
        return values[part] / values[whole] if values[whole] else float("nan")

    return Figures(
        absolute_relative=share(1, 0),
        delta_1_25=share(2, 0),
        confident_half=share(4, 3),
        other_half=share(6, 5),
        unseen=share(8, 7),
        seen_ranking=share(9, 7),
    )


def _sums(depth_m: Tensor, trust: Tensor, true_m: Tensor, is_seen: Tensor | None) -> Tensor:
    is_true = true_m > 0
    error = ((depth_m - true_m).abs() / true_m.clamp(min=1e-3))[is_true]
    factor = torch.maximum(depth_m / true_m.clamp(min=1e-3), true_m / depth_m)[is_true]
    order = trust[is_true].argsort(descending=True)
    half = len(order) // 2
    confident, other = error[order[:half]], error[order[half:]]
    values = [len(error), error.sum(), (factor < 1.25).sum()]
    values += [len(confident), confident.sum(), len(other), other.sum()]
    if is_seen is None:
        values += [0, 0, 0]
    else:
        seen = is_seen[is_true]
        unseen_error = error[~seen]
        seen_trust, unseen_trust = trust[is_true][seen].sort().values, trust[is_true][~seen]
        below = torch.searchsorted(seen_trust, unseen_trust, right=True)
        above_share = 1 - below.double() / max(1, len(seen_trust))
        values += [len(unseen_error), unseen_error.sum(), above_share.sum()]
    return torch.tensor([float(value) for value in values], dtype=torch.float64).to(error.device)
