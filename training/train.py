# SPDX-License-Identifier: Apache-2.0
"""Trains `tiny` for some minutes on the GPUs of one host, and goes on where it stopped.

torchrun --nproc_per_node 4 -m training.train RUN --minutes 8 [--real windows.npz ...]
"""

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

from depthsplat_ros.model.checkpoint import load_state
from depthsplat_ros.model.config import TINY_DEPTH, DepthSplatConfig
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.types import Views
from training import state as states
from training.acceleration import accelerate
from training.captured import Gradients, Parts
from training.forward import ask, initialise
from training.losses import LossWeights, Truth, loss_parts
from training.optimisation import OptimisationConfig, rate_at, take_step
from training.rendering import Renderer
from training.validation import ValidationSet, figures, held_out_scenes, real_windows, validate
from training.windows import WindowsConfig, WindowSource

_STARTED_S = time.monotonic()
"""Of this process, from where its minutes count."""
_CHECK_EVERY = 10
"""Steps between two looks at the clock, which all devices take together."""
_LONGEST_WAIT = datetime.timedelta(minutes=2)
"""For another device; after that the run ends."""
_SCHEDULED_SHARE = 0.94
"""Of a run's time; the rest goes to validation and saving."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """One run."""

    network: DepthSplatConfig = TINY_DEPTH
    windows: WindowsConfig = WindowsConfig()
    optimisation: OptimisationConfig = OptimisationConfig()
    weights: LossWeights = LossWeights()
    start: Path | None = None
    """Weights to start a new run from; what they lack starts as in a run without."""
    seed: int = 1
    precision: torch.dtype = torch.bfloat16
    validate_every_s: float = 60.0
    held_out: int = 32


class Trainer:
    """A run on this process' device; all processes of a run stay in step."""

    def __init__(self, config: TrainingConfig, device: torch.device, folder: Path) -> None:
        """Starts a run, or takes up the one whose state lies in the folder."""
        self.config = config
        self._device = device
        self._folder = folder
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self._world = dist.get_world_size() if dist.is_initialized() else 1
        torch.manual_seed(config.seed)
        self.model = DepthSplat(config.network)
        initialise(self.model)
        if config.start is not None:
            with config.start.open("rb") as file:
                given = load_state(file, config.start.name).tensors
            # A finished network has a Gaussian head besides; an older one may lack a part.
            own = self.model.state_dict()
            self.model.load_state_dict(
                own | {name: values.float() for name, values in given.items() if name in own}
            )
            _report({"untrained": sorted(own.keys() - given.keys())}, self.rank)
        self.model.to(device)
        if states.exists(folder):
            self.state = states.load(folder, device)
        else:
            self.state = states.start(self.model)
        self.model.to(config.precision)
        for name, values in self.model.named_parameters():
            values.data.copy_(self.state.weights[name])
        if device.type == "cuda":
            self.model.to(memory_format=torch.channels_last)
        self._judge = DepthSplat(config.network).to(device).requires_grad_(False).eval()
        threads = max(1, (os.cpu_count() or 1) // self._world - 2) if device.type == "cuda" else 1
        self._renderer = Renderer(device, threads=threads)
        source = WindowSource(config.windows, self._renderer, device, self.rank)
        self._steps = source.steps(self.state.step)
        self._gradients = Gradients(self._loss_parts, list(self.model.parameters()))
        self._sums: dict[str, torch.Tensor] = {}
        self._counted = 0

    def step(self) -> torch.Tensor:
        """One step; returns its loss."""
        parts = self._gradients(*next(self._steps))
        norm = take_step(self.model, self.state, self.config.optimisation)
        for name, value in (parts | {"norm": norm}).items():
            self._sums[name] = self._sums.get(name, 0) + value
        self._counted += 1
        return parts["loss"]

    def _loss_parts(self, views: Views, truth: Truth) -> Parts:
        opinion = ask(self.model, views)
        return loss_parts(
            opinion.scales,
            opinion.inverse_depth,
            opinion.confidence_logit,
            truth,
            self.config.weights,
        )

    def fit_schedule(self, seconds: float, *, trial_steps: int = 40) -> None:
        """Takes some steps and has the rate reach its end so many seconds after the start."""
        durations_s = []
        for _ in range(trial_steps):
            started_s = time.monotonic()
            self.step().item()
            durations_s.append(time.monotonic() - started_s)
        # The first step of each size of images takes longer.
        step_s = _agree(statistics.median(durations_s), self)
        left_s = _agree(seconds - (time.monotonic() - _STARTED_S), self)
        total_steps = self.state.step + round(_SCHEDULED_SHARE * left_s / step_s)
        self.config = dataclasses.replace(
            self.config,
            optimisation=dataclasses.replace(self.config.optimisation, total_steps=total_steps),
        )
        _report({"milliseconds a step": 1e3 * step_s, "total steps": total_steps}, self.rank)

    def means(self) -> dict[str, float]:
        """The parts of the loss since the last call."""
        means = {name: float(value) / self._counted for name, value in self._sums.items()}
        self._sums, self._counted = {}, 0
        return means

    def validate(self, sets: list[ValidationSet]) -> dict[str, dict[str, float]]:
        """Figures of the averaged weights."""
        self._judge.load_state_dict(self.state.average)
        results = {}
        for windows in sets:
            chosen = range(self.rank, len(windows.true_depth_m), self._world)
            sums = validate(self._judge, windows, chosen)
            if dist.is_initialized():
                dist.all_reduce(sums)
            results[windows.name] = dataclasses.asdict(figures(sums))
        return results

    def save(self) -> None:
        """Writes the state, which goes on as written."""
        states.round_to_stored(self.state)
        if self.rank == 0:
            states.save(self.state, self.model, self._folder)

    def held_out(self) -> ValidationSet:
        """Windows that training never draws."""
        return held_out_scenes(self._renderer, self._device, count=self.config.held_out)


def run(trainer: Trainer, sets: list[ValidationSet], *, minutes: float, log: Path) -> None:
    """Steps until the time is over; validates and saves now and then, and at the end."""
    started_s = time.monotonic()

    def clock_s() -> float:
        """Since the start; the same on all devices, or they would not decide alike."""
        return _agree(time.monotonic() - started_s, trainer)

    before_s, last_s, last_step = trainer.state.seconds, clock_s(), trainer.state.step
    available_s = 60 * minutes - _agree(started_s - _STARTED_S, trainer)
    while True:
        trainer.step()
        if trainer.state.step % _CHECK_EVERY:
            continue
        now_s = clock_s()
        is_over = now_s > available_s
        if now_s - last_s < trainer.config.validate_every_s and not is_over:
            continue
        trainer.state.seconds = before_s + now_s
        speed = (trainer.state.step - last_step) / (now_s - last_s)
        trainer.save()
        results = trainer.validate(sets)
        if trainer.rank == 0:
            line = {
                "step": trainer.state.step,
                "seconds": round(trainer.state.seconds, 1),
                "steps_per_s": round(speed, 3),
                "rate": rate_at(trainer.config.optimisation, trainer.state.step),
                **{name: round(value, 5) for name, value in trainer.means().items()},
                **results,
            }
            with log.open("a") as file:
                file.write(json.dumps(line) + "\n")
            _report(line, trainer.rank)
        else:
            trainer.means()
        last_s, last_step = clock_s(), trainer.state.step
        if is_over:
            return


def _agree(seconds: float, trainer: Trainer) -> float:
    """The first process' clock counts."""
    if not dist.is_initialized():
        return seconds
    clock = torch.tensor(seconds, device=next(trainer.model.parameters()).device)
    dist.broadcast(clock, 0)
    return float(clock)


def _report(line: dict, rank: int) -> None:
    if rank == 0:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def join_run() -> torch.device:
    """This process' device, made ready; processes that `torchrun` started meet here."""
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", rank)
        torch.cuda.set_device(device)
        # Products of weights are in bfloat16; those of places need all digits of float32.
        torch.backends.cuda.matmul.allow_tf32 = False
    if "WORLD_SIZE" in os.environ:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_LONGEST_WAIT)
    if device.type == "cuda":
        _report({"differences of the fused kernels": accelerate(device)}, rank)
    return device


