# SPDX-License-Identifier: Apache-2.0
"""The main job: frames through the reconstructor, what comes out into files and figures."""

import dataclasses
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

import depthsplat_ros
from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.evaluation.scores import (
    KeyframeScore,
    after_warm_up,
    score_keyframe,
    score_recording,
)
from depthsplat_ros.fusion import CloudFusion, DepthView, FusionConfig
from depthsplat_ros.offline.cloud_picture import draw_cloud
from depthsplat_ros.offline.contact_sheet import draw_contact_sheet
from depthsplat_ros.offline.novel_views import ViewRenderer, draw_sheet, write_film
from depthsplat_ros.offline.output import OutputFolder
from depthsplat_ros.offline.render import choose_path
from depthsplat_ros.offline.samples import Sample, SampleKeeper
from depthsplat_ros.offline.summary import (
    AccuracyReport,
    CloudFacts,
    FrameCounts,
    KeyframeRecord,
    SceneFacts,
    Summary,
    Times,
    spread_of,
)
from depthsplat_ros.offline.truth import HeldTruths, TrueDepth, resample_nearest
from depthsplat_ros.recordings import RecordedFrame, RecordedSkip
from depthsplat_ros.rendering import RenderingError
from depthsplat_ros.scene_files import write_scene
from depthsplat_ros.streaming.reconstructor import Reconstruction, Skipped, StreamingReconstructor
from depthsplat_ros.visualisation import DepthScale, depth_picture, depth_scale

COLOURED_QUANTILES = (0.02, 0.98)
"""Of a keyframe's depths; what lies outside shares the colours at the ends."""


NOVEL_PICTURES = 96
"""Of the scene's film: four seconds."""

logger = logging.getLogger(__name__)


class NoFramesError(DepthSplatError):
    """Not one image of the recording became a frame."""


