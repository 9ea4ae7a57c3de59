# SPDX-License-Identifier: Apache-2.0
"""What a job reports: the contents of summary.json and keyframes.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from depthsplat_ros.camera import Camera
from depthsplat_ros.evaluation.scores import KeyframeScore, RecordingScore


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCounts:
    """Where the images of the recording went; nothing gets lost between the lines."""

    images: int
    """Images read: posed frames plus those skipped by the recording."""
    skipped_by_recording: Mapping[str, int]
    """Images that could not become a posed frame, by reason."""
    frames: int
    """Posed frames: reconstructed ones plus those skipped by the reconstruction."""
    skipped_by_reconstruction: Mapping[str, int]
    """Frames that yielded no depth, by reason."""
    examples: Mapping[str, str]
    """The first case of each reason, in words."""
    keyframes: int
    """Frames kept for matching, whether or not they yielded a depth."""
    reconstructed: int
    """Depth maps written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpread:
    """How a time spreads over the depth maps, in seconds; NaN if there are none."""

    mean_s: float
    median_s: float
    percentile_95_s: float
    maximum_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Where the time went."""

    total_s: float
    """From the first image to the last file."""
    reading_s: float
    """Decoding, rectifying and posing images."""
    encode_s: TimeSpread
    """The predictor's work on each new keyframe alone."""
    predict_s: TimeSpread
    """The predictor's work on each window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFacts:
    """The fused cloud."""

    points: int
    voxel_m: float
    """Edge of the voxels that points were averaged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFacts:
    """The scene of 3D Gaussians."""

    gaussians: int
    is_rendered: bool
    """False if there is no film of it, for the reason that was logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyReport:
    """Errors against the true depth: no alignment, pooled over pixels, at working size."""

    all_keyframes: RecordingScore
    after_keyframe_5: RecordingScore
    """Without the first five keyframes, whose windows are still filling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyframeRecord:
    """One depth map: an entry of keyframes.json."""

    stamp_ns: int
    keyframe: int
    """Its number among the keyframes of the recording, from 1."""
    partner_stamps_ns: Sequence[int]
    """The keyframes it was matched with."""
    known_share: float
    """Share of its pixels with a published depth."""
    encode_s: float
    predict_s: float
    camera: Camera
    """The pinhole camera of the depth map's pixels; the centre of the top-left one is (0, 0)."""
    world_from_camera: Sequence[Sequence[float]]
    """Rows of the 4x4 matrix; optical axes x right, y down, z forward."""
    score: KeyframeScore | None
    """None without true depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The contents of summary.json."""

    version: str
    """Of this package."""
    recording: str
    model: str
    device: str
    settings: Mapping[str, Any]
    """Of the reconstruction; the names are those of the command's options."""
    counts: FrameCounts
    times: Times
    depth_colours_m: Sequence[float] | None
    """The depths at both ends of the colours in all pictures; None if no depth was found."""
    cloud: CloudFacts
    scene: SceneFacts | None
    """None if none was wanted, or no depth was found."""
    accuracy: AccuracyReport | None
    """None without true depth."""


def spread_of(times_s: Sequence[float]) -> TimeSpread:
    """Mean, median, 95th percentile and maximum."""
    if not times_s:
        nan = float("nan")
        return TimeSpread(mean_s=nan, median_s=nan, percentile_95_s=nan, maximum_s=nan)
    return TimeSpread(
        mean_s=float(np.mean(times_s)),
        median_s=float(np.median(times_s)),
        percentile_95_s=float(np.quantile(times_s, 0.95)),
        maximum_s=float(np.max(times_s)),
    )
