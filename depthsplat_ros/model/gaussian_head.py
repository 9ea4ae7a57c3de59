# SPDX-License-Identifier: Apache-2.0
"""One Gaussian per pixel: raw numbers from a small network, and pure functions that read them.

The published networks speak in the camera's frame and in e3nn's basis of spherical harmonics; what
leaves this file is in the world frame and in the ordinary basis of 3D Gaussian splatting. Ours say
how their Gaussians differ from discs on the surface, see `discs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from depthsplat_ros.model.acceleration import fused_kernels
from depthsplat_ros.model.config import DepthSplatConfig, GaussianConfig
from depthsplat_ros.model.constants import constant_tensor
from depthsplat_ros.model.depth import (
    ImageMaps,
    Matching,
    multi_view_inputs,
    stages_of,
)
from depthsplat_ros.model.discs import CHANGE_CHANNELS
from depthsplat_ros.model.dpt import DptHead
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.harmonics import (
    CONSTANT_HARMONIC,
    HARMONIC_COUNT,
    world_viewer_matrix,
)
from depthsplat_ros.model.layers import Convolution, Convolutions
from depthsplat_ros.model.matrices import invert_3x3
from depthsplat_ros.model.pixels import pixel_centres
from depthsplat_ros.model.quaternions import multiply_quaternions, quaternion_from_rotation

OPACITY, OFFSET, SCALE, ROTATION, HARMONICS = (
    slice(0, 1),
    slice(1, 3),
    slice(3, 6),
    slice(6, 10),
    slice(10, 37),
)
"""Where each attribute lies among the raw channels; the harmonics colour by colour."""
RAW_CHANNELS = 37
_SMALLEST_SCALE = 1e-10
_EPSILON = 1e-8
_EDGE = 0.05
"""Relative difference of depth from which a pixel stands out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """What is known of the depth of some views when their Gaussians are made."""

    depth_m: Float[Tensor, "batch view height width"]
    confidence: Float[Tensor, "batch view height width"]
    """In [0, 1]."""
    near_m: Float[Tensor, "batch view"]
    far_m: Float[Tensor, "batch view"]


class GaussianHead(nn.Module):
    """Image, depth and features -> raw Gaussian parameters of every pixel.

    Source: official `encoder_depthsplat.py`.
    """

    def __init__(self, config: DepthSplatConfig, gaussians: GaussianConfig) -> None:
        super().__init__()
        self._has_habits = config.keeps_published_habits
        features, regressed = gaussians.feature_channels, gaussians.regressor_channels
        surface, hidden, raw = (
            (2, RAW_CHANNELS, RAW_CHANNELS)
            if self._has_habits
            else (3, regressed, CHANGE_CHANNELS)
        )
        self.features = DptHead(config, features, joins_depth=False)
        self.regressor = Convolutions(
            Convolution(3 + surface + features, regressed, 3, padding=1),
            nn.GELU(),
            Convolution(regressed, regressed, 3, padding=1),
        )
        self.output = Convolutions(
            Convolution(
                regressed + 3 + features + 1,
                hidden,
                3,
                padding=1,
                padding_mode="replicate",
            ),
            nn.GELU(),
            Convolution(hidden, raw, 3, padding=1, padding_mode="replicate"),
        )

    def encode(self, maps: ImageMaps) -> dict[str, Tensor]:
        """All that can be computed without the other views, "image channel height width" each."""
        stages = self.features.encode(maps.cnn, maps.vit)
        return {f"gaussian_stage{index}": values for index, values in enumerate(stages)}

    def forward(
        self,
        images: Float[Tensor, "batch view 3 height width"],
        surface: Surface,
        matching: Matching,
        features: Mapping[str, Float[Tensor, "batch view ..."]],
    ) -> Float[Tensor, "batch view raw height width"]:
        """Raw parameters; it is per view, all arguments may be restricted to some of the views."""
        stages = stages_of(features, "gaussian_stage")
        dtype = stages[0].dtype
        fused = self.features(stages, multi_view_inputs(matching))
        image = images.flatten(0, 1).to(dtype)
        depth = [
            values.flatten(0, 1)[:, None].to(dtype)
            for values in ([surface.depth_m] if self._has_habits else _shape_of(surface))
        ]
        confidence = surface.confidence.flatten(0, 1)[:, None].to(dtype)
        regressed = self.regressor(image, *depth, confidence, fused)
        raw = self.output(regressed, image, fused, confidence)
        return raw.unflatten(0, images.shape[:2])


