# SPDX-License-Identifier: Apache-2.0
"""Raw numbers of the network to Gaussians in the world, in one pass over the pixels."""

from functools import partial

import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from depthsplat_ros.model.fused.kernel import kernel
from depthsplat_ros.model.gaussian_scene import GaussianScene

_PIXELS_AT_ONCE = 128


def write_gaussians(
    scene: GaussianScene,
    first_view: int,
    raw: Float[Tensor, "batch view 37 height width"],
    images: Float[Tensor, "batch view 3 height width"],
    depth_m: Float[Tensor, "batch view height width"],
    world_from_image: Float[Tensor, "batch view 3 3"],
    origin: Float[Tensor, "batch view 3"],
    camera_rotation_wxyz: Float[Tensor, "batch view 4"],
    harmonics_matrix: Float[Tensor, "batch view 9 9"],
    scale_limit: float,
) -> None:
    """Fills the scene with the Gaussians of some views, see `gaussian_head.write_gaussians`.

    Args:
        scene: contiguous and float32; it has room for all views of the window.
        first_view: place of the first of these views in the window.
        raw: with any strides.
        images: RGB in [0, 1].
        depth_m: along the optical axis.
        world_from_image: of (x, y, 1) * depth, x and y normalised by the image's size.
        origin: camera centres.
        camera_rotation_wxyz: camera axes to those of the world.
        harmonics_matrix: see `harmonics.world_viewer_matrix`.
        scale_limit: the largest standard deviation.
    """
    batch, views, _, height, width = raw.shape
    pixels = height * width
    window_views = scene.means_m.shape[1] // pixels
    _write[(triton.cdiv(pixels, _PIXELS_AT_ONCE), views, batch)](
        raw,
        images.contiguous(),
        depth_m.contiguous(),
        world_from_image.float().contiguous(),
        origin.float().contiguous(),
        camera_rotation_wxyz.float().contiguous(),
        harmonics_matrix.float().contiguous(),
        scene.means_m,
        scene.scales_m,
        scene.rotations_wxyz,
        scene.opacities,
        scene.harmonics,
        *raw.stride(),
        height,
        width,
        first_view,
        window_views,
        scale_limit,
        BLOCK=_PIXELS_AT_ONCE,
    )


@partial(kernel, do_not_specialize=["first_view"])
def _write(
    raw,
    images,
    depths,
    matrices,
    origins,
    camera_rotations,
    harmonics_matrices,
    means,
    scales,
    rotations,
    opacities,
    harmonics,
    batch_step,
    view_step,
    channel_step,
    row_step,
    column_step,
    height,
    width,
    first_view,
    window_views,
    scale_limit,
    BLOCK: tl.constexpr,
):
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    view = tl.program_id(1).to(tl.int64)
    batch = tl.program_id(2).to(tl.int64)
    pixels = height * width
    is_pixel = pixel < pixels
    row = pixel // width
    column = pixel % width
    image = batch * tl.num_programs(1) + view
    place = (batch * window_views + first_view + view) * pixels + pixel
    numbers = raw + batch * batch_step + view * view_step + row * row_step + column * column_step

    opacity = tl.load(numbers, is_pixel, other=0.0).to(tl.float32)
    tl.store(opacities + place, 1.0 / (1.0 + tl.exp(-opacity)), is_pixel)

    shift_x = tl.load(numbers + channel_step, is_pixel, other=0.0).to(tl.float32)
    shift_y = tl.load(numbers + 2 * channel_step, is_pixel, other=0.0).to(tl.float32)
    depth = tl.load(depths + image * pixels + pixel, is_pixel, other=1.0)
    x = (column.to(tl.float32) + 1.0 / (1.0 + tl.exp(-shift_x))) / width * depth
    y = (row.to(tl.float32) + 1.0 / (1.0 + tl.exp(-shift_y))) / height * depth
    for axis in tl.static_range(3):
        m = matrices + image * 9 + 3 * axis
        mean = tl.load(m) * x + tl.load(m + 1) * y + tl.load(m + 2) * depth
        mean += tl.load(origins + image * 3 + axis)
        tl.store(means + place * 3 + axis, mean, is_pixel)

        scale = tl.load(numbers + (3 + axis) * channel_step, is_pixel, other=0.0).to(tl.float32)
        scale -= 4.0
        # softplus without overflow
        scale = tl.maximum(scale, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(scale)))
        scale = tl.minimum(tl.maximum(scale, 1e-10), scale_limit)
        tl.store(scales + place * 3 + axis, scale, is_pixel)

    i = tl.load(numbers + 6 * channel_step, is_pixel, other=0.0).to(tl.float32)
    j = tl.load(numbers + 7 * channel_step, is_pixel, other=0.0).to(tl.float32)
    k = tl.load(numbers + 8 * channel_step, is_pixel, other=0.0).to(tl.float32)
    w = tl.load(numbers + 9 * channel_step, is_pixel, other=1.0).to(tl.float32)
    length = tl.sqrt(i * i + j * j + k * k + w * w) + 1e-8
    i, j, k, w = i / length, j / length, k / length, w / length
    a = tl.load(camera_rotations + image * 4)
    b = tl.load(camera_rotations + image * 4 + 1)
    c = tl.load(camera_rotations + image * 4 + 2)
    d = tl.load(camera_rotations + image * 4 + 3)
    tl.store(rotations + place * 4, a * w - b * i - c * j - d * k, is_pixel)
    tl.store(rotations + place * 4 + 1, a * i + b * w + c * k - d * j, is_pixel)
    tl.store(rotations + place * 4 + 2, a * j - b * k + c * w + d * i, is_pixel)
    tl.store(rotations + place * 4 + 3, a * k + b * j - c * i + d * w, is_pixel)

    for colour in tl.static_range(3):
        first = numbers + (10 + 9 * colour) * channel_step
        written = harmonics + place * 27 + 9 * colour
        matrix = harmonics_matrices + image * 81
        shade = tl.load(images + (image * 3 + colour) * pixels + pixel, is_pixel, other=0.5)
        constant = tl.load(first, is_pixel, other=0.0).to(tl.float32)
        constant += (shade.to(tl.float32) - 0.5) / 0.28209479177387814
        tl.store(written, tl.load(matrix) * constant, is_pixel)
        _write_degree(first, matrix, written, channel_step, is_pixel, 0.025, 1, 4, BLOCK)
        _write_degree(first, matrix, written, channel_step, is_pixel, 0.00625, 4, 9, BLOCK)


@kernel
def _write_degree(
    numbers,
    matrix,
    written,
    channel_step,
    is_pixel,
    weight,
    START: tl.constexpr,
    END: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Harmonics of one degree, which a rotation mixes among themselves only."""
    for new in tl.static_range(START, END):
        total = tl.zeros([BLOCK], tl.float32)
        for old in tl.static_range(START, END):
            value = tl.load(numbers + old * channel_step, is_pixel, other=0.0)
            total += tl.load(matrix + 9 * new + old) * value.to(tl.float32)
        tl.store(written + new, total * weight, is_pixel)
