# SPDX-License-Identifier: Apache-2.0
"""Runs a network on a golden case and collects every number that the golden files hold."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from depthsplat_ros.model.cost_volume import select_neighbours
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.gaussian_head import (
    decode_harmonics,
    decode_means,
    decode_opacities,
    decode_rotations_xyzw,
    decode_scales,
    world_covariances,
)
from depthsplat_ros.model.harmonics import rotate_harmonics
from depthsplat_ros.model.types import Views


def views_of(inputs: Mapping[str, np.ndarray]) -> Views:
    tensors = {name: torch.from_numpy(values)[None] for name, values in inputs.items()}
    return Views(
        images=tensors["images"],
        intrinsics=tensors["intrinsics"],
        world_from_camera=tensors["extrinsics"],
        near_m=tensors["near"],
        far_m=tensors["far"],
    )


class Activations:
    """Inputs and outputs of modules, caught by hooks."""

    def __init__(self) -> None:
        self.inputs: dict[str, list] = {}
        self.outputs: dict[str, list] = {}
        self._handles = []

    def watch(self, name: str, module: nn.Module) -> None:
        def keep(_: nn.Module, inputs: tuple, output: object) -> None:
            self.inputs.setdefault(name, []).append(inputs)
            self.outputs.setdefault(name, []).append(output)

        self._handles.append(module.register_forward_hook(keep))

    def joined(self, name: str) -> Tensor:
        """Output of a module that may be run on a few views at a time."""
        return torch.cat(self.outputs[name])

    def stop(self) -> None:
        for handle in self._handles:
            handle.remove()


@torch.inference_mode()
def run_case(
    model: DepthSplat, inputs: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray] | None, dict[str, np.ndarray], np.ndarray]:
    """Depth, Gaussians in the official conventions, intermediates, and neighbour indices."""
    views = views_of(inputs)
    seen = Activations()
    depth = model.depth
    for name, module in {
        "cnn": depth.backbone,
        "transformer": depth.transformer,
        "residual": depth.residual,
    }.items():
        seen.watch(name, module)
    for scale, module in enumerate(depth.scales):
        seen.watch(f"scale{scale}", module)
        seen.watch(f"unet_out_s{scale}", module.regressor_output)
        seen.watch(f"logits_s{scale}", module.logits)
    for scale, module in enumerate(depth.mono_pyramid):
        seen.watch(f"mono{scale + 1}", module)
    if model.gaussians is not None:
        seen.watch("gs_features", model.gaussians.features)
        seen.watch("gs_regressor", model.gaussians.regressor)
        seen.watch("gs_raw", model.gaussians.output)

    vit_maps = {}
    look = depth.look

    def look_and_keep(images: Tensor):
        maps = look(images)
        vit_maps.update(enumerate(maps.vit))
        return maps

    depth.look = look_and_keep
    try:
        prediction = model.predict_scene(views, model.encode_views(views.images))
    finally:
        del depth.look
        seen.stop()

    debug = {"cnn_lowest": seen.outputs["cnn"][0][-1], "depth_residual": seen.joined("residual")}
    debug |= {f"mono_intermediate_{index}": values for index, values in vit_maps.items()}
    mono = vit_maps[3]
    for scale in range(model.config.scale_count):
        scores, matching, *_ = seen.inputs[f"scale{scale}"][0]
        if scale > 0:
            mono = seen.outputs[f"mono{scale}"][0]
        elif model.config.lowest_stride == 4:
            mono = nn.functional.interpolate(
                mono, scale_factor=2, mode="bilinear", align_corners=True
            )
        cnn = seen.outputs["cnn"][0][-1 - scale]
        logits = seen.outputs[f"logits_s{scale}"][0]
        debug |= {
            f"features_mv_s{scale}": matching,
            f"features_mono_s{scale}": mono,
            f"unet_in_s{scale}": torch.cat([scores, cnn, matching, mono], dim=1),
            f"unet_out_s{scale}": seen.outputs[f"unet_out_s{scale}"][0],
            f"logits_s{scale}": logits,
            f"match_prob_max_s{scale}": logits.softmax(1).amax(1),
        }

    gaussians = None
    if model.gaussians is not None:
        debug |= {name: seen.joined(name) for name in ("gs_features", "gs_regressor", "gs_raw")}
        gaussians = official_gaussians(model, views, prediction.depth_m, debug["gs_raw"][None])
        gaussians = {name: values.numpy() for name, values in gaussians.items()}
    debug = {name: values.numpy() for name, values in debug.items()}
    neighbours = select_neighbours(views.world_from_camera, model.config.neighbour_count)
    return prediction.depth_m[0].numpy(), gaussians, debug, neighbours[0].numpy()


def official_gaussians(
    model: DepthSplat, views: Views, depth_m: Tensor, raw: Tensor
) -> dict[str, Tensor]:
    """The Gaussians as the official code gives them; rotations stay in the camera's frame."""
    pose = views.world_from_camera
    scales = decode_scales(raw, model.config.gaussians.scale_limit)
    rotations = decode_rotations_xyzw(raw)
    attributes = {
        "means": decode_means(raw, depth_m, views.intrinsics, pose),
        "covariances": world_covariances(scales, rotations, pose),
        "harmonics": rotate_harmonics(decode_harmonics(raw, views.images), pose),
        "opacities": decode_opacities(raw),
        "scales": scales,
        "rotations": rotations,
    }
    return {name: values[0].flatten(0, 1) for name, values in attributes.items()}
