# SPDX-License-Identifier: Apache-2.0
"""Trains the Gaussian head of `tiny` on a finished depth part, and goes on where it stopped.

torchrun --nproc_per_node 2 -m training.train_gaussians RUN --depth tiny_depth.safetensors \
--minutes 4 [--real windows.npz]
"""

import argparse
import dataclasses
import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model.checkpoint import build_depthsplat, load_state
from depthsplat_ros.model.config import TINY, GaussianConfig
from depthsplat_ros.model.depthsplat import DepthSplat
from training import state as states
from training.gaussian_forward import describe, initialise_head, show
from training.gaussian_losses import PictureWeights, picture_loss
from training.gaussian_validation import (
    PictureSet,
    held_out_pictures,
    picture_figures,
    real_pictures,
    validate_pictures,
)
from training.gaussian_windows import GAUSSIAN_WINDOWS, GaussianWindowSource
from training.optimisation import OptimisationConfig, take_step
from training.rendering import Renderer
from training.train import Trainer, add_run_options, carry_out, join_run
from training.windows import WindowsConfig

_HEAD = "gaussians"
"""Of a network, what this stage trains; the rest is taken as it is."""


class DepthPartError(DepthSplatError):
    """There is no depth part to train a Gaussian head for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GaussianTrainingConfig:
    """One run."""

    gaussians: GaussianConfig = TINY.gaussians
    windows: WindowsConfig = GAUSSIAN_WINDOWS
    optimisation: OptimisationConfig = OptimisationConfig(
        peak_rate=2e-3, warm_up_steps=50, total_steps=2000, average_decay=0.995
    )
    weights: PictureWeights = PictureWeights()
    depth: Path | None = None
    """Weights of the depth part for a new run; one taken up holds its own."""
    minimum_confidence: float = 0.40
    """Of depth that the node takes for measured."""
    seed: int = 1
    precision: torch.dtype = torch.bfloat16
    validate_every_s: float = 60.0
    held_out: int = 32


class GaussianTrainer(Trainer):
    """A run on this process' device; all processes of a run stay in step.

    Trains like the depth stage; what is trained, on what and against what is different.
    """

    def __init__(self, config: GaussianTrainingConfig, device: torch.device, folder: Path) -> None:
        """Starts a run, or takes up the one whose state lies in the folder.

        Raises:
            DepthPartError: if a new run is given no depth part.
        """
        self.config = config
        self._device = device
        self._folder = folder
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self._world = dist.get_world_size() if dist.is_initialized() else 1
        torch.manual_seed(config.seed)
        is_resumed = states.exists(folder)
        shipped = folder / "tiny.safetensors" if is_resumed else config.depth
        self.model = with_new_head(shipped, config.gaussians).to(device)
        self._head = nn.ModuleDict({_HEAD: self.model.gaussians})
        if is_resumed:
            self.state = states.load(folder, device)
        else:
            self.state = states.start(self._head)
            # The average is what gets shipped: the whole network.
            self.state.average.update(
                {
                    name: values.half().float()
                    for name, values in self.model.state_dict().items()
                    if name not in self.state.average
                }
            )
        self.model.to(config.precision)
        with torch.no_grad():
            for name, values in self._head.named_parameters():
                values.copy_(self.state.weights[name])
        if device.type == "cuda":
            self.model.to(memory_format=torch.channels_last)
        self._judge = DepthSplat(self.model.config).to(device).requires_grad_(False).eval()
        threads = max(1, (os.cpu_count() or 1) // self._world - 2) if device.type == "cuda" else 1
        self._renderer = Renderer(device, threads=threads)
        source = GaussianWindowSource(config.windows, self._renderer, device, self.rank)
        self._steps = source.steps(self.state.step)
        self._sums: dict[str, torch.Tensor] = {}
        self._counted = 0

    def step(self) -> torch.Tensor:
        """One step; returns its loss."""
        windows = next(self._steps)
        for values in self._head.parameters():
            values.grad = None
        found = describe(self.model, windows.inputs, self.config.minimum_confidence)
        generator = torch.Generator(self._device).manual_seed(self.state.step)
        # Of a colour that nothing has: what the inputs show must be opaque.
        background = torch.rand(
            (len(windows.inputs.images), 3), generator=generator, device=self._device
        )
        pictures = show(found.learned, windows.targets, background)
        loss, parts = picture_loss(pictures, windows.targets, self.config.weights)
        loss.backward()
        norm = take_step(self._head, self.state, self.config.optimisation)
        for name, value in (parts | {"loss": loss.detach(), "norm": norm}).items():
            self._sums[name] = self._sums.get(name, 0) + value
        self._counted += 1
        return loss.detach()

    def validate(self, sets: list[PictureSet]) -> dict[str, dict[str, float]]:
        """Figures of the averaged weights."""
        self._judge.load_state_dict(self.state.average)
        results = {}
        for each in sets:
            count = len(each.windows.inputs.images)
            sums = validate_pictures(
                self._judge,
                each.windows,
                range(self.rank, count, self._world),
                self.config.minimum_confidence,
            )
            if dist.is_initialized():
                dist.all_reduce(sums)
            figures = dataclasses.asdict(picture_figures(sums))
            results[each.name] = {name: round(value, 4) for name, value in figures.items()}
        return results

    def held_out(self) -> PictureSet:
        """Windows that training never draws."""
        return held_out_pictures(
            self._renderer,
            self._device,
            count=self.config.held_out,
            size=self.config.windows.sizes[0],
        )


def with_new_head(path: Path | None, gaussians: GaussianConfig) -> DepthSplat:
    """The network of a file, with a head that makes discs where it has none; frozen but for it.

    Raises:
        DepthPartError: if there is no file.
    """
    if path is None:
        raise DepthPartError("a new run needs a depth part: give --depth FILE.safetensors")
    with path.open("rb") as file:
        given = build_depthsplat(load_state(file, path.name))
    model = DepthSplat(dataclasses.replace(given.config, gaussians=gaussians))
    initialise_head(model)
    model.depth.load_state_dict(given.depth.state_dict())
    model.depth.requires_grad_(False)
    return model


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--depth", type=Path, help="weights of the depth part; without effect on a run taken up"
    )
    default = GaussianTrainingConfig()
    add_run_options(parser, default.optimisation, default.windows)
    options = parser.parse_args()
    device = join_run()
    total_steps = options.total_steps or default.optimisation.total_steps
    config = dataclasses.replace(
        default,
        depth=options.depth,
        optimisation=dataclasses.replace(
            default.optimisation, peak_rate=options.peak_rate, total_steps=total_steps
        ),
        windows=dataclasses.replace(default.windows, pixels_per_step=options.pixels_per_step),
    )
    trainer = GaussianTrainer(config, device, options.run)
    sets = [trainer.held_out()]
    sets += [real_pictures(path, device, every=options.real_every) for path in options.real]
    carry_out(trainer, sets, options)


if __name__ == "__main__":
    main()
