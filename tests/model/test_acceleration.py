# SPDX-License-Identifier: Apache-2.0
import logging

import pytest
import torch

from depthsplat_ros.model import acceleration
from depthsplat_ros.model.acceleration import fused_kernels

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def forget():
    acceleration._working_kernels.cache_clear()
    yield
    acceleration._working_kernels.cache_clear()


@torch.inference_mode()
def test_what_is_no_float16_on_a_gpu_goes_through_pytorch(monkeypatch):
    monkeypatch.setattr(acceleration, "_working_kernels", lambda: pytest.fail("was asked for"))
    assert fused_kernels(torch.zeros(1, dtype=torch.float16)) is None
    assert fused_kernels(torch.zeros(1)) is None


def test_where_nothing_can_be_compiled_that_is_said_once(monkeypatch, caplog):
    def import_module(name):
        raise ImportError(f"no module named {name}")

    monkeypatch.setattr(acceleration.importlib, "import_module", import_module)
    with caplog.at_level(logging.WARNING):
        assert acceleration._working_kernels() is None
        assert acceleration._working_kernels() is None
    assert len(caplog.records) == 1
    assert "no module named triton" in caplog.text
    assert "a C compiler" in caplog.text


@needs_gpu
def test_training_goes_through_pytorch():
    values = torch.zeros(1, dtype=torch.float16, device="cuda")
    assert fused_kernels(values) is None
    with torch.inference_mode():
        assert fused_kernels(values) is not None
