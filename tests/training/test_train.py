# SPDX-License-Identifier: Apache-2.0
"""A run at toy size on the CPU: it learns, resumes exactly, and never sees held-out scenes."""

import dataclasses
import itertools
import json

import pytest
import torch
from model.tiny import OWN_NETWORK
from safetensors.torch import load_file, save_file

from depthsplat_ros.model.checkpoint import build_depthsplat, load_state
from depthsplat_ros.model.config import TINY_DEPTH
from depthsplat_ros.model.depthsplat import DepthSplat
from training.forward import ask
from training.optimisation import OptimisationConfig, rate_at
from training.state import StateError, load, round_to_stored, save, start
from training.train import Trainer, TrainingConfig
from training.windows import HELD_OUT_SEED, WindowsConfig, plan_step

CONFIG = TrainingConfig(
    network=OWN_NETWORK,
    windows=WindowsConfig(
        pixels_per_step=2 * 2 * 32 * 64,
        sizes=((32, 64),),
        size_shares=(1.0,),
        view_counts=(2, 3),
        view_shares=(0.5, 0.5),
        samples=1,
        prefetched=1,
    ),
    optimisation=OptimisationConfig(warm_up_steps=4, total_steps=40, peak_rate=2e-3),
    precision=torch.float32,
    held_out=3,
)


@pytest.fixture
def make_trainer(renderer, tmp_path):
    return lambda folder="run": Trainer(CONFIG, torch.device("cpu"), tmp_path / folder)


def test_loss_falls_on_windows_seen_again(make_trainer):
    trainer = make_trainer()
    trainer._steps = itertools.repeat(next(trainer._steps))
    losses = [trainer.step().item() for _ in range(12)]
    assert losses[-1] < 0.8 * losses[0]
    means = trainer.means()
    assert means["loss"] == pytest.approx(sum(losses) / 12, rel=1e-4)
    assert all(means[name] > 0 for name in ("depth", "depth0", "candidates1", "confidence"))


def test_figures_of_unseen_scenes_are_those_of_their_depth(make_trainer):
    trainer = make_trainer()
    windows = trainer.held_out()
    found = trainer.validate([windows])["scenes"]
    views = windows.views
    with torch.no_grad():
        depth_m = 1 / ask(trainer.model, views).inverse_depth[:, 0]
    is_true = windows.true_depth_m > 0
    error = ((depth_m - windows.true_depth_m).abs() / windows.true_depth_m)[is_true]
    assert found["absolute_relative"] == pytest.approx(error.mean().item(), rel=1e-3)
    unseen = is_true & ~windows.is_seen
    error = ((depth_m - windows.true_depth_m).abs() / windows.true_depth_m)[unseen]
    assert found["unseen"] == pytest.approx(error.mean().item(), rel=1e-3)
    assert 0 <= found["seen_ranking"] <= 1


def test_a_resumed_run_takes_the_very_same_steps(make_trainer, tmp_path):
    trainer = make_trainer()
    for _ in range(3):
        trainer.step()
    trainer.save()
    resumed = make_trainer()
    assert resumed.state.step == 3
    for _ in range(2):
        assert trainer.step().item() == resumed.step().item()
    for name, values in trainer.state.weights.items():
        assert torch.equal(values, resumed.state.weights[name]), name
        assert torch.equal(trainer.state.average[name], resumed.state.average[name]), name


def test_what_is_shipped_is_the_average_and_can_be_loaded_by_the_package(make_trainer, tmp_path):
    trainer = make_trainer()
    trainer.step()
    trainer.save()
    path = tmp_path / "run" / "tiny.safetensors"
    with path.open("rb") as file:
        network = build_depthsplat(load_state(file, path.name))
    assert network.config == OWN_NETWORK
    for name, values in network.state_dict().items():
        torch.testing.assert_close(values, trainer.state.average[name], atol=0, rtol=2e-3)


def test_a_new_run_can_start_from_given_weights(make_trainer, renderer, tmp_path):
    trainer = make_trainer()
    trainer.step()
    trainer.save()
    config = dataclasses.replace(CONFIG, start=tmp_path / "run" / "tiny.safetensors")
    other = Trainer(config, torch.device("cpu"), tmp_path / "other")
    assert other.state.step == 0
    for name, values in other.state.weights.items():
        torch.testing.assert_close(values, trainer.state.average[name], atol=0, rtol=2e-3)


def test_what_given_weights_lack_starts_as_in_a_run_without_them(make_trainer, tmp_path, capsys):
    trainer = make_trainer()
    trainer.step()
    trainer.save()
    whole = load_file(tmp_path / "run" / "tiny.safetensors")
    part = {name: values for name, values in whole.items() if ".details." not in name}
    save_file(part, tmp_path / "part.safetensors")
    config = dataclasses.replace(CONFIG, start=tmp_path / "part.safetensors")
    other = Trainer(config, torch.device("cpu"), tmp_path / "other")
    reported = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert reported == {"untrained": sorted(whole.keys() - part.keys())}
    assert (other.state.weights["depth.details.0.features.weight"] == 0).all()
    for name, values in part.items():
        torch.testing.assert_close(other.state.weights[name], values.float(), atol=0, rtol=2e-3)


def test_every_file_of_a_state_is_small_and_the_parts_make_a_whole(tmp_path):
    model = DepthSplat(TINY_DEPTH)
    state = start(model)
    for values in (*state.first_moment.values(), *state.second_moment.values()):
        values.copy_(torch.rand(values.shape))
    round_to_stored(state)
    save(state, model, tmp_path)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"state.0", "state.1", "state.2", "tiny.safetensors"}
    assert max(sizes.values()) < 16 << 20
    loaded = load(tmp_path, torch.device("cpu"))
    for name, values in state.second_moment.items():
        assert torch.equal(values, loaded.second_moment[name]), name
        assert (values > 0).all()
    (tmp_path / "state.1").unlink()
    with pytest.raises(StateError, match="no whole training state"):
        load(tmp_path, torch.device("cpu"))


def test_steps_are_planned_from_their_number_and_held_out_seeds_never_appear():
    config = WindowsConfig()
    plans = [plan_step(config, step, rank) for step in range(200) for rank in range(2)]
    assert plans == [plan_step(config, step, rank) for step in range(200) for rank in range(2)]
    assert max(max(plan.seeds) for plan in plans) < HELD_OUT_SEED
    for one, other in zip(plans[::2], plans[1::2], strict=True):
        assert (one.view_count, one.height, one.width) == (
            other.view_count,
            other.height,
            other.width,
        )
        assert not set(one.seeds) & set(other.seeds)
    assert {plan.view_count for plan in plans} == set(config.view_counts)


def test_rate_rises_then_falls():
    config = OptimisationConfig(warm_up_steps=10, total_steps=100, peak_rate=1.0)
    rates = [rate_at(config, step) for step in range(101)]
    assert rates[0] < rates[5] < rates[9] and rates[9] > 0.95
    assert all(a >= b for a, b in zip(rates[10:], rates[11:], strict=False))
    assert rates[100] == pytest.approx(config.final_share)
