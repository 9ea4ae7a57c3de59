# SPDX-License-Identifier: Apache-2.0
"""DepthScorer: depth maps with their truth in, all figures of a recording out.

Where the depth comes from, a reconstructor or a topic, is of no concern here.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from depthsplat_ros.evaluation.clouds import CloudScore, TrueCloud, score_cloud
from depthsplat_ros.evaluation.confidence import (
    ConfidenceSamples,
    ConfidenceScore,
    sample_confidence,
    score_confidence,
)
from depthsplat_ros.evaluation.consistency import ConsistencyMeter
from depthsplat_ros.evaluation.depth_ranges import RangeErrors, pool_ranges, sum_errors_by_range
from depthsplat_ros.evaluation.metrics import DepthErrorSums, mean_errors
from depthsplat_ros.evaluation.scores import (
    KeyframeScore,
    RecordingScore,
    after_warm_up,
    score_keyframe,
    score_recording,
)
from depthsplat_ros.frame import Frame
from depthsplat_ros.fusion import CloudFusion, DepthView, FusionConfig
from depthsplat_ros.offline.samples import Sample, SampleKeeper

VOXEL_M = 0.02
"""Of the clouds compared; well below the least distance that counts as near."""
CLOUD = FusionConfig(voxel_m=VOXEL_M)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthMap:
    """One depth map and what it is to be held against."""

    frame: Frame
    """The reference at the size of the depth map."""
    keyframe: int
    """Its number among the keyframes of the recording, from 1."""
    depth_m: Float32[ndarray, "height width"]
    """What is published; NaN where unknown."""
    confidence: Float32[ndarray, "height width"]
    dense_depth_m: Float32[ndarray, "height width"] | None
    """The best guess at every pixel; None where only what was published is known."""
    true_depth_m: Float32[ndarray, "height width"] | None
    """In the same pixels; None without truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyframeFigures:
    """One depth map, in numbers; None and NaN where there is no truth or no neighbour."""

    stamp_ns: int
    keyframe: int
    position_m: tuple[float, float, float]
    """Of the camera in the world frame."""
    forward: tuple[float, float, float]
    """Where it looks, as a unit vector in the world frame."""
    known_share: float
    """Share of all pixels with a published depth."""
    consistency: float
    """Share of its pixels that agree with the depth maps before it."""
    absolute_relative: float | None
    delta_1_25: float | None
    coverage: float | None
    median_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """Multi-view consistency: shares of pixels that agree with their neighbours."""

    published: float
    every_pixel: float | None
    """Of the best guess at every pixel; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthFigures:
    """All figures of one model on one recording that do not depend on the machine."""

    accuracy: RecordingScore | None
    """Over all keyframes, pooled over pixels; None without truth."""
    accuracy_after_warm_up: RecordingScore | None
    errors_by_depth: list[RangeErrors]
    """Of the published depth; empty without truth."""
    confidence: ConfidenceScore | None
    consistency: Consistency
    cloud: CloudScore | None
    """None without truth."""
    keyframes: list[KeyframeFigures]


class DepthScorer:
    """Takes depth maps one by one; memory grows only by a line of figures for each."""

    def __init__(self) -> None:
        """Start with nothing taken."""
        self._scores: list[KeyframeScore] = []
        self._ranges: list[tuple[DepthErrorSums, ...]] = []
        self._confidences: list[ConfidenceSamples] = []
        self._published = ConsistencyMeter()
        self._dense: ConsistencyMeter | None = ConsistencyMeter()
        self._fusion = CloudFusion(CLOUD)
        self._true_cloud = TrueCloud(VOXEL_M)
        self._keyframes: list[KeyframeFigures] = []
        self.samples = SampleKeeper()

    def add(self, depth_map: DepthMap) -> None:
        """Take the next depth map."""
        view = _view(depth_map, depth_map.depth_m, depth_map.confidence)
        agreement = self._published.add(view)
        if depth_map.dense_depth_m is None:
            self._dense = None
        elif self._dense is not None:
            self._dense.add(_view(depth_map, depth_map.dense_depth_m, depth_map.confidence))
        score = self._score(depth_map, view)
        self._keyframes.append(_keyframe_figures(depth_map, agreement.share, score))
        self.samples.add(
            Sample(
                stamp_ns=depth_map.frame.stamp_ns,
                keyframe=depth_map.keyframe,
                image=depth_map.frame.image,
                depth_m=depth_map.depth_m,
                confidence=depth_map.confidence,
                true_depth_m=depth_map.true_depth_m,
                score=score,
            )
        )

    def _score(self, depth_map: DepthMap, view: DepthView) -> KeyframeScore | None:
        truth = depth_map.true_depth_m
        if truth is None:
            return None
        dense = depth_map.dense_depth_m
        score = score_keyframe(
            stamp_ns=depth_map.frame.stamp_ns,
            keyframe=depth_map.keyframe,
            dense_depth_m=depth_map.depth_m if dense is None else dense,
            depth_m=depth_map.depth_m,
            true_depth_m=truth,
        )
        self._scores.append(score)
        self._ranges.append(sum_errors_by_range(depth_map.depth_m, truth))
        self._confidences.append(sample_confidence(depth_map.depth_m, depth_map.confidence, truth))
        self._fusion.add(view)
        self._true_cloud.add(_view(depth_map, truth, depth_map.confidence))
        return score

    def finish(self) -> DepthFigures:
        """The figures of everything taken."""
        late = after_warm_up(self._scores)
        return DepthFigures(
            accuracy=score_recording(self._scores) if self._scores else None,
            accuracy_after_warm_up=score_recording(late) if late else None,
            errors_by_depth=pool_ranges(self._ranges) if self._ranges else [],
            confidence=score_confidence(self._confidences),
            consistency=Consistency(
                published=self._published.total.share,
                every_pixel=None if self._dense is None else self._dense.total.share,
            ),
            cloud=self._score_cloud(),
            keyframes=self._keyframes,
        )

    def _score_cloud(self) -> CloudScore | None:
        if not self._scores:
            return None
        cloud = self._fusion.finish()
        return score_cloud(cloud.points_m, self._true_cloud.points_m(), voxel_m=VOXEL_M)


def _view(
    depth_map: DepthMap,
    depth_m: Float32[ndarray, "height width"],
    confidence: Float32[ndarray, "height width"],
) -> DepthView:
    return DepthView(
        depth_m=depth_m,
        confidence=confidence,
        image=depth_map.frame.image,
        camera=depth_map.frame.camera,
        world_from_camera=depth_map.frame.world_from_camera,
    )


def _keyframe_figures(
    depth_map: DepthMap, consistency: float, score: KeyframeScore | None
) -> KeyframeFigures:
    pose = depth_map.frame.world_from_camera
    metrics = None if score is None else mean_errors(score.published.sums)
    return KeyframeFigures(
        stamp_ns=depth_map.frame.stamp_ns,
        keyframe=depth_map.keyframe,
        position_m=tuple(pose[:3, 3].tolist()),
        forward=tuple(pose[:3, 2].tolist()),
        known_share=float(np.isfinite(depth_map.depth_m).mean()),
        consistency=consistency,
        absolute_relative=metrics and metrics.absolute_relative,
        delta_1_25=metrics and metrics.delta_1_25,
        coverage=metrics and metrics.coverage,
        median_ratio=score and score.published.median_ratio,
    )
