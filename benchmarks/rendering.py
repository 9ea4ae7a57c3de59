# SPDX-License-Identifier: Apache-2.0
"""How fast Gaussians are rendered, and how well the CPU's pictures agree with gsplat's.

Without --compare: the time of a 640x480 picture on the CPU, beside the parts of gsplat's reference
in plain torch that run without CUDA. With --compare, on a machine with a CUDA device: colours and
depths of both devices for random scenes and for reconstructed windows.

    python benchmarks/rendering.py [--threads 2] [--compare] [--bag BAG] [--device cuda]
"""

import argparse
import functools
import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

from depthsplat_ros.threads import settle_threads

settle_threads()  # read by OpenMP when torch is loaded

import numpy as np
import torch

from depthsplat_ros.camera import Camera
from depthsplat_ros.frame import Frame
from depthsplat_ros.model.gaussian_scene import GaussianScene
from depthsplat_ros.plane_sweep import PlaneSweep
from depthsplat_ros.rendering import RenderingConfig, render, warm_up
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.gaussians_from_depth import gaussians_from_depth
from depthsplat_ros.streaming.reconstructor import Reconstruction, StreamingReconstructor

CAMERA = Camera(width_px=640, height_px=480, fx_px=500.0, fy_px=500.0, cx_px=319.5, cy_px=239.5)
OFF_CENTRE = replace(CAMERA, cx_px=200.0, cy_px=330.0, fy_px=430.0)
COUNTS = (100_000, 500_000)
REPETITIONS = 15
WINDOWS = 3
LISTED_BY_REFERENCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A scene and how it is looked at."""

    name: str
    scene: GaussianScene
    camera: Camera = CAMERA
    world_from_camera: np.ndarray
    config: RenderingConfig = RenderingConfig()


def main() -> int:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--compare", action="store_true", help="CPU against gsplat")
    parser.add_argument("--bag", type=Path, help="windows of this recording, not of a simulation")
    parser.add_argument("--device", default="cpu", help="what to measure the time of")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.compare:
        compare_all([*random_cases(), *window_cases(arguments.bag)])
        return 0
    device = torch.device(arguments.device)
    warm_up(device)
    for kind, make_scene in (("surface", surface_scene), ("random", random_scene)):
        for count in COUNTS:
            measure_speed(kind, make_scene(count), device)
    measure_reference(surface_scene(COUNTS[0]))
    return 0


def surface_scene(count: int, *, seed: int = 0) -> GaussianScene:
    """Two depth maps of a wavy wall, one disc per pixel: what reconstruction makes."""
    generator = torch.Generator().manual_seed(seed)
    width = round((count / 2 * 4 / 3) ** 0.5)
    camera = CAMERA.resized(width_px=width, height_px=count // 2 // width)
    scenes = []
    for view in range(2):
        y, x = torch.meshgrid(
            torch.linspace(-0.5, 0.5, camera.height_px),
            torch.linspace(-0.5, 0.5, camera.width_px),
            indexing="ij",
        )
        noise = 0.01 * torch.randn(x.shape, generator=generator)
        scenes.append(
            gaussians_from_depth(
                3 + 0.5 * torch.sin(5 * x + view) + 0.3 * torch.cos(4 * y) + noise,
                torch.rand(x.shape, generator=generator),
                torch.rand(3, *x.shape, generator=generator),
                camera,
                np.eye(4),
            )
        )
    return with_degree(GaussianScene.concatenate(scenes), 2, generator)


def random_scene(
    count: int, *, seed: int = 0, degree: int = 2, scale_m: float = 0.02, near_m: float = 1.0
) -> GaussianScene:
    """Gaussians of all sizes, shapes and directions in a room ahead."""
    generator = torch.Generator().manual_seed(seed)
    low, high = torch.tensor([-3.0, -2.5, near_m]), torch.tensor([3.0, 2.5, 7.0])
    scene = GaussianScene(
        means_m=low + (high - low) * torch.rand(count, 3, generator=generator),
        scales_m=scale_m * torch.exp(0.7 * torch.randn(count, 3, generator=generator)),
        rotations_wxyz=torch.nn.functional.normalize(
            torch.randn(count, 4, generator=generator), dim=-1
        ),
        opacities=torch.rand(count, generator=generator),
        harmonics=torch.randn(count, 3, 1, generator=generator),
    )
    return with_degree(scene, degree, generator)


def with_degree(scene: GaussianScene, degree: int, generator: torch.Generator) -> GaussianScene:
    """A scene whose colours depend on the direction too."""
    higher = torch.randn(len(scene.means_m), 3, (degree + 1) ** 2 - 1, generator=generator)
    return replace(scene, harmonics=torch.cat([scene.harmonics, 0.15 * higher], dim=-1))


def measure_speed(kind: str, scene: GaussianScene, device: torch.device) -> None:
    """Time of one picture."""
    scene = move(scene, device)
    durations_s, busy_s = [], []
    for _ in range(REPETITIONS + 2):
        started_s, busy_before_s = time.perf_counter(), time.process_time()
        rendering = render(scene, CAMERA, np.eye(4))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        durations_s.append(time.perf_counter() - started_s)
        busy_s.append(time.process_time() - busy_before_s)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    say(
        f"{name}{threads}, {kind}, {len(scene.means_m)} Gaussians, {CAMERA.width_px}x"
        f"{CAMERA.height_px}: median {1e3 * statistics.median(durations_s[2:]):.1f} ms, best "
        f"{1e3 * min(durations_s):.1f} ms of {REPETITIONS}, of all threads "
        f"{1e3 * statistics.median(busy_s[2:]):.1f} ms (opacity {rendering.opacity.mean():.2f}"
        f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"
    )


def measure_reference(scene: GaussianScene) -> None:
    """Time of the parts of gsplat's reference in plain torch that run on a CPU."""
    from gsplat.cuda import _torch_impl as reference

    camera_from_world, matrix = torch.eye(4)[None], torch.from_numpy(CAMERA.matrix()).float()
    matrix[:2, 2] += 0.5
    started_s = time.perf_counter()
    covariances, _ = reference._quat_scale_to_covar_preci(
        scene.rotations_wxyz, scene.scales_m, compute_preci=False
    )
    radii, means, depths, _, _ = reference._fully_fused_projection(
        scene.means_m, covariances, camera_from_world, matrix[None], 640, 480
    )
    reference._spherical_harmonics(2, scene.means_m, scene.harmonics.mT)
    projected_s = time.perf_counter() - started_s
    few = slice(LISTED_BY_REFERENCE)
    started_s = time.perf_counter()
    reference._isect_tiles(means[:, few], radii[:, few], depths[:, few], 16, 40, 30)
    listed_s = time.perf_counter() - started_s
    say(
        f"gsplat's torch reference, {len(scene.means_m)} Gaussians: projection and colours "
        f"{1e3 * projected_s:.0f} ms; tile lists {1e3 * listed_s:.0f} ms for "
        f"{LISTED_BY_REFERENCE} of them (a loop in Python); blending does not run without CUDA "
        "(it calls rasterize_to_indices_in_range)"
    )