def add_run_options(
    parser: argparse.ArgumentParser, optimisation: OptimisationConfig, windows: WindowsConfig
) -> None:
    """What both stages of training ask, with a stage's own defaults for its steps."""
    parser.add_argument("run", type=Path, help="folder of the run's state, made or taken up")
    parser.add_argument("--minutes", type=float, required=True, help="since this command started")
    parser.add_argument(
        "--real",
        type=Path,
        nargs="*",
        default=[],
        help="windows to validate on, never to train on",
    )
    parser.add_argument("--real-every", type=int, default=1, help="take every n-th of them")
    parser.add_argument("--peak-rate", type=float, default=optimisation.peak_rate)
    parser.add_argument(
        "--total-steps",
        type=int,
        help="length of the schedule; by default what fits into these minutes, measured first",
    )
    parser.add_argument(
        "--pixels-per-step",
        type=int,
        default=windows.pixels_per_step,
        help="of all images of a step, per device",
    )


def carry_out(trainer: Trainer, sets: list[ValidationSet], options: argparse.Namespace) -> None:
    """The run that the options of `add_run_options` describe, from its schedule to its end."""
    options.run.mkdir(parents=True, exist_ok=True)
    if options.total_steps is None:
        trainer.fit_schedule(60 * options.minutes)
    run(trainer, sets, minutes=options.minutes, log=options.run / "curve.jsonl")
    if dist.is_initialized():
        dist.destroy_process_group()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--validate-every", type=float, default=60.0, metavar="SECONDS", help="and save the state"
    )
    add_run_options(parser, OptimisationConfig(), WindowsConfig())
    parser.add_argument(
        "--from-weights", type=Path, help="weights for a new run; without effect on one taken up"
    )
    options = parser.parse_args()
    device = join_run()
    config = TrainingConfig(
        optimisation=dataclasses.replace(
            OptimisationConfig(),
            peak_rate=options.peak_rate,
            **({} if options.total_steps is None else {"total_steps": options.total_steps}),
        ),
        windows=dataclasses.replace(WindowsConfig(), pixels_per_step=options.pixels_per_step),
        start=options.from_weights,
        validate_every_s=options.validate_every,
    )
    trainer = Trainer(config, device, options.run)
    sets = [trainer.held_out()]
    sets += [real_windows(path, device, every=options.real_every) for path in options.real]
    carry_out(trainer, sets, options)


if __name__ == "__main__":
    main()
