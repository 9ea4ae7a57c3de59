#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What compiled matching brings on a CPU, beside the same in PyTorch, with `tiny` on four views.

    python benchmarks/matching.py [--threads 1] [--longer-side-px 384]

Both ways take turns; times are medians. The views are noise seen by a camera that walks sideways:
how long matching takes hangs on sizes and places alone.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from depthsplat_ros.threads import settle_threads

settle_threads()  # read by OpenMP when torch is loaded

import torch
from torch import Tensor

from depthsplat_ros.model import zoo
from depthsplat_ros.model.cost_volume import (
    match_views,
    refine_inverse_depths,
    select_neighbours,
    space_inverse_depths,
)
from depthsplat_ros.model.depthsplat import DepthSplat
from depthsplat_ros.model.types import Views

VIEWS = 4
STEP_M = 0.1
REFERENCE = slice(VIEWS - 1, VIEWS)
REPETITIONS = 7
HAS_GRADIENTS = {"PyTorch": True, "compiled": False}
"""Which way is taken follows from whether gradients are asked for."""


def main() -> None:
    """Print the times of matching and of whole depth maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--longer-side-px", type=int, default=zoo.BUNDLED.width_px)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    width_px = arguments.longer_side_px
    views = walk(width_px, 3 * width_px // 4 // 32 * 32)
    height_px = views.images.shape[-2]
    report(f"{VIEWS} views of {width_px} x {height_px} pixels, {arguments.threads} thread(s)")
    for scale in range(zoo.BUNDLED.config.scale_count):
        compare(f"matching at 1/{zoo.BUNDLED.config.stride(scale)}", matching(views, scale))
    network = DepthSplat(zoo.BUNDLED.config).eval().requires_grad_(False)
    features = network.encode_views(views.images)
    compare(
        "a whole depth map",
        lambda: network.predict(views, features, REFERENCE.start).dense_depth_m,
    )


def walk(width_px: int, height_px: int) -> Views:
    """A camera that looks ahead and steps to the side."""
    poses = torch.eye(4).repeat(1, VIEWS, 1, 1)
    poses[0, :, 0, 3] = STEP_M * torch.arange(VIEWS)
    intrinsics = torch.tensor([[0.8, 0, 0.5], [0, 0.8 * width_px / height_px, 0.5], [0, 0, 1]])
    limits = torch.ones((1, VIEWS))
    return Views(
        images=torch.rand((1, VIEWS, 3, height_px, width_px)),
        intrinsics=intrinsics.expand(1, VIEWS, 3, 3),
        world_from_camera=poses,
        near_m=zoo.BUNDLED.near_m * limits,
        far_m=zoo.BUNDLED.far_m * limits,
    )


def matching(views: Views, scale: int) -> Callable[[], Tensor]:
    """The last view's hypotheses of one scale against the others."""
    config = zoo.BUNDLED.config
    height, width = (size // config.stride(scale) for size in views.images.shape[-2:])
    features = torch.randn((1, VIEWS, config.matching_channels(scale), height, width))
    near_m, far_m = views.near_m[:, REFERENCE], views.far_m[:, REFERENCE]
    if scale == 0:
        hypotheses = space_inverse_depths(near_m, far_m, config.candidates(0))
    else:
        step = (1 / near_m - 1 / far_m) / config.candidate_count / config.refinement**scale
        centre = 0.1 + 2 * torch.rand((1, 1, height, width))
        hypotheses = refine_inverse_depths(centre, near_m, far_m, step, config.candidates(scale))
    neighbours = select_neighbours(views.world_from_camera, config.neighbour_count)[:, REFERENCE]
    camera = views.intrinsics * torch.tensor([width, height, 1.0])[:, None]
    geometry = (neighbours, camera, views.world_from_camera, hypotheses, REFERENCE)
    return lambda: match_views(features, *geometry)


def compare(name: str, compute: Callable[[], Tensor]) -> None:
    """Both ways in turn."""
    durations_ms: dict[str, list[float]] = {way: [] for way in HAS_GRADIENTS}
    results = {}
    for repetition in range(REPETITIONS + 1):
        for way, has_gradients in HAS_GRADIENTS.items():
            started_s = time.perf_counter()
            with torch.set_grad_enabled(has_gradients):
                results[way] = compute()
            # The first time compiles.
            if repetition:
                durations_ms[way].append(1e3 * (time.perf_counter() - started_s))
    slow, fast = (statistics.median(values) for values in durations_ms.values())
    first, second = results.values()
    report(
        f"{name:>20}: PyTorch {slow:6.1f} ms, compiled {fast:6.1f} ms, {slow / fast:.1f} times "
        f"faster; largest difference {(first - second).abs().max():.1e} "
        f"of {first.abs().max():.2g}"
    )


def report(line: str) -> None:
    """To the terminal, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
