# SPDX-License-Identifier: Apache-2.0
"""How well the Gaussians show unseen places, beside the discs that they start from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.types import Views
from training.gaussian_forward import describe, show
from training.gaussian_losses import seen_part
from training.gaussian_windows import GaussianWindows, Targets, gaussian_windows_of, views_at
from training.projection import pixels_at, project, unproject
from training.rendering import Renderer
from training.validation import real_windows
from training.windows import HELD_OUT_SEED

_SCENE_INPUTS = (0, 2, 4)
_FIGURES = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureSet:
    """Windows to validate on."""

    name: str
    windows: GaussianWindows


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFigures:
    """Means over all target pictures, unaligned, black where nothing is."""

    psnr_db: float
    discs_psnr_db: float
    """Of the discs on the same depth, which is where the head starts."""
    seen_psnr_db: float
    """Of what the inputs show alone."""
    seen_discs_psnr_db: float
    ssim: float
    discs_ssim: float


def held_out_pictures(
    renderer: Renderer, device: torch.device, *, count: int, size: tuple[int, int]
) -> PictureSet:
    """Windows of six views, three of them inputs, from seeds that training never draws."""
    height, width = size
    seeds = [HELD_OUT_SEED + index for index in range(count)]
    render = renderer.render(renderer.make(seeds, 6, width / height), height, width)
    generator = torch.Generator(device).manual_seed(HELD_OUT_SEED)
    return PictureSet(name="scenes", windows=gaussian_windows_of(render, _SCENE_INPUTS, generator))


def real_pictures(path: Path, device: torch.device, *, every: int = 1) -> PictureSet:
    """The windows of a file of `export_windows`, with their reference kept away from the network.

    Its true depth tells what the other views show of it; what hides it from them is not known.
    """
    found = real_windows(path, device, every=every)
    inputs, kept_away = views_at(found.views, (1, 2, 3)), views_at(found.views, (0,))
    depth_m = found.true_depth_m[:, None]
    points = unproject(depth_m, kept_away.intrinsics, kept_away.world_from_camera).flatten(1, 3)
    is_seen = torch.zeros_like(depth_m, dtype=torch.bool)
    for view in range(inputs.images.shape[1]):
        place, distance_m = project(
            points, inputs.intrinsics[:, view], inputs.world_from_camera[:, view]
        )
        _, is_inside = pixels_at(place, *depth_m.shape[-2:])
        is_seen |= (is_inside & (distance_m > 0)).view_as(is_seen)
    return PictureSet(
        name=path.stem,
        windows=GaussianWindows(
            inputs=inputs,
            targets=Targets(
                images=kept_away.images,
                intrinsics=kept_away.intrinsics,
                world_from_camera=kept_away.world_from_camera,
                is_seen=is_seen & (depth_m > 0),
            ),
        ),
    )


@torch.no_grad()
def validate_pictures(
    model: DepthSplat,
    windows: GaussianWindows,
    chosen: Sequence[int],
    minimum_confidence: float,
    *,
    at_once: int = 4,
) -> Float[Tensor, " figure"]:
    """Sums over the chosen windows, which `picture_figures` turns into means."""
    sums = torch.zeros(1 + _FIGURES, dtype=torch.float64, device=windows.targets.images.device)
    for start in range(0, len(chosen), at_once):
        index = list(chosen[start : start + at_once])
        inputs, targets = (
            type(part)(**{field.name: getattr(part, field.name)[index] for field in fields(part)})
            for part in (windows.inputs, windows.targets)
        )
        sums += _sums(model, inputs, targets, minimum_confidence)
    return sums


def picture_figures(sums: Float[Tensor, " figure"]) -> PictureFigures:
    """The means behind the sums."""
    count, *values = sums.tolist()
    means = [value / count if count else float("nan") for value in values]
    names = [field.name for field in fields(PictureFigures)]
    return PictureFigures(**dict(zip(names, means, strict=True)))


def _sums(
    model: DepthSplat, inputs: Views, targets: Targets, minimum_confidence: float
) -> Float[Tensor, " figure"]:
    found = describe(model, inputs, minimum_confidence)
    black = targets.images.new_zeros(len(targets.images), 3)
    truth = targets.images.flatten(0, 1)
    whole, seen, alike = [], [], []
    for scene in (found.learned, found.discs):
        pictures = show(scene, targets, black)
        colour = pictures.colour.flatten(0, 1).clamp(0, 1)
        whole.append(_psnr_db(colour - truth, 1.0).sum())
        share = targets.is_seen.flatten(0, 1).float().mean((1, 2)).clamp(min=1e-3)
        known = seen_part(pictures, targets).flatten(0, 1).clamp(0, 1)
        seen.append(_psnr_db(known - truth, share).sum())
        alike.append(
            structural_similarity_index_measure(colour, truth, data_range=1.0, reduction="sum")
        )
    return torch.stack([truth.new_tensor(len(truth)), *whole, *seen, *alike]).double()


def _psnr_db(
    difference: Float[Tensor, "picture 3 height width"], share: Float[Tensor, " picture"] | float
) -> Float[Tensor, " picture"]:
    """Of the given share of each picture, the rest of which does not differ."""
    return -10 * (difference.square().mean((1, 2, 3)) / share).clamp(min=1e-10).log10()
