# SPDX-License-Identifier: Apache-2.0
import dataclasses
import io
import json

import numpy as np
import pytest
from helpers import WallPredictor
from rich.console import Console
from wall_bag import WALL_M, WallBag

from depthsplat_ros.evaluation import evaluate as evaluation
from depthsplat_ros.evaluation.document import SCHEMA, read_document, without_performance
from depthsplat_ros.evaluation.evaluate import EvaluationOrder, evaluate
from depthsplat_ros.evaluation.model_spec import parse_specs
from depthsplat_ros.offline.output import OutputError
from depthsplat_ros.recordings import RecordingOptions
from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor


@pytest.fixture
def made(monkeypatch):
    """Models made so far; each says that the wall is where its name says, else where it is."""
    names = []

    def create(config, *, model, device, precision, scene=None):
        names.append(model)
        wall_m = float(model.removeprefix("wall-")) if "wall-" in model else WALL_M
        return StreamingReconstructor(WallPredictor(wall_m), config, device="cpu")

    monkeypatch.setattr(evaluation, "create_reconstructor", create)
    return names


def order(output, *bags, models=("plane-sweep",), **changes):
    return dataclasses.replace(
        EvaluationOrder(
            recordings=bags,
            specs=tuple(parse_specs(list(models))),
            output=output,
            device="cpu",
            precision="auto",
            maximum_frames=None,
            recording_options=RecordingOptions(),
            streaming=StreamingConfig(),
            has_novel_views=False,
            is_fresh=False,
            command="depthsplat evaluate wall --output out",
        ),
        **changes,
    )


def run(wanted):
    return evaluate(wanted, Console(file=io.StringIO()))


def test_every_model_is_scored_on_every_recording_without_alignment(made, tmp_path):
    bags = [
        WallBag(images=8).write(tmp_path / "wall"),
        WallBag(images=6, has_depth=False).write(tmp_path / "bare"),
    ]
    document = run(order(tmp_path / "out", *bags, models=("wall-3", "wall-3.3")))

    assert document["schema"] == SCHEMA
    named = [(result["recording"], result["model"]) for result in document["results"]]
    assert named == [(bag, model) for bag in ("wall", "bare") for model in ("wall-3", "wall-3.3")]
    right, wrong, *without_truth = (result["figures"] for result in document["results"])
    exact = right["accuracy"]["published"]["metrics"]
    assert exact["absolute_relative"] == pytest.approx(0, abs=1e-6)
    assert wrong["accuracy"]["published"]["metrics"]["absolute_relative"] == (
        pytest.approx(0.1, abs=1e-6)
    )
    aligned = wrong["accuracy"]["published"]["aligned"]
    assert aligned["absolute_relative"] == pytest.approx(0, abs=1e-6)
    assert wrong["accuracy"]["published"]["median_ratio"]["median"] == pytest.approx(1.1)
    assert right["consistency"]["published"] == 1.0
    # The truth begins some rows below the border, where the depth has points too.
    assert right["cloud"]["matches"][0]["precision"] > 0.9
    assert wrong["cloud"]["matches"][1]["f_score"] == 0.0, "30 cm off is not near"
    assert [each["accuracy"] for each in without_truth] == [None, None]
    assert without_truth[0]["consistency"]["published"] == 1.0


def test_the_same_bag_twice_gives_the_same_document_but_for_times(made, tmp_path):
    bag = WallBag(images=8).write(tmp_path / "wall")
    first = run(order(tmp_path / "one", bag))
    second = run(order(tmp_path / "two", bag))

    assert json.dumps(without_performance(first)) == json.dumps(without_performance(second))
    written = read_document(tmp_path / "one" / "evaluation.json")
    assert written == first, "what is returned is what is written"
    assert len(made) == 2, "both were computed"


def test_what_is_finished_is_not_computed_again(made, tmp_path):
    bag = WallBag(images=8).write(tmp_path / "wall")
    output = tmp_path / "out"
    first = run(order(output, bag, models=("wall-3",)))
    again = run(order(output, bag, models=("wall-3", "wall-3.3")))

    assert made == ["wall-3", "wall-3.3"]
    assert again["results"][0] == first["results"][0], "with the times of then"
    run(order(output, bag, models=("wall-3",), is_fresh=True))
    assert made[2:] == ["wall-3"]