def _shape_of(surface: Surface) -> tuple[Tensor, Tensor]:
    """Depth as a share of the range, and how a pixel stands out of its surroundings.

    Neither changes with the unit of the poses.
    """
    lowest, highest = (1 / limit[..., None, None] for limit in (surface.far_m, surface.near_m))
    logarithm = surface.depth_m.log()
    around = F.avg_pool2d(logarithm, 5, stride=1, padding=2, count_include_pad=False)
    return (
        (1 / surface.depth_m - lowest) / (highest - lowest),
        ((logarithm - around) / _EDGE).tanh(),
    )


def write_gaussians(
    scene: GaussianScene,
    first_view: int,
    raw: Float[Tensor, "batch view 37 height width"],
    images: Float[Tensor, "batch view 3 height width"],
    depth_m: Float[Tensor, "batch view height width"],
    intrinsics: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
    scale_limit: float,
) -> None:
    """Puts the Gaussians of some views in their place in the scene of a whole window.

    `first_view` is the place of the first of these views in the window; see `gaussians_in_world`
    for the rest.
    """
    kernels = fused_kernels(raw)
    if kernels is not None:
        kernels.write_gaussians(
            scene,
            first_view,
            raw,
            images,
            depth_m,
            _world_from_image(intrinsics, world_from_camera),
            world_from_camera[..., :3, 3],
            quaternion_from_rotation(world_from_camera[..., :3, :3]),
            world_viewer_matrix(world_from_camera),
            scale_limit,
        )
        return
    part = gaussians_in_world(
        raw.float(), images, depth_m, intrinsics, world_from_camera, scale_limit
    )
    scene.put(first_view * depth_m[0, 0].numel(), part)


def gaussians_in_world(
    raw: Float[Tensor, "batch view 37 height width"],
    images: Float[Tensor, "batch view 3 height width"],
    depth_m: Float[Tensor, "batch view height width"],
    intrinsics: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
    scale_limit: float,
) -> GaussianScene:
    """One Gaussian per pixel, in the world frame, in the order view, row, column.

    The intrinsics are normalised by the image's size; `scale_limit` bounds the standard
    deviations, in the unit of the poses.
    """
    camera_rotation = quaternion_from_rotation(world_from_camera[..., :3, :3])
    local_rotation = decode_rotations_xyzw(raw)[..., [3, 0, 1, 2]]
    harmonics = decode_harmonics(raw, images)
    harmonics = harmonics @ world_viewer_matrix(world_from_camera).to(raw.dtype)[:, :, None].mT
    attributes = {
        "means_m": decode_means(raw, depth_m, intrinsics, world_from_camera),
        "scales_m": decode_scales(raw, scale_limit),
        "rotations_wxyz": multiply_quaternions(
            camera_rotation[:, :, None].to(raw.dtype), local_rotation
        ),
        "opacities": decode_opacities(raw),
        "harmonics": harmonics,
    }
    return GaussianScene(**{name: values.flatten(1, 2) for name, values in attributes.items()})


def decode_opacities(
    raw: Float[Tensor, "batch view 37 height width"],
) -> Float[Tensor, "batch view pixel"]:
    """Opacity in (0, 1)."""
    return raw[:, :, OPACITY].sigmoid().flatten(2)


def decode_scales(
    raw: Float[Tensor, "batch view 37 height width"], limit: float
) -> Float[Tensor, "batch view pixel 3"]:
    """Standard deviations in the unit of the poses; they do not grow with depth."""
    return _last(F.softplus(raw[:, :, SCALE] - 4).clamp(_SMALLEST_SCALE, limit))


def decode_rotations_xyzw(
    raw: Float[Tensor, "batch view 37 height width"],
) -> Float[Tensor, "batch view pixel 4"]:
    """Unit quaternions, axes of the Gaussian to those of the camera, scalar last."""
    quaternion = raw[:, :, ROTATION]
    return _last(quaternion / (quaternion.norm(dim=2, keepdim=True) + _EPSILON))


