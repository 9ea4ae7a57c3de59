# SPDX-License-Identifier: Apache-2.0
"""Lets these tests import training/, which is not installed, beside the built package."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)

_FOLDER = Path(__file__).resolve().parents[2] / "training"

if "training" not in sys.modules:
    # Its parent on sys.path would hide the built package behind the sources.
    _spec = importlib.util.spec_from_file_location(
        "training", _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    sys.modules["training"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["training"])

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


@pytest.fixture(scope="session")
def renderer():
    """Of scenes, on the CPU."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    from training.rendering import Renderer

    return Renderer(torch.device("cpu"))
