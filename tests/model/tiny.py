# SPDX-License-Identifier: Apache-2.0
"""Tiny networks with weights of our own making, and a window of views for them."""

import zlib
from dataclasses import replace

import numpy as np
import torch

from depthsplat_ros.model.config import TINY_DEPTH, DepthSplatConfig, GaussianConfig, VitConfig
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.types import Views

# So small a network gains nothing from threads that wait for each other.
torch.set_num_threads(1)

_VIT = VitConfig(
    channels=32, block_count=4, head_count=2, tapped_blocks=(0, 1, 2, 3), pretraining_grid=5
)


_GAINS = {"scales.0.logits.2": 0.9, "scales.1.logits.2": 6.0, "depth.residual.4": 0.05}
"""Chosen so that the probabilities of the hypotheses are peaked, not all in one place."""


def tiny_config(*, lowest_stride=8, scale_count=2, has_gaussians=True):
    """The published architecture at a small width; strides and scales as in a published one."""
    return DepthSplatConfig(
        vit=_VIT,
        lowest_stride=lowest_stride,
        scale_count=scale_count,
        fusion_channels=8,
        cnn_channels=(16, 24, 64),
        transformer_layers=4,
        candidate_count=32,
        gaussians=(
            GaussianConfig(feature_channels=16, regressor_channels=16, scale_limit=3.0)
            if has_gaussians
            else None
        ),
    )


def seeded_weights(model):
    """A value for every weight, the same on every machine, from the weight's name.

    Only uniform numbers and one multiplication and addition in float32 are used, so there is no
    rounding that could differ.
    """
    weights = {}
    for name, values in model.state_dict().items():
        generator = np.random.Generator(np.random.Philox(key=zlib.crc32(name.encode())))
        uniform = 2 * generator.random(tuple(values.shape), dtype=np.float32) - np.float32(1)
        if values.ndim < 2:
            offset = 1.0 if name.endswith("weight") or name.endswith("gamma") else 0.0
            weights[name] = np.float32(offset) + np.float32(0.15) * uniform
        else:
            gain = next((gain for part, gain in _GAINS.items() if part in name), 1.4)
            weights[name] = np.float32(gain / values[0].numel() ** 0.5) * uniform
    return {name: torch.from_numpy(np.asarray(values)) for name, values in weights.items()}


def tiny_model(**choices):
    model = DepthSplat(tiny_config(**choices))
    model.load_state_dict(seeded_weights(model))
    return model.requires_grad_(False).eval()


OWN_NETWORK = replace(
    TINY_DEPTH,
    cnn_channels=(16, 24, 32),
    fusion_channels=16,
    transformer_layers=2,
    candidate_count=32,
)
"""Our own network for depth, at toy size."""


def enlarged(views, scale):
    """The same window with poses and range in a unit so many times smaller."""
    poses = views.world_from_camera.clone()
    poses[..., :3, 3] *= scale
    return replace(
        views,
        world_from_camera=poses,
        near_m=views.near_m * scale,
        far_m=views.far_m * scale,
    )


def window(view_count, *, height=64, width=96, batch=1, seed=0):
    """A window of smooth random images from cameras that move sideways and turn a little."""
    generator = np.random.default_rng(seed)
    coarse = generator.random((batch, view_count, 3, 9, 13), dtype=np.float32)
    images = torch.nn.functional.interpolate(
        torch.from_numpy(coarse).flatten(0, 1), (height, width), mode="bicubic"
    ).clamp(0, 1)
    world_from_camera = torch.eye(4).repeat(batch, view_count, 1, 1)
    for view in range(view_count):
        angle = 0.05 * view**1.5
        world_from_camera[:, view, 0, 0] = world_from_camera[:, view, 2, 2] = np.cos(angle)
        world_from_camera[:, view, 0, 2] = np.sin(angle)
        world_from_camera[:, view, 2, 0] = -np.sin(angle)
        world_from_camera[:, view, :3, 3] = torch.tensor([0.2 * view**1.2, 0.02, 0.03 * view])
    intrinsics = torch.tensor([[0.9, 0.0, 0.48], [0.0, 1.3, 0.53], [0.0, 0.0, 1.0]])
    return Views(
        images=images.unflatten(0, (batch, view_count)),
        intrinsics=intrinsics.repeat(batch, view_count, 1, 1),
        world_from_camera=world_from_camera,
        near_m=torch.full((batch, view_count), 0.5),
        far_m=torch.full((batch, view_count), 20.0),
    )
