# SPDX-License-Identifier: Apache-2.0
"""A run of the Gaussian stage at toy size on the CPU."""

import dataclasses
import itertools

import pytest
import torch
from model.tiny import OWN_NETWORK

from depthsplat_ros.model.checkpoint import build_depthsplat, load_state, save_depthsplat
from depthsplat_ros.model.config import GaussianConfig
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.zoo import BUNDLED
from training.forward import initialise
from training.gaussian_forward import describe
from training.gaussian_losses import PictureWeights, picture_loss
from training.gaussian_windows import Targets
from training.optimisation import OptimisationConfig
from training.splatting import Pictures
from training.train_gaussians import DepthPartError, GaussianTrainer, GaussianTrainingConfig
from training.windows import WindowsConfig

CONFIG = GaussianTrainingConfig(
    gaussians=GaussianConfig(feature_channels=8, regressor_channels=8, scale_limit=4.0),
    windows=WindowsConfig(
        pixels_per_step=3 * 32 * 32,
        sizes=((32, 32),),
        size_shares=(1.0,),
        view_counts=(3,),
        view_shares=(1.0,),
        samples=1,
        prefetched=1,
    ),
    optimisation=OptimisationConfig(warm_up_steps=2, total_steps=40, peak_rate=1e-2),
    minimum_confidence=0.0,
    precision=torch.float32,
    held_out=2,
)


@pytest.fixture(scope="module")
def depth_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("depth") / "depth.safetensors"
    torch.manual_seed(0)
    network = DepthSplat(OWN_NETWORK)
    initialise(network)
    save_depthsplat(network.half(), path)
    return path


@pytest.fixture
def make_trainer(renderer, tmp_path, depth_file):
    config = dataclasses.replace(CONFIG, depth=depth_file)
    return lambda: GaussianTrainer(config, torch.device("cpu"), tmp_path / "run")


def test_loss_falls_on_windows_seen_again_and_the_depth_part_stays(make_trainer):
    trainer = make_trainer()
    before = {name: values.clone() for name, values in trainer.model.depth.named_parameters()}
    trainer._steps = itertools.repeat(next(trainer._steps))
    losses = [trainer.step().item() for _ in range(16)]
    # Each step has a background of its own.
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])
    assert trainer.means().keys() == {"colour", "square", "structure", "loss", "norm"}
    for name, values in trainer.model.depth.named_parameters():
        assert torch.equal(values, before[name]), name
    assert trainer.state.step == 16


def test_a_new_run_starts_at_the_discs_and_leaves_them(make_trainer):
    trainer = make_trainer()
    windows = trainer.held_out()
    found = trainer.validate([windows])["scenes"]
    assert found["psnr_db"] == found["discs_psnr_db"] > 5
    assert found["ssim"] == found["discs_ssim"]
    assert found["seen_psnr_db"] == found["seen_discs_psnr_db"]
    for _ in range(2):
        trainer.step()
    later = trainer.validate([windows])["scenes"]
    assert later["psnr_db"] != found["psnr_db"]
    assert later["discs_psnr_db"] == found["discs_psnr_db"]


def test_a_resumed_run_takes_the_very_same_steps_without_the_depth_file(make_trainer, tmp_path):
    trainer = make_trainer()
    trainer.step()
    trainer.save()
    resumed = GaussianTrainer(CONFIG, torch.device("cpu"), tmp_path / "run")
    assert resumed.state.step == 1
    assert trainer.step().item() == resumed.step().item()
    for name, values in trainer.state.weights.items():
        assert torch.equal(values, resumed.state.weights[name]), name
    for name, values in trainer.state.average.items():
        assert torch.equal(values, resumed.state.average[name]), name


def test_what_is_shipped_is_the_given_depth_part_and_the_averaged_head(
    make_trainer, depth_file, tmp_path
):
    trainer = make_trainer()
    trainer.step()
    trainer.save()
    path = tmp_path / "run" / "tiny.safetensors"
    with path.open("rb") as file:
        network = build_depthsplat(load_state(file, path.name))
    with depth_file.open("rb") as file:
        depth = load_state(file, depth_file.name).tensors
    assert network.config == dataclasses.replace(OWN_NETWORK, gaussians=CONFIG.gaussians)
    for name, values in network.state_dict().items():
        if name.startswith("gaussians."):
            torch.testing.assert_close(values, trainer.state.average[name], atol=1e-6, rtol=2e-3)
        else:
            assert torch.equal(values, depth[name].float()), name
    assert any((values != 0).any() for values in network.gaussians.output[-1].parameters())


def test_depth_is_taken_for_measured_where_the_node_does():
    assert GaussianTrainingConfig().minimum_confidence == BUNDLED.minimum_confidence


def test_a_new_run_without_a_depth_part_says_what_it_needs(tmp_path, renderer):
    with pytest.raises(DepthPartError, match="--depth"):
        GaussianTrainer(CONFIG, torch.device("cpu"), tmp_path / "run")


def test_training_describes_the_gaussians_that_the_network_predicts(make_trainer):
    trainer = make_trainer()
    for _ in range(2):
        trainer.step()
    inputs = next(trainer._steps).inputs
    with torch.no_grad():
        expected = trainer.model(inputs).gaussians
        found = describe(trainer.model, inputs, 0.0).learned
    is_kept = found.opacities > 0
    assert 0.3 < is_kept.float().mean() <= 1
    for name in ("means_m", "scales_m", "opacities", "harmonics"):
        torch.testing.assert_close(
            getattr(found, name)[is_kept], getattr(expected, name)[is_kept], msg=name
        )


def test_what_no_input_shows_costs_nothing():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 1, 3, 32, 32, generator=generator)
    colour = images.clone()
    colour[..., 16:] = 0
    is_seen = torch.ones(1, 1, 32, 32, dtype=torch.bool)
    is_seen[..., 16:] = False
    cameras = torch.eye(4)[None, None]
    for mask, is_alike in ((is_seen, True), (torch.ones_like(is_seen), False)):
        targets = Targets(
            images=images,
            intrinsics=cameras[..., :3, :3],
            world_from_camera=cameras,
            is_seen=mask,
        )
        pictures = Pictures(colour=colour, opacity=torch.ones(1, 1, 32, 32))
        loss, _ = picture_loss(pictures, targets, PictureWeights())
        assert (loss.item() < 1e-5) == is_alike
