# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from helpers import WallPredictor
from typer.testing import CliRunner
from wall_bag import WALL_M, WallBag

from depthsplat_ros.cli import app
from depthsplat_ros.evaluation import evaluate as evaluation
from depthsplat_ros.streaming.reconstructor import StreamingReconstructor


@pytest.fixture
def run(monkeypatch):
    """Runs the command with a predictor that knows where the wall is."""

    def create(config, *, model, device, precision, scene=None):
        return StreamingReconstructor(WallPredictor(WALL_M), config, device="cpu")

    monkeypatch.setattr(evaluation, "create_reconstructor", create)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, ["evaluate", *map(str, arguments)])


def test_models_on_a_recording_become_a_document_and_a_page(run, tmp_path):
    bag = WallBag(images=6).write(tmp_path / "wall")
    models = ("--model", "plane-sweep", "--model", "plane-sweep:window_views=2")
    others = ("--device", "cpu", "--no-novel-views")
    result = run(bag, "--output", tmp_path / "out", *others, *models)

    assert result.exit_code == 0, result.output
    assert "window_views=2" in result.output.replace("\n", "")
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert [each["model"] for each in document["results"]] == list(models[1::2])
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")


def test_comparing_ends_with_one_if_something_is_worse(run, tmp_path):
    bag = WallBag(images=6).write(tmp_path / "wall")
    assert run(bag, "--output", tmp_path / "out", "--no-novel-views").exit_code == 0
    old = tmp_path / "out" / "evaluation.json"
    document = json.loads(old.read_text())
    published = document["results"][0]["figures"]["accuracy"]["published"]
    published["metrics"]["delta_1_25"] = 0.5
    new = tmp_path / "new.json"
    new.write_text(json.dumps(document))

    assert run("--compare", old, old).exit_code == 0
    worse = run("--compare", old, new)
    assert worse.exit_code == 1
    assert "worse" in worse.output
    assert run("--compare", new, old).exit_code == 0, "better is no regression"
    assert run("--compare", old, new, "--threshold", "0.6").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "needs recordings and --output"),
        (("--compare", "a.json", "b.json"), "cannot read a.json"),
        (("--compare", "a.json", "b.json", "--output", "x"), "leave out"),
        (("bag", "--output", "out", "--model", "plane-sweep:speed=3"), "'speed=3'"),
    ],
)
def test_wrong_orders_are_one_line(run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert len(result.stderr.strip().splitlines()) == 1
