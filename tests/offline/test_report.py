# SPDX-License-Identifier: Apache-2.0
import io
import math

from rich.console import Console

from depthsplat_ros.evaluation.metrics import DepthMetrics
from depthsplat_ros.evaluation.scores import Accuracy, RatioSpread, RecordingScore, score_recording
from depthsplat_ros.offline.report import describe
from depthsplat_ros.offline.summary import (
    AccuracyReport,
    CloudFacts,
    FrameCounts,
    Summary,
    Times,
    spread_of,
)


def accuracy(absolute_relative: float, keyframes: int) -> Accuracy:
    metrics = DepthMetrics(
        absolute_relative=absolute_relative,
        squared_relative_m=0.1,
        rmse_m=0.25,
        log_rmse=0.15,
        silog=14.0,
        delta_1_05=0.5,
        delta_1_10=0.6,
        delta_1_25=0.75,
        delta_1_25_squared=0.9,
        coverage=0.8,
    )
    return Accuracy(
        keyframes=keyframes,
        metrics=metrics,
        aligned=metrics,
        median_ratio=RatioSpread(
            median=1.01, percentile_5=0.97, percentile_95=1.03, drift=0.06, trend=0.0
        ),
    )


def summary(report: AccuracyReport | None, *, reconstructed: int = 20) -> Summary:
    return Summary(
        version="0",
        recording="walk",
        model="plane-sweep",
        device="cpu",
        settings={},
        counts=FrameCounts(
            images=33,
            skipped_by_recording={"no_pose": 2},
            frames=31,
            skipped_by_reconstruction={"too_similar": 11},
            examples={"no_pose": "TF ended", "too_similar": "it hardly moved"},
            keyframes=21,
            reconstructed=reconstructed,
        ),
        times=Times(
            total_s=12.0, reading_s=1.0, encode_s=spread_of([0.1]), predict_s=spread_of([0.2])
        ),
        depth_colours_m=(1.0, 4.0),
        cloud=CloudFacts(points=12345, voxel_m=0.01),
        scene=None,
        accuracy=report,
    )


def shown(found: Summary, *, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(describe(found))
    return stream.getvalue()


def test_frames_are_listed_with_reasons_and_their_meaning():
    text = shown(summary(None))

    for words in ("33", "-2", "no_pose", "TF ended", "-11", "it hardly moved", "20", "12,345"):
        assert words in text


def test_figures_of_all_and_of_late_keyframes_stand_side_by_side_on_80_columns():
    report = AccuracyReport(
        all_keyframes=RecordingScore(full=accuracy(0.11, 20), published=accuracy(0.12, 20)),
        after_keyframe_5=RecordingScore(full=accuracy(0.13, 16), published=accuracy(0.14, 16)),
    )

    lines = shown(summary(report)).splitlines()

    (row,) = [line for line in lines if "AbsRel" in line]
    numbers = [cell.strip() for cell in row.strip("│ ").split("│")]
    assert numbers == ["AbsRel", "0.1100", "0.1200", "0.1300", "0.1400"]
    assert max(map(len, lines)) <= 80


def test_a_figure_without_any_keyframe_is_a_dash():
    none = score_recording([])
    some = RecordingScore(full=accuracy(0.11, 3), published=accuracy(0.12, 3))

    text = shown(summary(AccuracyReport(all_keyframes=some, after_keyframe_5=none)))

    assert "nan" not in text
    (row,) = [line for line in text.splitlines() if "AbsRel" in line]
    assert [cell.strip() for cell in row.strip("│ ").split("│")][-2:] == ["-", "-"]


def test_without_truth_it_is_said_that_there_are_no_figures():
    assert "no true depth" in shown(summary(None))


def test_no_depth_is_said_plainly():
    assert "no depth" in shown(summary(None, reconstructed=0))


def test_the_spread_of_no_times_is_nan():
    assert math.isnan(spread_of([]).median_s)
