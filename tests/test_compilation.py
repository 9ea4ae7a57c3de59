# SPDX-License-Identifier: Apache-2.0
import math

import numba
import numpy as np

from depthsplat_ros import compilation


def test_without_a_folder_for_the_cache_functions_are_compiled_in_memory(monkeypatch):
    asked = []
    njit = numba.njit

    def refuse_cache(*, cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(compilation.numba, "njit", refuse_cache)

    @compilation.compiled
    def double(values):
        values *= 2

    values = np.arange(3.0)
    double(values)
    assert asked == [True, False]
    assert values.tolist() == [0.0, 2.0, 4.0]


def test_what_is_not_finite_is_not_optimised_away():
    @compilation.compiled
    def is_finite(value):
        return abs(value + value) < math.inf

    assert is_finite(1.0)
    assert not is_finite(math.nan)
    assert not is_finite(math.inf)
