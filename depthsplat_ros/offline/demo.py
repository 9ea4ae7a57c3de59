# SPDX-License-Identifier: Apache-2.0
"""`depthsplat demo`: the main job on a recording of our own simulated robot."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from depthsplat_ros.camera import Camera
from depthsplat_ros.fusion import FusionConfig
from depthsplat_ros.offline.output import OutputError
from depthsplat_ros.offline.progress import image_progress
from depthsplat_ros.offline.reconstruct import ReconstructionOrder, reconstruct
from depthsplat_ros.offline.summary import Summary
from depthsplat_ros.recordings import RecordingOptions
from depthsplat_ros.simulation.bag_writer import BagOptions, write_bag
from depthsplat_ros.simulation.rooms import make_room
from depthsplat_ros.simulation.trajectory import CameraMount, drive
from depthsplat_ros.streaming.config import DEFAULT_MODEL, StreamingConfig
from depthsplat_ros.streaming.scene_config import SceneConfig

WIDTH_PX, HEIGHT_PX = 480, 360
FIELD_OF_VIEW_DEG = 77.0
CAMERA_YAW = 0.6
"""The camera looks past the way ahead (rad): what passes by sideways shows its depth best."""
RECORDING = "recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOrder:
    """What a person may decide about the demo."""

    output: Path
    room: str
    seed: int
    duration_s: float
    device: str


def demonstrate(order: DemoOrder, console: Console) -> Summary:
    """Simulate a drive, record it as a bag, and reconstruct the bag.

    Raises:
        DepthSplatError: if an option or the output folder cannot be used.
    """
    bag = order.output / RECORDING
    _make_way(bag)
    with console.status(f"building and lighting the {order.room.replace('_', ' ')}"):
        world = make_room(order.room, order.seed)
    trajectory = drive(world.solids, order.seed, mount=CameraMount(yaw=CAMERA_YAW))
    focal_px = WIDTH_PX / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)
    camera = Camera(
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        fx_px=focal_px,
        fy_px=focal_px,
        cx_px=(WIDTH_PX - 1) / 2,
        cy_px=(HEIGHT_PX - 1) / 2,
    )
    with image_progress(console) as progress:
        task = progress.add_task("driving and recording", total=None)
        write_bag(
            bag,
            world,
            trajectory,
            camera,
            duration_s=order.duration_s,
            options=BagOptions(),
            on_image=lambda done, total: progress.update(task, completed=done, total=total),
        )
    console.print(f"the simulated robot's recording: [bold]{bag}[/]", highlight=False)
    return reconstruct(
        ReconstructionOrder(
            recording=bag,
            title=f"simulated {order.room.replace('_', ' ')}, seed {order.seed}",
            output=order.output,
            model=DEFAULT_MODEL,
            device=order.device,
            precision="auto",
            maximum_frames=None,
            recording_options=RecordingOptions(),
            streaming=StreamingConfig(),
            fusion=FusionConfig(),
            scene=SceneConfig(),
        ),
        console,
    )


def _make_way(bag: Path) -> None:
    """Remove the recording of an earlier demo, and nothing else.

    Raises:
        OutputError: if something else is in the way, or the folder cannot be made.
    """
    try:
        bag.parent.mkdir(parents=True, exist_ok=True)
        if (bag / "metadata.yaml").is_file():
            shutil.rmtree(bag)
        elif bag.exists():
            raise OutputError(f"{bag} is in the way and no recording; remove it")
    except OSError as error:
        raise OutputError(
            f"cannot write the output folder {bag.parent} ({error.strerror}: {error.filename}); "
            "name another one with --output"
        ) from error
