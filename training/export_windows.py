# SPDX-License-Identifier: Apache-2.0
"""Writes the windows that our own streaming chooses from a recording, for validation alone.

python -m training.export_windows RECORDING windows.npz --longer-side-px 320
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.offline.truth import TrueDepth, resample_nearest
from depthsplat_ros.plane_sweep import PlaneSweep
from depthsplat_ros.recordings import RecordedFrame
from depthsplat_ros.recordings.recording import open_recording
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import Reconstruction, StreamingReconstructor
from depthsplat_ros.streaming.working_size import fit_to_working_size

SIZE_MULTIPLE = 32


class ExportError(DepthSplatError):
    """A recording holds nothing to validate on."""


class _Witness(PlaneSweep):
    """A plane sweep, whose depth guides the choice of windows, at a network's image size."""

    traits = dataclasses.replace(PlaneSweep.traits, size_multiple=SIZE_MULTIPLE)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--longer-side-px", type=int, default=320)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--every", type=int, default=1, help="keep every n-th window")
    options = parser.parse_args()
    torch.set_num_threads(1)
    reconstructor = StreamingReconstructor(
        _Witness(),
        StreamingConfig(longer_side_px=options.longer_side_px, window_views=options.views),
    )
    frames, truths, windows, sweeps = {}, {}, [], []
    for item in open_recording(options.recording):
        if not isinstance(item, RecordedFrame):
            continue
        if item.depth_m is not None:
            truths[item.frame.stamp_ns] = TrueDepth(depth_m=item.depth_m, camera=item.frame.camera)
        outcome = reconstructor.push(item.frame)
        if isinstance(outcome, Reconstruction) or outcome.is_keyframe:
            frames[item.frame.stamp_ns] = fit_to_working_size(
                item.frame, options.longer_side_px, SIZE_MULTIPLE
            )
        if isinstance(outcome, Reconstruction) and outcome.frame.stamp_ns in truths:
            windows.append((outcome.frame.stamp_ns, outcome.partner_stamps_ns))
            sweeps.append(outcome.dense_depth_m.astype(np.float16))
    # Only full windows, so that they form one array.
    whole = [
        index for index, (_, others) in enumerate(windows) if len(others) == options.views - 1
    ]
    whole = whole[:: options.every]
    if not whole:
        raise ExportError(
            f"{options.recording} has no window of {options.views} views with true depth: take "
            "fewer views, larger images or another recording"
        )
    windows = [windows[index] for index in whole]
    used = sorted({stamp for reference, others in windows for stamp in (reference, *others)})
    place = {stamp: index for index, stamp in enumerate(used)}
    depths_m = [
        resample_nearest(truths[reference], frames[reference].camera) for reference, _ in windows
    ]
    np.savez_compressed(
        options.output,
        images=np.stack([frames[stamp].image for stamp in used]),
        intrinsics=np.stack([frames[stamp].camera.normalised() for stamp in used]),
        world_from_camera=np.stack([frames[stamp].world_from_camera for stamp in used]),
        windows=np.array([[place[a], *(place[b] for b in rest)] for a, rest in windows]),
        depth_m=np.nan_to_num(np.stack(depths_m)).astype(np.float16),
        plane_sweep_m=np.stack([sweeps[index] for index in whole]),
    )


if __name__ == "__main__":
    main()
