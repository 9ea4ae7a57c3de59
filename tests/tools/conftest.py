# SPDX-License-Identifier: Apache-2.0
"""Lets the tests of tools/ import it: plain scripts, no package."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _tools_on_path(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "tools")
