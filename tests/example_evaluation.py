# SPDX-License-Identifier: Apache-2.0
"""A small evaluation of a camera that slides along a wall, as documents and samples."""

import numpy as np
from helpers import SECOND_NS, make_frame, make_pose

from depthsplat_ros.evaluation.depth_scorer import DepthMap, DepthScorer
from depthsplat_ros.evaluation.document import make_document, recording_entry, result_entry
from depthsplat_ros.evaluation.measurement import Performance, Result
from depthsplat_ros.evaluation.novel_views import NovelViewScore, ShownView
from depthsplat_ros.evaluation.page import ModelSamples
from depthsplat_ros.evaluation.parts import ShownSample
from depthsplat_ros.evaluation.survey import RecordingFacts
from depthsplat_ros.input_checks.verdicts import Check, CheckState, Verdict
from depthsplat_ros.offline.summary import FrameCounts, spread_of

WALL_M = 3.0
ERRORS = (0.05, 0.06)
"""Relative errors of the two models, the same everywhere."""


def make(*, model="plane-sweep", has_truth=True, keyframes=6):
    """The document and the samples of two models on one recording."""
    models = (model, "other-model:window_views=2")
    results, samples = [], {}
    for name, error in zip(models, ERRORS, strict=True):
        scorer = _score(error, has_truth, keyframes)
        depth_maps = [
            ShownSample(
                rank=ranked.rank,
                stamp_ns=ranked.sample.stamp_ns,
                keyframe=ranked.sample.keyframe,
                image=ranked.sample.image,
                depth_m=ranked.sample.depth_m,
                confidence=ranked.sample.confidence,
                true_depth_m=ranked.sample.true_depth_m,
            )
            for ranked in scorer.samples.ranked()
        ]
        samples[name] = ModelSamples(depth_maps=depth_maps, novel_views=[_view()])
        results.append(result_entry(_result(name, scorer, keyframes)))
    document = make_document(
        command="depthsplat evaluate walk --output out",
        device="cpu",
        recordings=[recording_entry(_facts(has_truth))],
        results=results,
    )
    return document, {"walk": samples}


def _score(error, has_truth, keyframes):
    scorer = DepthScorer()
    generator = np.random.default_rng(0)
    for number in range(keyframes):
        frame = make_frame(
            stamp_ns=(100 + number) * SECOND_NS, world_from_camera=make_pose(0.1 * number)
        )
        truth = np.full(frame.image.shape[:2], WALL_M, np.float32)
        depth = (truth * (1 + error)).astype(np.float32)
        depth[:4] = np.nan
        scorer.add(
            DepthMap(
                frame=frame,
                keyframe=number + 1,
                depth_m=depth,
                confidence=generator.random(depth.shape, np.float32),
                dense_depth_m=(truth * (1 + error)).astype(np.float32),
                true_depth_m=truth if has_truth else None,
            )
        )
    return scorer


def _result(model, scorer, keyframes):
    return Result(
        recording="walk",
        model=model,
        source="offline",
        device="cpu",
        settings={"window_views": 4},
        counts=FrameCounts(
            images=keyframes + 1,
            skipped_by_recording={},
            frames=keyframes + 1,
            skipped_by_reconstruction={"waiting_for_partner": 1},
            examples={"waiting_for_partner": "the first keyframe"},
            keyframes=keyframes + 1,
            reconstructed=keyframes,
        ),
        figures=scorer.finish(),
        novel_views=NovelViewScore(views=1, psnr_db=20.5, ssim=0.75, filled_share=0.9),
        performance=Performance(
            stages={"predict": spread_of([0.1, 0.2])},
            frames_per_second=9.0 if model.startswith("o") else 10.0,
            depth_maps_per_second=5.0,
            peak_memory_mib=500.0,
            peak_gpu_memory_mib=None,
        ),
    )


def _view():
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    return ShownView(
        rank="best", stamp_ns=SECOND_NS, psnr_db=20.5, image=image, rendered=image // 2
    )


def _facts(has_truth):
    return RecordingFacts(
        name="walk",
        images=7,
        duration_s=6.0,
        image_topic="/camera/image_raw",
        camera_info_topic="/camera/camera_info",
        depth_topic="/camera/depth/image_rect" if has_truth else None,
        world_frame="odom",
        camera_frame="camera",
        width_px=64,
        height_px=48,
        frames_with_truth=7 if has_truth else 0,
        true_depth_m=(2.5, 3.5) if has_truth else None,
        path_length_m=0.6,
        path_m=[(0.1 * step - 0.3, 0.0) for step in range(7)],
        above_from_world=[[1.0, 0.0, 0.0, -0.3], [0.0, 0.0, 1.0, 0.0]],
        checks=[
            Verdict(
                check=Check.POSES,
                state=CheckState.WRONG,
                finding="the poses are world-to-camera; inverted, they fit the images",
                remedy="publish camera-to-world",
                evidence={"pairs": 30.0, "contradiction_as_given": 0.9},
            ),
            Verdict(check=Check.TIME_OFFSET, state=CheckState.UNDECIDED, finding="no idea"),
            Verdict(check=Check.UNITS, state=CheckState.GOOD, finding="metres it is"),
        ],
    )