def random_cases() -> Iterator[Case]:
    """What gsplat's rules can be got wrong with."""
    ahead = np.eye(4)
    aside = np.eye(4)
    aside[:3, :3] = [[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]]
    aside[:3, 3] = (-1.0, 0.3, 0.5)
    background = RenderingConfig(background_red=0.3, background_green=0.6, background_blue=0.1)
    for degree in range(5):
        scene = random_scene(20_000, seed=degree, degree=degree, scale_m=0.05)
        yield Case(name=f"random, degree {degree}", scene=scene, world_from_camera=ahead)
    for name, config in (
        ("classic", background),
        ("antialiased", replace(background, antialiased=True)),
    ):
        yield Case(
            name=f"sparse, off-centre, {name}",
            scene=random_scene(5_000, seed=5, scale_m=0.03),
            camera=OFF_CENTRE,
            world_from_camera=aside,
            config=config,
        )
        yield Case(
            name=f"smaller than pixels, {name}",
            scene=random_scene(300_000, seed=6, scale_m=0.003),
            world_from_camera=ahead,
            config=config,
        )
    yield Case(
        name="across the near plane",
        scene=random_scene(20_000, seed=7, scale_m=0.08, near_m=-2.0),
        world_from_camera=aside,
    )
    yield Case(
        name="large and opaque",
        scene=random_scene(50_000, seed=8, scale_m=0.2),
        world_from_camera=ahead,
    )
    for count in COUNTS:
        yield Case(name=f"surface, {count}", scene=surface_scene(count), world_from_camera=aside)