class ReconstructionJob:
    """Takes frames one by one, writes their depth at once, and everything else at the end.

    Memory does not grow with the recording, but for a line of figures per keyframe.
    """

    def __init__(
        self, reconstructor: StreamingReconstructor, output: OutputFolder, fusion: FusionConfig
    ) -> None:
        """Start with nothing taken.

        Args:
            reconstructor: what turns frames into depth.
            output: where everything is written.
            fusion: how the cloud is made.
        """
        self._reconstructor = reconstructor
        self._output = output
        self._fusion = CloudFusion(fusion)
        self._truths = HeldTruths(reconstructor.config.keyframes_held)
        self._numbers: dict[int, int] = {}
        self._samples = SampleKeeper()
        self._records: list[KeyframeRecord] = []
        self._ranges_m: list[tuple[float, float]] = []
        self._skipped_by_recording: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._frames = 0
        self._reading_s = 0.0
        self._started_s = time.perf_counter()

    def run(
        self, recorded: Iterable[RecordedFrame | RecordedSkip], on_image: Callable[[], None]
    ) -> None:
        """Take every image; `on_image` is called after each."""
        iterator = iter(recorded)
        while True:
            started_s = time.perf_counter()
            item = next(iterator, None)
            self._reading_s += time.perf_counter() - started_s
            if item is None:
                return
            self.take(item)
            on_image()

    def take(self, item: RecordedFrame | RecordedSkip) -> None:
        """Push one frame and keep what comes out, or count why there is none."""
        if isinstance(item, RecordedSkip):
            reason = item.reason.name.lower()
            self._skipped_by_recording[reason] += 1
            self._examples.setdefault(reason, item.detail)
            return
        self._frames += 1
        outcome = self._reconstructor.push(item.frame)
        if isinstance(outcome, Reconstruction) or outcome.is_keyframe:
            self._remember_keyframe(item)
        if isinstance(outcome, Skipped):
            self._skipped[outcome.reason.value] += 1
            self._examples.setdefault(outcome.reason.value, outcome.detail)
        else:
            self._keep(outcome)

    def _remember_keyframe(self, recorded: RecordedFrame) -> None:
        stamp_ns = recorded.frame.stamp_ns
        self._numbers[stamp_ns] = len(self._numbers) + 1
        if recorded.depth_m is not None:
            self._truths.add(
                stamp_ns,
                TrueDepth(depth_m=recorded.depth_m, camera=recorded.frame.camera),
            )

    def _keep(self, reconstruction: Reconstruction) -> None:
        # The depth may be that of an older keyframe than the frame just pushed.
        frame = reconstruction.frame
        stamp_ns = frame.stamp_ns
        depth_m = reconstruction.depth_m
        self._output.write_raw_depth(stamp_ns, depth_m)
        self._fusion.add(
            DepthView(
                depth_m=depth_m,
                confidence=reconstruction.confidence,
                image=frame.image,
                camera=frame.camera,
                world_from_camera=frame.world_from_camera,
            )
        )
        known = depth_m[np.isfinite(depth_m)]
        near_m, far_m = np.quantile(known, COLOURED_QUANTILES)
        self._ranges_m.append((float(near_m), float(far_m)))
        truth = self._truths.find(stamp_ns)
        true_depth_m = None if truth is None else resample_nearest(truth, frame.camera)
        score = self._score(reconstruction, true_depth_m)
        self._samples.add(
            Sample(
                stamp_ns=stamp_ns,
                keyframe=self._numbers[stamp_ns],
                image=frame.image,
                depth_m=depth_m,
                confidence=reconstruction.confidence,
                true_depth_m=true_depth_m,
                score=score,
            )
        )
        self._records.append(
            KeyframeRecord(
                stamp_ns=stamp_ns,
                keyframe=self._numbers[stamp_ns],
                partner_stamps_ns=reconstruction.partner_stamps_ns,
                known_share=known.size / depth_m.size,
                encode_s=reconstruction.encode_s,
                predict_s=reconstruction.predict_s,
                camera=frame.camera,
                world_from_camera=frame.world_from_camera.tolist(),
                score=score,
            )
        )

    def _score(
        self,
        reconstruction: Reconstruction,
        true_depth_m: Float32[ndarray, "height width"] | None,
    ) -> KeyframeScore | None:
        if true_depth_m is None:
            return None
        stamp_ns = reconstruction.frame.stamp_ns
        return score_keyframe(
            stamp_ns=stamp_ns,
            keyframe=self._numbers[stamp_ns],
            dense_depth_m=reconstruction.dense_depth_m,
            depth_m=reconstruction.depth_m,
            true_depth_m=true_depth_m,
        )

    def finish(
        self,
        *,
        recording: str,
        model: str,
        device: str,
        on_picture: Callable[[], None] = lambda: None,
    ) -> Summary:
        """Write the cloud, the pictures and the documents; returns what summary.json says.

        Args:
            recording: its name, as the pictures show it.
            model: name of the predictor.
            device: where it ran.
            on_picture: called after each of the `NOVEL_PICTURES` pictures of the scene's film.

        Raises:
            NoFramesError: if there was no frame at all.
        """
        if self._frames == 0:
            raise NoFramesError(self._explain_no_frames(recording))
        cloud = self._fusion.finish()
        self._output.write_cloud(cloud)
        scale = self._scale()
        if scale is not None:
            self._write_pictures(scale, recording)
            poses = np.array([record.world_from_camera for record in self._records])
            self._output.write_picture(
                "cloud.png",
                draw_cloud(
                    cloud,
                    poses,
                    f"{recording}: {len(cloud.points_m):,} points from {len(poses)} keyframes",
                ),
            )
        self._output.write_json(
            "keyframes.json", [dataclasses.asdict(record) for record in self._records]
        )
        scene = self._write_scene(on_picture)
        summary = Summary(
            version=depthsplat_ros.__version__,
            recording=recording,
            model=model,
            device=device,
            settings=dataclasses.asdict(self._reconstructor.config),
            counts=FrameCounts(
                images=self._frames + self._skipped_by_recording.total(),
                skipped_by_recording=dict(self._skipped_by_recording.most_common()),
                frames=self._frames,
                skipped_by_reconstruction=dict(self._skipped.most_common()),
                examples=self._examples,
                keyframes=len(self._numbers),
                reconstructed=len(self._records),
            ),
            times=Times(
                total_s=time.perf_counter() - self._started_s,
                reading_s=self._reading_s,
                encode_s=spread_of([record.encode_s for record in self._records]),
                predict_s=spread_of([record.predict_s for record in self._records]),
            ),
            depth_colours_m=None if scale is None else (scale.near_m, scale.far_m),
            cloud=CloudFacts(points=len(cloud.points_m), voxel_m=cloud.voxel_m),
            scene=scene,
            accuracy=self._accuracy(),
        )
        self._output.write_json("summary.json", dataclasses.asdict(summary))
        return summary

    def _explain_no_frames(self, recording: str) -> str:
        if not self._skipped_by_recording:
            return f"{recording} holds no image"
        reason, count = self._skipped_by_recording.most_common(1)[0]
        return (
            f"none of the {self._skipped_by_recording.total()} images of {recording} can be used; "
            f"{count} for the reason {reason}: {self._examples[reason]}"
        )

    def _scale(self) -> DepthScale | None:
        """One scale for all pictures, so that they can be compared; odd keyframes may clip."""
        if not self._ranges_m:
            return None
        near_m, far_m = zip(*self._ranges_m, strict=True)
        return depth_scale(float(np.quantile(near_m, 0.1)), float(np.quantile(far_m, 0.9)))

    def _write_pictures(self, scale: DepthScale, recording: str) -> None:
        for record in self._records:
            depth_m = self._output.read_raw_depth(record.stamp_ns)
            self._output.write_depth_picture(record.stamp_ns, depth_picture(depth_m, scale))
        self._output.write_picture(
            "contact_sheet.png", draw_contact_sheet(self._samples.ranked(), scale, recording)
        )

    def _write_scene(self, on_picture: Callable[[], None]) -> SceneFacts | None:
        scene = self._reconstructor.scene
        if scene is None or len(scene) == 0:
            return None
        gaussians = scene.snapshot()
        write_scene(self._output.path / "scene.ply", gaussians)
        poses = np.array([record.world_from_camera for record in self._records])
        try:
            views = write_film(
                self._output.path / "novel_views.mp4",
                ViewRenderer(gaussians, self._reconstructor.device),
                self._records[-1].camera,
                choose_path(gaussians, poses, "follow", NOVEL_PICTURES),
                on_picture,
            )
        except RenderingError as error:
            logger.warning("no film of the scene: %s", error)
            return SceneFacts(gaussians=len(gaussians), is_rendered=False)
        self._output.write_picture("novel_views.png", draw_sheet(views))
        return SceneFacts(gaussians=len(gaussians), is_rendered=True)

    def _accuracy(self) -> AccuracyReport | None:
        scores = [record.score for record in self._records if record.score is not None]
        if not scores:
            return None
        return AccuracyReport(
            all_keyframes=score_recording(scores),
            after_keyframe_5=score_recording(after_warm_up(scores)),
        )
