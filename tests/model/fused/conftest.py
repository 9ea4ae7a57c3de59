# SPDX-License-Identifier: Apache-2.0
"""Triton kernels run on the CPU in Triton's interpreter, and compiled where there is a GPU."""

import importlib.util

import pytest
import torch

if importlib.util.find_spec("triton") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def device():
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
