# SPDX-License-Identifier: Apache-2.0
"""Speed, memory and agreement of the DepthSplat networks on a GPU, whole windows, nothing cached.

Prints a row per model and window: milliseconds (median of 10 after 3 warm-ups) and peak memory in
float32 with TensorFloat-32 and in fast mode, both beside what the official code took on an NVIDIA
H200, and how far depth moves: fast mode against float32 on the GPU, and float32 on the GPU against
float32 on the CPU (smaller window). On another GPU the ratios mean nothing. Weights are random, so
nothing has to be downloaded; the time does not depend on them.

    python benchmarks/network_speed.py [ALIAS ...]
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from depthsplat_ros.model import zoo
from depthsplat_ros.model.depthsplat import DepthSplat, ScenePrediction
from depthsplat_ros.model.precision import PreciseDepthSplat, Precision, tensor_float_32
from depthsplat_ros.model.types import Views
from depthsplat_ros.model.zoo import ZooEntry

WARM_UPS, REPEATS = 3, 10
GIB = 1 << 30
QUANTILES = torch.tensor([0.5, 0.99])


class Window(NamedTuple):
    """A model, its input, and what the official code needs for it on an H200."""

    alias: str
    views: int
    height: int
    width: int
    official_ms: float
    """Of torch 2.11, TensorFloat-32; the faster of its two kinds of attention."""
    official_gib: float | None = None
    """Peak, where it was measured."""


WINDOWS = (
    Window("gs-small-256x256", 2, 256, 256, 65),
    Window("gs-base-256x256", 2, 256, 256, 76),
    Window("gs-large-256x256", 2, 256, 256, 74),
    Window("gs-base-256x448", 2, 256, 448, 68),
    Window("gs-base-dl3dv-256x448", 6, 256, 448, 78),
    Window("gs-base-448x768", 6, 448, 768, 161),
    Window("gs-small-448x768", 4, 448, 768, 83),
    Window("gs-small-448x768", 8, 448, 768, 147),
    Window("gs-small-448x768", 12, 512, 960, 304, 24.0),
    Window("depth-small", 2, 352, 640, 26),
    Window("depth-small", 4, 352, 640, 33),
    Window("depth-small", 8, 352, 640, 52, 7.6),
    Window("depth-base", 2, 352, 640, 48),
    Window("depth-base", 4, 352, 640, 54),
    Window("depth-base", 8, 352, 640, 93, 8.2),
)


def make_network(entry: ZooEntry) -> DepthSplat:
    """The entry's network with seeded random weights, frozen."""
    torch.manual_seed(0)
    return DepthSplat(entry.config).requires_grad_(False).eval()


