# SPDX-License-Identifier: Apache-2.0
"""Processes of a run whose clocks and starts differ decide alike when to validate and to end."""

import datetime
import json
import types
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from training import train
from training.optimisation import OptimisationConfig

_STEP_S = (0.25, 0.75)
"""By which the two clocks go on with every look at them."""


class _Model:
    def parameters(self):
        return iter([torch.zeros(1)])


class _Trainer:
    """As much of a trainer as `train.run` needs; validation is a collective act."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.model = _Model()
        self.state = types.SimpleNamespace(step=0, seconds=0.0)
        self.config = types.SimpleNamespace(
            validate_every_s=7.0, optimisation=OptimisationConfig()
        )

    def step(self):
        self.state.step += 1

    def save(self):
        pass

    def means(self):
        return {}

    def validate(self, sets):
        steps = torch.tensor([self.state.step, -self.state.step])
        dist.all_reduce(steps, dist.ReduceOp.MAX)
        return {"steps": {"largest": int(steps[0]), "smallest": -int(steps[1])}}


def _run(rank: int, folder: str) -> None:
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(seconds=60),
    )
    now_s = 1000.0 * rank

    def monotonic() -> float:
        nonlocal now_s
        now_s += _STEP_S[rank]
        return now_s

    train.time = types.SimpleNamespace(monotonic=monotonic)
    train._STARTED_S = 1000.0 * rank - 3.0 * rank
    train.run(_Trainer(rank), [], minutes=0.5, log=Path(folder, "curve.jsonl"))
    dist.destroy_process_group()


def test_processes_with_other_clocks_validate_and_end_at_the_same_steps(tmp_path, monkeypatch):
    # The processes import this file by its name.
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    multiprocessing.spawn(_run, (str(tmp_path),), nprocs=2)
    lines = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert len(lines) >= 3
    for line in lines:
        assert line["steps"] == {"largest": line["step"], "smallest": line["step"]}
