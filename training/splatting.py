# SPDX-License-Identifier: Apache-2.0
"""Pictures of Gaussians with gradients: gsplat on a GPU, and a small twin of it for CPUs.

The twin draws every Gaussian at every pixel, which is for toy sizes; where nobody asks for
gradients a CPU draws the same pictures with `depthsplat_ros.rendering`.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.camera import Camera
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.model.harmonics import CONSTANT_HARMONIC
from depthsplat_ros.model.matrices import invert_affine
from depthsplat_ros.rendering import render

_LOW_PASS_PX2 = 0.3
_LEAST_ALPHA, _MOST_ALPHA, _LEAST_LIGHT = 1 / 255, 0.999, 1e-4
_NEAR_M = 0.01
_VIEW_MARGIN = 0.3
"""Beyond the image by this share of half its size, the projection is linearised at the edge."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """What cameras see of scenes."""

    colour: Float[Tensor, "batch camera 3 height width"]
    opacity: Float[Tensor, "batch camera height width"]


def splat(
    scene: GaussianScene,
    intrinsics: Float[Tensor, "batch camera 3 3"],
    world_from_camera: Float[Tensor, "batch camera 4 4"],
    background: Float[Tensor, "batch 3"],
    *,
    height: int,
    width: int,
) -> Pictures:
    """Pictures of scenes of one colour from all sides, with gradients of the scenes.

    Args:
        scene: with one batch axis; harmonics of degree 0.
        intrinsics: over the image's size.
        world_from_camera: rigid.
        background: RGB behind the Gaussians.
        height: of the pictures.
        width: likewise.
    """
    size = intrinsics.new_tensor([width, height, 1])
    intrinsics_px = intrinsics * size[:, None]
    camera_from_world = invert_affine(world_from_camera)
    colours = (0.5 + CONSTANT_HARMONIC * scene.harmonics[..., 0]).clamp(min=0)
    if scene.means_m.is_cuda:
        return _splat_on_gpu(
            scene, colours, intrinsics_px, camera_from_world, background, height, width
        )
    drawn = torch.stack(
        [
            torch.stack(
                [
                    _draw(part, colours[index], matrix, pose, height, width)
                    if torch.is_grad_enabled()
                    else _render(part, matrix, pose, height, width)
                    for matrix, pose in zip(
                        intrinsics_px[index], camera_from_world[index], strict=True
                    )
                ]
            )
            for index, part in enumerate(_scenes_of(scene))
        ]
    )
    colour, opacity = drawn[:, :, :3], drawn[:, :, 3]
    behind = background[:, None, :, None, None] * (1 - opacity[:, :, None])
    return Pictures(colour=colour + behind, opacity=opacity)


def _splat_on_gpu(
    scene: GaussianScene,
    colours: Float[Tensor, "batch gaussian 3"],
    intrinsics_px: Float[Tensor, "batch camera 3 3"],
    camera_from_world: Float[Tensor, "batch camera 4 4"],
    background: Float[Tensor, "batch 3"],
    height: int,
    width: int,
) -> Pictures:
    from gsplat import rasterization

    colour, opacity, _ = rasterization(
        means=scene.means_m,
        quats=scene.rotations_wxyz,
        scales=scene.scales_m,
        opacities=scene.opacities,
        colors=colours,
        viewmats=camera_from_world,
        Ks=intrinsics_px,
        width=width,
        height=height,
        near_plane=_NEAR_M,
        packed=False,
        backgrounds=background[:, None].expand(-1, intrinsics_px.shape[1], -1).contiguous(),
    )
    return Pictures(colour=colour.permute(0, 1, 4, 2, 3), opacity=opacity[..., 0])


def _scenes_of(scene: GaussianScene) -> list[GaussianScene]:
    names = GaussianScene.__dataclass_fields__
    parts = [getattr(scene, name).unbind(0) for name in names]
    return [
        GaussianScene(**dict(zip(names, values, strict=True)))
        for values in zip(*parts, strict=True)
    ]


def _render(
    scene: GaussianScene,
    intrinsics_px: Float[Tensor, "3 3"],
    camera_from_world: Float[Tensor, "4 4"],
    height: int,
    width: int,
) -> Float[Tensor, "4 height width"]:
    (fx_px, _, cx_px), (_, fy_px, cy_px), _ = intrinsics_px.tolist()
    rendering = render(
        scene,
        Camera(
            width_px=width,
            height_px=height,
            fx_px=fx_px,
            fy_px=fy_px,
            # There (0, 0) is the centre of the first pixel, here its corner.
            cx_px=cx_px - 0.5,
            cy_px=cy_px - 0.5,
        ),
        invert_affine(camera_from_world),
    )
    return torch.cat([rendering.colour.permute(2, 0, 1), rendering.opacity[None]])


def _draw(
    scene: GaussianScene,
    colours: Float[Tensor, "gaussian 3"],
    intrinsics_px: Float[Tensor, "3 3"],
    camera_from_world: Float[Tensor, "4 4"],
    height: int,
    width: int,
) -> Float[Tensor, "4 height width"]:
    """Colour before black, and opacity, by gsplat's rules, each Gaussian against every pixel.

    Source: gsplat 1.5.3, projection_ewa_3dgs_fused and rasterize_to_pixels_3dgs_fwd.
    """
    rotation = camera_from_world[:3, :3]
    local = scene.means_m @ rotation.mT + camera_from_world[:3, 3]
    order = local[:, 2].argsort()
    order = order[(local[order, 2] > _NEAR_M) & (scene.opacities[order] >= _LEAST_ALPHA)]
    x, y, z = local[order].unbind(dim=-1)
    focal, centre = intrinsics_px.diagonal()[:2], intrinsics_px[:2, 2]
    place = torch.stack([x / z, y / z], dim=-1)
    mean = place * focal + centre
    extent = place.new_tensor([width, height])
    margin = _VIEW_MARGIN * 0.5 * extent / focal
    slope = torch.minimum(
        torch.maximum(place, -centre / focal - margin), (extent - centre) / focal + margin
    )
    zero = torch.zeros_like(z)
    jacobian = torch.stack(
        [focal[0] / z, zero, -focal[0] / z * slope[:, 0]]
        + [zero, focal[1] / z, -focal[1] / z * slope[:, 1]],
        dim=-1,
    ).unflatten(-1, (2, 3))
    axes = _matrices(scene.rotations_wxyz[order]) * scene.scales_m[order][:, None]
    spread = jacobian @ rotation @ axes
    covariance = spread @ spread.mT + _LOW_PASS_PX2 * torch.eye(2)
    limit = (scene.opacities[order, None] / _LEAST_ALPHA).log()
    reach = (2 * limit * covariance.diagonal(dim1=-2, dim2=-1)).sqrt()
    is_met = ((mean + reach > 0) & (mean - reach < extent)).all(dim=-1)
    order, mean, inverse = order[is_met], mean[is_met], covariance[is_met].inverse()[..., None]
    rows, columns = torch.meshgrid(
        torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij"
    )
    dx, dy = columns.reshape(1, -1) - mean[:, :1], rows.reshape(1, -1) - mean[:, 1:]
    exponent = (0.5 * dx * inverse[:, 0, 0] + dy * inverse[:, 0, 1]) * dx
    exponent = exponent + 0.5 * dy * dy * inverse[:, 1, 1]
    alpha = (scene.opacities[order, None] * (-exponent).exp()).clamp(max=_MOST_ALPHA)
    alpha = alpha.where(alpha >= _LEAST_ALPHA, 0)
    after = (1 - alpha).cumprod(dim=0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    weight = (before * alpha).where(after > _LEAST_LIGHT, 0)
    return torch.cat([colours[order].mT @ weight, weight.sum(dim=0)[None]]).view(4, height, width)


def _matrices(quaternions_wxyz: Float[Tensor, "gaussian 4"]) -> Float[Tensor, "gaussian 3 3"]:
    w, x, y, z = F.normalize(quaternions_wxyz, dim=-1).unbind(dim=-1)
    entries = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)]
    entries += [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)]
    entries += [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))