def test_another_setting_or_recording_is_computed_anew(made, tmp_path):
    output = tmp_path / "out"
    run(order(output, WallBag(images=8).write(tmp_path / "wall")))
    run(order(output, tmp_path / "wall", streaming=StreamingConfig(window_views=2)))
    run(order(output, tmp_path / "wall", maximum_frames=4))
    assert len(made) == 3


def test_an_interrupted_evaluation_goes_on_where_it_stopped(made, tmp_path, monkeypatch):
    bag = WallBag(images=8).write(tmp_path / "wall")
    working = evaluation.create_reconstructor

    def fail_at_second(config, *, model, **others):
        if model == "wall-3.3":
            raise KeyboardInterrupt
        return working(config, model=model, **others)

    monkeypatch.setattr(evaluation, "create_reconstructor", fail_at_second)
    with pytest.raises(KeyboardInterrupt):
        run(order(tmp_path / "out", bag, models=("wall-3", "wall-3.3")))
    assert not (tmp_path / "out" / "evaluation.json").exists()
    monkeypatch.setattr(evaluation, "create_reconstructor", working)
    run(order(tmp_path / "out", bag, models=("wall-3", "wall-3.3")))
    assert made == ["wall-3", "wall-3.3"]


def test_counts_add_up_and_every_figure_of_speed_is_there(made, tmp_path):
    bag = WallBag(images=8, poses=7).write(tmp_path / "wall")
    (result,) = run(order(tmp_path / "out", bag))["results"]

    counts = result["counts"]
    assert counts["images"] == 8
    assert counts["skipped_by_recording"] == {"no_pose": 1}
    skipped = sum(counts["skipped_by_reconstruction"].values())
    assert counts["frames"] == skipped + counts["reconstructed"] == 7
    performance = result["performance"]
    for stage in ("read", "encode", "predict"):
        times = performance["stages"][stage]
        assert 0 < times["median_s"] <= times["percentile_95_s"] <= times["maximum_s"]
    assert performance["frames_per_second"] > 0
    assert performance["peak_memory_mib"] > 50
    assert performance["peak_gpu_memory_mib"] is None


def test_the_settings_of_a_column_are_its_own(made, tmp_path):
    bag = WallBag(images=8).write(tmp_path / "wall")
    document = run(order(tmp_path / "out", bag, models=("wall-3", "wall-3:window_views=2")))
    views = [result["settings"]["window_views"] for result in document["results"]]
    assert views == [4, 2]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"recordings": ()}, evaluation.EvaluationError, "at least one recording"),
        ({"specs": ()}, evaluation.EvaluationError, "one model"),
    ],
)
def test_nothing_to_do_is_said(made, tmp_path, changes, error, words):
    bag = WallBag(images=3).write(tmp_path / "wall")
    with pytest.raises(error, match=words):
        run(order(tmp_path / "out", bag, **changes))


def test_wrong_orders_are_refused_before_any_work(made, tmp_path):
    bag = WallBag(images=3).write(tmp_path / "wall")
    with pytest.raises(evaluation.EvaluationError, match="given twice"):
        run(order(tmp_path / "out", bag, bag))
    with pytest.raises(SettingError, match="window_views is 99"):
        run(order(tmp_path / "out", bag, models=("wall-3", "wall-3:window_views=99")))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="another one with --output"):
        run(order(tmp_path / "file", bag))
    assert made == []


def test_recordings_of_one_name_are_told_apart(made, tmp_path):
    bags = [WallBag(images=4).write(tmp_path / day / "wall") for day in ("monday", "tuesday")]
    document = run(order(tmp_path / "out", *bags))
    assert [entry["name"] for entry in document["recordings"]] == ["monday/wall", "tuesday/wall"]


def test_the_survey_says_what_the_recording_holds(made, tmp_path):
    bag = WallBag(images=8).write(tmp_path / "wall")
    (entry,) = run(order(tmp_path / "out", bag))["recordings"]

    assert (entry["images"], entry["frames_with_truth"]) == (8, 8)
    assert entry["path_length_m"] == pytest.approx(7 * 0.15)
    assert entry["true_depth_m"] == pytest.approx([WALL_M, WALL_M])
    assert {check["check"] for check in entry["checks"]} == {"poses", "time offset", "units"}
    assert np.ptp(np.array(entry["path_m"]), axis=0).max() == pytest.approx(7 * 0.15)
