# SPDX-License-Identifier: Apache-2.0
"""What the plane sweep reaches: depth against a recording's sensor depth, and time per window.

Depth is compared without any alignment of scale, for every keyframe after the first few. The best
shares of the pixels are taken by the predictor's own confidence, over all keyframes together.

    python benchmarks/plane_sweep.py [--bag BAG] [--device cuda] [--threads 2]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from depthsplat_ros.threads import settle_threads

settle_threads()  # read by OpenMP when torch is loaded

import numpy as np
import torch

from depthsplat_ros.camera import Camera
from depthsplat_ros.evaluation.scores import WARM_UP_KEYFRAMES
from depthsplat_ros.model.types import ViewFeatures, Views
from depthsplat_ros.offline.truth import HeldTruths, TrueDepth, resample_nearest
from depthsplat_ros.plane_sweep import PlaneSweep
from depthsplat_ros.recordings import RecordedFrame, open_recording
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import Reconstruction, StreamingReconstructor

VIEWS, HEIGHT_PX, WIDTH_PX = 4, 240, 320
BASELINE_M = 0.1
REPETITIONS = 20
SHARES = (0.5, 0.65, 0.8, 1.0)


def main() -> int:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bag", type=Path, help="a recording with depth; without it: time only")
    parser.add_argument("--window-views", type=int, default=VIEWS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    measure_speed(torch.device(arguments.device), arguments.window_views)
    if arguments.bag is not None:
        for reference in ("newest", "middle"):
            config = StreamingConfig(reference=reference, window_views=arguments.window_views)
            measure_quality(arguments.bag, config, arguments.device)
    return 0


def measure_speed(device: torch.device, window_views: int) -> None:
    """Time of one new keyframe: its encoding, and the prediction with the views already held."""
    sweep = PlaneSweep()
    views = make_views(device, window_views)
    encode_s = time_repeatedly(device, lambda: sweep.encode_views(views.images[:, :1]))
    features = sweep.encode_views(views.images)
    predict_s = time_repeatedly(device, lambda: sweep.predict(views, features, window_views - 1))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    say(
        f"{name}{threads}, {window_views} views of {WIDTH_PX}x{HEIGHT_PX}: "
        f"encode {1e3 * encode_s:.1f} ms + predict {1e3 * predict_s:.1f} ms "
        f"= {1 / (encode_s + predict_s):.2f} Hz (medians of {REPETITIONS}, load "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"
    )


def make_views(device: torch.device, count: int) -> Views:
    """Views beside each other of smooth noise: the time does not depend on what is seen."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(count, 3, HEIGHT_PX // 4, WIDTH_PX // 4, generator=generator)
    images = torch.nn.functional.interpolate(noise, size=(HEIGHT_PX, WIDTH_PX), mode="bilinear")
    camera = Camera(
        width_px=WIDTH_PX, height_px=HEIGHT_PX, fx_px=290.0, fy_px=290.0, cx_px=159.5, cy_px=119.5
    )
    poses = torch.eye(4, dtype=torch.float64).repeat(count, 1, 1)
    poses[:, 0, 3] = BASELINE_M * torch.arange(count)
    return Views(
        images=images[None].to(device),
        intrinsics=torch.from_numpy(camera.normalised()).repeat(1, count, 1, 1).to(device),
        world_from_camera=poses[None].to(device),
        near_m=torch.full((1, count), 0.4, device=device),
        far_m=torch.full((1, count), 15.0, device=device),
    )


def time_repeatedly(device: torch.device, job: Callable[[], ViewFeatures | object]) -> float:
    """Median time of a job in seconds, after two runs to warm up."""
    durations_s = []
    for _ in range(REPETITIONS + 2):
        started_s = time.perf_counter()
        job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        durations_s.append(time.perf_counter() - started_s)
    return statistics.median(durations_s[2:])


def measure_quality(bag: Path, config: StreamingConfig, device: str) -> None:
    """Depth of every keyframe after the warm-up against the sensor's."""
    reconstructor = StreamingReconstructor(PlaneSweep(), config, device=device)
    truths = HeldTruths(config.keyframes_held)
    numbers: dict[int, int] = {}
    ratios, confidences, are_published, means, frame_ratios = [], [], [], [], []
    for item in open_recording(bag):
        if not isinstance(item, RecordedFrame):
            continue
        outcome = reconstructor.push(item.frame)
        is_reconstructed = isinstance(outcome, Reconstruction)
        if is_reconstructed or outcome.is_keyframe:
            numbers[item.frame.stamp_ns] = len(numbers) + 1
            if item.depth_m is not None:
                truth = TrueDepth(depth_m=item.depth_m, camera=item.frame.camera)
                truths.add(item.frame.stamp_ns, truth)
        if not is_reconstructed or numbers[outcome.frame.stamp_ns] <= WARM_UP_KEYFRAMES:
            continue
        truth = truths.find(outcome.frame.stamp_ns)
        if truth is None:
            continue
        true_depth_m = resample_nearest(truth, outcome.frame.camera)
        is_true = np.isfinite(true_depth_m) & (true_depth_m > 0)
        if not is_true.any():
            continue
        ratio = outcome.dense_depth_m[is_true] / true_depth_m[is_true]
        ratios.append(ratio)
        confidences.append(outcome.confidence[is_true])
        are_published.append(np.isfinite(outcome.depth_m)[is_true])
        means.append(np.abs(ratio - 1).mean())
        frame_ratios.append(np.median(ratio))
    if not ratios:
        say(f"{bag}: no keyframe has sensor depth")
        return
    ratio, confidence = np.concatenate(ratios), np.concatenate(confidences)
    is_published = np.concatenate(are_published)
    say(f"{bag.name}, window of {config.window_views}, reference {config.reference}:")
    say(f"  keyframes compared            {len(ratios)}")
    order = np.argsort(-confidence, kind="stable")
    for share in SHARES:
        best = ratio[order[: round(share * len(order))]]
        say(f"  best {share:4.0%} of the pixels       {describe(best)}")
    say(f"  published {is_published.mean():4.0%} of the pixels  {describe(ratio[is_published])}")
    say(f"  mean over keyframes, dense    AbsRel {np.mean(means):.4f}")
    low, middle, high = np.quantile(frame_ratios, (0.05, 0.5, 0.95))
    say(f"  median depth / truth          {middle:.3f} (5-95 %: {low:.3f} to {high:.3f})")


def describe(ratio: np.ndarray) -> str:
    """The two usual figures of depth / truth."""
    delta = (np.maximum(ratio, 1 / ratio) < 1.25).mean()
    return f"AbsRel {np.abs(ratio - 1).mean():.4f}, delta<1.25 {delta:.3f}"


def say(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