def decode_means(
    raw: Float[Tensor, "batch view 37 height width"],
    depth_m: Float[Tensor, "batch view height width"],
    intrinsics: Float[Tensor, "batch view 3 3"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
) -> Float[Tensor, "batch view pixel 3"]:
    """Centres in the world frame: the pixel's ray, moved by up to half a pixel, times its depth.

    Pixel centres lie at half pixels here, unlike in the cost volume, and every view is read with
    its own intrinsics; see `cost_volume.match_views` for where that differs and why.
    """
    height, width = raw.shape[-2:]
    shift = (raw[:, :, OFFSET].sigmoid() - 0.5) * _pixel_size(height, width, raw.device)
    place = pixel_centres(height, width, raw.device) + shift
    place = torch.cat([place, torch.ones_like(place[:, :, :1])], dim=2)
    camera_points = place * depth_m[:, :, None]
    matrix = _world_from_image(intrinsics, world_from_camera)
    rotated = _last(camera_points) @ matrix.mT
    return rotated + world_from_camera[:, :, None, :3, 3]


def decode_harmonics(
    raw: Float[Tensor, "batch view 37 height width"],
    images: Float[Tensor, "batch view 3 height width"],
) -> Float[Tensor, "batch view pixel 3 9"]:
    """Spherical harmonics per colour in e3nn's basis and the camera's axes.

    The constant term starts from the pixel's own colour; the higher degrees are damped.
    """
    harmonics = rearrange(
        raw[:, :, HARMONICS], "b v (colour k) h w -> b v (h w) colour k", k=HARMONIC_COUNT
    )
    harmonics = harmonics * _harmonic_weights(raw.device)
    colours = rearrange(images, "b v colour h w -> b v (h w) colour")
    harmonics[..., 0] += (colours - 0.5) / CONSTANT_HARMONIC
    return harmonics


def world_covariances(
    scales_m: Float[Tensor, "batch view pixel 3"],
    rotations_xyzw: Float[Tensor, "batch view pixel 4"],
    world_from_camera: Float[Tensor, "batch view 4 4"],
) -> Float[Tensor, "batch view pixel 3 3"]:
    """Covariance matrices in the world frame, as the official code makes them."""
    x, y, z, w = rotations_xyzw.unbind(dim=-1)
    twice = 2 / (rotations_xyzw.square().sum(dim=-1) + _EPSILON)
    local = torch.stack(
        [
            1 - twice * (y * y + z * z),
            twice * (x * y - z * w),
            twice * (x * z + y * w),
            twice * (x * y + z * w),
            1 - twice * (x * x + z * z),
            twice * (y * z - x * w),
            twice * (x * z - y * w),
            twice * (y * z + x * w),
            1 - twice * (x * x + y * y),
        ],
        dim=-1,
    ).unflatten(-1, (3, 3))
    axes = world_from_camera[:, :, None, :3, :3] @ local * scales_m[..., None, :]
    return axes @ axes.mT


def _world_from_image(
    intrinsics: Float[Tensor, "batch view 3 3"], world_from_camera: Float[Tensor, "batch view 4 4"]
) -> Float[Tensor, "batch view 3 3"]:
    """Turns (x, y, 1) * depth, normalised by the image's size, into world axes."""
    matrix = world_from_camera[..., :3, :3].double() @ invert_3x3(intrinsics.double())
    return matrix.float()


@constant_tensor
def _pixel_size(height: int, width: int, device: torch.device) -> Float[Tensor, "2 1 1"]:
    return torch.tensor([1 / width, 1 / height]).to(device)[:, None, None]


@constant_tensor
def _harmonic_weights(device: torch.device) -> Float[Tensor, " 9"]:
    return torch.tensor([1.0] + 3 * [0.025] + 5 * [0.00625]).to(device)


def _last(
    values: Float[Tensor, "batch view c height width"],
) -> Float[Tensor, "batch view pixel c"]:
    return rearrange(values, "b v c h w -> b v (h w) c")