def make_views(entry: ZooEntry, count: int, height: int, width: int, device: str) -> Views:
    """A window of smooth random images, the cameras in a row, 10 cm apart."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, height // 16, width // 16, generator=generator)
    images = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    intrinsics = torch.tensor([[0.9, 0.0, 0.5], [0.0, 0.9 * width / height, 0.5], [0.0, 0.0, 1.0]])
    world_from_camera = torch.eye(4).repeat(count, 1, 1)
    world_from_camera[:, 0, 3] = 0.1 * torch.arange(count)
    return Views(
        images=images[None].to(device),
        intrinsics=intrinsics.repeat(1, count, 1, 1).to(device),
        world_from_camera=world_from_camera[None].to(device),
        near_m=torch.full((1, count), entry.near_m, device=device),
        far_m=torch.full((1, count), entry.far_m, device=device),
    )


def measure(run: Callable[[], ScenePrediction]) -> tuple[float, float, Tensor]:
    """Median milliseconds, peak GiB (of the warm-ups too) and the depth of a call."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    for _ in range(WARM_UPS):
        run()
    torch.cuda.synchronize()
    times_ms = []
    for _ in range(REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        result = run()
        end.record()
        torch.cuda.synchronize()
        times_ms.append(start.elapsed_time(end))
    peak_gib = torch.cuda.max_memory_allocated() / GIB
    return statistics.median(times_ms), peak_gib, result.depth_m.float().cpu()


def relative_difference(found: Tensor, expected: Tensor) -> str:
    """Median and 99th percentile of the relative difference of two depths."""
    difference = (found / expected - 1).abs().flatten()
    few = difference[:: 1 + len(difference) // 1_000_000]
    quantiles = torch.quantile(few, QUANTILES)
    return f"{100 * quantiles[0]:.3f} / {100 * quantiles[1]:.3f} %"


def main() -> int:
    """Measure and print; exit status 1 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("aliases", nargs="*", help="models to measure; without any, all")
    aliases = parser.parse_args().aliases
    if not torch.cuda.is_available():
        sys.stderr.write("there is no CUDA device here; this benchmark needs one\n")
        return 1
    sys.stdout.write(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n")
    sys.stdout.write(
        f"{'model':22s} {'views':>5s} {'size':>9s} | {'official ms':>11s} {'GiB':>5s} | "
        f"{'TF32 ms':>8s} {'GiB':>6s} | {'fast ms':>8s} {'GiB':>6s} | {'faster':>6s} "
        f"{'memory':>6s} | fast against float32 (median / p99)\n"
    )
    for window in WINDOWS:
        if not aliases or window.alias in aliases:
            print_window(window)
    for entry in zoo.PUBLISHED:
        if not aliases or entry.alias in aliases:
            print_agreement(entry)
    return 0


def measure_float32(network: DepthSplat, views: Views) -> tuple[float, float, Tensor]:
    """Milliseconds and GiB with TensorFloat-32, and the depth without it."""
    with tensor_float_32(True):
        milliseconds, gib, _ = measure(lambda: network(views))
    with tensor_float_32(False):
        return milliseconds, gib, network(views).depth_m.float().cpu()


@torch.inference_mode()
def print_window(window: Window) -> None:
    """A row of speed, memory and the difference that fast mode makes."""
    device = torch.device("cuda")
    entry = zoo.entry_named(window.alias)
    views = make_views(entry, window.views, window.height, window.width, "cuda")
    exact_ms, exact_gib, reference = measure_float32(make_network(entry).to(device), views)
    traits = zoo.traits_of(entry)
    fast = PreciseDepthSplat(make_network(entry), device, Precision.FAST, traits)
    fast_ms, fast_gib, depth_m = measure(
        lambda: fast.predict_scene(views, fast.encode_views(views.images))
    )
    official_gib, share = f"{'':5s}", f"{'':6s}"
    if window.official_gib is not None:
        official_gib = f"{window.official_gib:5.1f}"
        share = f"{fast_gib / window.official_gib:6.2f}"
    sys.stdout.write(
        f"{entry.alias:22s} {window.views:5d} {window.height:4d}x{window.width:<4d} | "
        f"{window.official_ms:11.0f} {official_gib} | {exact_ms:8.1f} {exact_gib:6.2f} | "
        f"{fast_ms:8.1f} {fast_gib:6.2f} | {window.official_ms / fast_ms:5.1f}x {share} | "
        f"{relative_difference(depth_m, reference)} ({fast.precision.value})\n"
    )
    sys.stdout.flush()
    torch.cuda.empty_cache()


@torch.inference_mode()
def print_agreement(entry: ZooEntry) -> None:
    """How float32 on the GPU agrees with float32 on the CPU, on a small window."""
    views = {device: make_views(entry, 2, 128, 192, device) for device in ("cpu", "cuda")}
    network = make_network(entry)
    expected = network(views["cpu"]).depth_m
    with tensor_float_32(False):
        found = network.cuda()(views["cuda"]).depth_m.cpu()
    sys.stdout.write(
        f"{entry.alias:22s} GPU against CPU, float32, 2 views 128x192: "
        f"{relative_difference(found, expected)}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
