# SPDX-License-Identifier: Apache-2.0
import logging
from contextlib import contextmanager

import pytest
import torch

from depthsplat_ros.model import graphs
from depthsplat_ros.model.graphs import GraphedFunctions

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class FakeGraph:
    """Counts its replays; what they would compute stays as it was recorded."""

    replays = 0

    def replay(self):
        FakeGraph.replays += 1


@pytest.fixture
def without_gpu(monkeypatch):
    """Lets graphs be recorded on a CPU, in a way that shows what is called when."""

    @contextmanager
    def record(graph, **_):
        yield

    FakeGraph.replays = 0
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


class Doubled:
    """Doubles its input; remembers how often it was called."""

    calls = 0

    def __call__(self, inputs):
        self.calls += 1
        return {"y": 2 * inputs["x"]}


def ones(length):
    return {"x": torch.ones(length)}


def test_a_function_is_called_twice_per_shape_and_then_replayed(without_gpu):
    graphed, function = GraphedFunctions(), Doubled()
    for _ in range(4):
        assert graphed("double", function, ones(3))["y"].tolist() == [2, 2, 2]
    assert function.calls == 2
    assert FakeGraph.replays == 3
    graphed("double", function, ones(4))
    graphed("another", function, ones(3))
    assert function.calls == 4


def test_results_are_the_callers_to_keep(without_gpu):
    graphed = GraphedFunctions()
    results = [graphed("double", Doubled(), ones(3))["y"] for _ in range(3)]
    results[1].zero_()
    assert results[2].tolist() == [2, 2, 2]


def test_what_cannot_be_recorded_is_called_every_time_and_that_is_said_once(
    without_gpu, monkeypatch, caplog
):
    @contextmanager
    def fail(graph, **_):
        yield
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(torch.cuda, "graph", fail)
    graphed, function = GraphedFunctions(), Doubled()
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            assert graphed("double", function, ones(3))["y"].tolist() == [2, 2, 2]
    assert FakeGraph.replays == 0
    assert [record.getMessage() for record in caplog.records] == [
        "the network cannot be recorded as a CUDA graph (operation not permitted when stream is "
        "capturing): it runs without, slower"
    ]


def test_the_graph_unused_for_longest_gives_way(without_gpu, monkeypatch):
    monkeypatch.setattr(graphs, "_GRAPHS_HELD", 2)
    graphed, function = GraphedFunctions(), Doubled()
    for length in (1, 1, 2, 2, 1, 3):
        graphed("double", function, ones(length))
    function.calls = 0
    graphed("double", function, ones(1))
    assert function.calls == 0
    graphed("double", function, ones(2))
    assert function.calls == 1


def test_memory_is_given_back_where_there_is_any(without_gpu):
    graphed, function = GraphedFunctions(), Doubled()
    assert not graphed.clear()
    graphed("double", function, ones(1))
    graphed("double", function, ones(1))
    assert graphed.clear()
    assert not graphed.clear()


@needs_gpu
@torch.inference_mode()
def test_a_replay_computes_with_the_inputs_of_its_call():
    graphed = GraphedFunctions()
    results = []
    for value in range(5):
        x = torch.full((1000,), float(value), device="cuda")
        results.append(graphed("double", Doubled(), {"x": x})["y"])
    assert [result.unique().tolist() for result in results] == [[2.0 * v] for v in range(5)]


@needs_gpu
@torch.inference_mode()
def test_a_function_that_asks_the_gpu_is_called_every_time(caplog):
    def asks(inputs):
        return {"y": inputs["x"] * inputs["x"].sum().item()}

    graphed = GraphedFunctions()
    for value in (1.0, 2.0, 3.0, 4.0):
        x = torch.full((10,), value, device="cuda")
        assert graphed("asks", asks, {"x": x})["y"][0] == 10 * value**2
    assert len(caplog.records) == 1