def window_cases(bag: Path | None) -> Iterator[Case]:
    """Reconstructed windows: discs on the plane sweep's depth, seen from between two keyframes."""
    config = StreamingConfig()
    reconstructor = StreamingReconstructor(PlaneSweep(), config)
    frames = simulated_frames() if bag is None else recorded_frames(bag)
    outcomes = (reconstructor.push(frame) for frame in frames)
    found = [item for item in islice(outcomes, 200) if isinstance(item, Reconstruction)]
    chosen = found[len(found) // 2 :][:WINDOWS]
    scenes = []
    for reconstruction in chosen:
        frame = reconstruction.frame
        scene = gaussians_from_depth(
            torch.from_numpy(reconstruction.dense_depth_m),
            torch.from_numpy(reconstruction.confidence),
            torch.from_numpy(frame.image).permute(2, 0, 1) / 255,
            frame.camera,
            frame.world_from_camera,
        )
        # They are relative to their camera; the first camera's place is everyone's origin.
        offset = frame.world_from_camera[:3, 3] - chosen[0].frame.world_from_camera[:3, 3]
        scenes.append(replace(scene, means_m=scene.means_m + torch.from_numpy(offset).float()))
    middle = chosen[0].frame.world_from_camera.copy()
    middle[:3, 3] = 0.5 * (chosen[-1].frame.world_from_camera[:3, 3] - middle[:3, 3])
    for antialiased in (False, True):
        yield Case(
            name=f"{len(scenes)} windows of {bag.name if bag else 'the simulated room'}, "
            + ("antialiased" if antialiased else "classic"),
            scene=GaussianScene.concatenate(scenes),
            camera=chosen[0].frame.camera,
            world_from_camera=middle,
            config=RenderingConfig(antialiased=antialiased),
        )


def simulated_frames() -> Iterator[Frame]:
    """What a robot sees on its drive through a simulated office."""
    from depthsplat_ros.simulation.caster import cast
    from depthsplat_ros.simulation.rooms import make_room
    from depthsplat_ros.simulation.trajectory import drive

    world = make_room("office", 0)
    lap = drive(world.solids, 0)
    camera = Camera(
        width_px=320, height_px=240, fx_px=250.0, fy_px=250.0, cx_px=159.5, cy_px=119.5
    )
    for i in range(40):
        pose = lap.world_from_camera(i / 4)
        image, _ = cast(world, camera, pose)
        yield Frame(stamp_ns=i * 250_000_000, image=image, camera=camera, world_from_camera=pose)


def recorded_frames(bag: Path) -> Iterator[Frame]:
    """The usable frames of a recording."""
    from depthsplat_ros.recordings import RecordedFrame, open_recording

    return (item.frame for item in open_recording(bag) if isinstance(item, RecordedFrame))


def compare_all(cases: Iterable[Case]) -> None:
    """Print how far CPU and gsplat are apart, case by case."""
    say("case: colour PSNR; largest colour difference; depth median, 99.9 %, pixels in one alone")
    worst_db = min(compare(case) for case in cases)
    say(f"worst PSNR {worst_db:.1f} dB")


def compare(case: Case) -> float:
    """Print how far CPU and gsplat are apart; returns the PSNR of the colours in dB."""
    show = functools.partial(
        render, camera=case.camera, world_from_camera=case.world_from_camera, config=case.config
    )
    ours, theirs = show(case.scene), show(move(case.scene, torch.device("cuda")))
    difference = (ours.colour - theirs.colour.cpu()).double()
    psnr_db = -10 * torch.log10(difference.square().mean()).item()
    depth_m, their_depth_m = ours.depth_m.double(), theirs.depth_m.double().cpu()
    ratio = (depth_m / their_depth_m - 1).abs()
    is_in_both = torch.isfinite(ratio)
    in_one_alone = int((torch.isfinite(depth_m) != torch.isfinite(their_depth_m)).sum())
    median, high = torch.quantile(ratio[is_in_both][: 2**24], torch.tensor([0.5, 0.999]).double())
    say(
        f"{case.name}, {len(case.scene.means_m)} Gaussians: {psnr_db:.1f} dB; "
        f"{difference.abs().max():.1e}; {median:.1e}, {high:.1e}, {in_one_alone} px"
    )
    return psnr_db


def move(scene: GaussianScene, device: torch.device) -> GaussianScene:
    """A scene on another device."""
    return GaussianScene(
        **{field.name: getattr(scene, field.name).to(device) for field in fields(GaussianScene)}
    )


def say(line: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
