# SPDX-License-Identifier: Apache-2.0
"""What a recording holds and whether its poses belong to its images; no model is needed."""

import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from depthsplat_ros.input_checks.checker import InputChecker, view_of
from depthsplat_ros.input_checks.mistakes import OFFSETS_S
from depthsplat_ros.input_checks.verdicts import Verdict
from depthsplat_ros.offline.cloud_picture import viewing_directions
from depthsplat_ros.recordings import RecordedSkip, Recording
from depthsplat_ros.transform_tree import TransformError

BLOCK_IMAGES = 20
CHECKED_IMAGES = 300
"""In a longer recording only some blocks of consecutive images are checked, evenly spread."""
TRUE_DEPTH_QUANTILES = (0.02, 0.98)
PATH_POINTS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFacts:
    """A recording without any model: an entry of `recordings` in evaluation.json."""

    name: str
    images: int
    duration_s: float
    """From the first to the last image."""
    image_topic: str
    camera_info_topic: str
    depth_topic: str | None
    world_frame: str
    camera_frame: str
    width_px: int
    """Of the rectified images."""
    height_px: int
    frames_with_truth: int
    true_depth_m: tuple[float, float] | None
    """The 2nd and 98th percentile; None without truth."""
    path_length_m: float
    path_m: list[tuple[float, float]]
    """The way of the camera from above: to the right and ahead, from the mean position."""
    above_from_world: list[list[float]]
    """The 2x4 matrix that maps world points (x, y, z, 1) into that view."""
    checks: list[Verdict]


def survey(
    name: str, recording: Recording, *, images: int, on_image: Callable[[], None]
) -> RecordingFacts:
    """Read the first images of a recording once; `on_image` is called after each."""
    checker = InputChecker()
    block_step = max(1, math.ceil(images / CHECKED_IMAGES))
    poses: list[Float64[ndarray, "4 4"]] = []
    stamps_ns: list[int] = []
    sizes_px: Counter[tuple[int, int]] = Counter()
    true_ranges_m: list[Float64[ndarray, " 2"]] = []
    for index, item in enumerate(itertools.islice(recording, images)):
        on_image()
        if isinstance(item, RecordedSkip):
            continue
        frame = item.frame
        stamps_ns.append(frame.stamp_ns)
        poses.append(frame.world_from_camera)
        sizes_px[frame.camera.width_px, frame.camera.height_px] += 1
        if item.depth_m is not None and np.isfinite(item.depth_m).any():
            true_ranges_m.append(np.nanquantile(item.depth_m[::4, ::4], TRUE_DEPTH_QUANTILES))
        if index // BLOCK_IMAGES % block_step == 0:
            checker.add(
                view_of(
                    stamp_ns=frame.stamp_ns,
                    image=frame.image,
                    camera=frame.camera,
                    world_from_camera=_poses_around(recording, frame.stamp_ns),
                    true_depth_m=item.depth_m,
                )
            )
    topics = recording.topics
    (width_px, height_px), _ = sizes_px.most_common(1)[0] if sizes_px else ((0, 0), 0)
    way = np.array([pose[:3, 3] for pose in poses]).reshape(-1, 3)
    above_from_world = _view_from_above(poses)
    shown = way[:: max(1, len(way) // PATH_POINTS)]
    path_m = shown @ above_from_world[:, :3].T + above_from_world[:, 3]
    return RecordingFacts(
        name=name,
        images=images,
        duration_s=(stamps_ns[-1] - stamps_ns[0]) / 1e9 if stamps_ns else 0.0,
        image_topic=topics.image,
        camera_info_topic=topics.camera_info,
        depth_topic=topics.depth,
        world_frame=recording.world_frame,
        camera_frame=recording.camera_frame,
        width_px=width_px,
        height_px=height_px,
        frames_with_truth=len(true_ranges_m),
        true_depth_m=_depth_range_m(true_ranges_m),
        path_length_m=float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum()),
        path_m=[(float(right), float(ahead)) for right, ahead in path_m],
        above_from_world=above_from_world.tolist(),
        checks=checker.verdicts(),
    )


def _poses_around(recording: Recording, stamp_ns: int) -> Float64[ndarray, "offset 4 4"]:
    """The poses at the offsets that the clocks are tried with; NaN where TF does not reach."""
    poses = np.full((len(OFFSETS_S), 4, 4), np.nan)
    for index, offset_s in enumerate(OFFSETS_S):
        try:
            poses[index] = recording.world_from_camera(stamp_ns + round(offset_s * 1e9))
        except TransformError:
            continue
    return poses


def _view_from_above(poses: list[Float64[ndarray, "4 4"]]) -> Float64[ndarray, "2 4"]:
    if not poses:
        return np.zeros((2, 4))
    stacked = np.array(poses)
    axes = viewing_directions(stacked).matrix()[:2]
    return np.hstack([axes, -axes @ stacked[:, :3, 3].mean(axis=0)[:, None]])


def _depth_range_m(ranges_m: list[Float64[ndarray, " 2"]]) -> tuple[float, float] | None:
    if not ranges_m:
        return None
    near_m, far_m = np.array(ranges_m).T
    return float(np.quantile(near_m, 0.1)), float(np.quantile(far_m, 0.9))
