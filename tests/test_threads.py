# SPDX-License-Identifier: Apache-2.0
"""One core is left to others, and what a user has set stays."""

import pytest

from depthsplat_ros import threads


@pytest.mark.parametrize(("cores", "expected"), [(1, "1"), (2, "1"), (8, "7")])
def test_one_core_is_left_to_others(monkeypatch, cores, expected):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: set(range(cores)))
    environment = {}
    threads.settle_threads(environment)
    assert environment == {"OMP_NUM_THREADS": expected, "GOMP_SPINCOUNT": threads.SPINS}


def test_what_a_user_has_set_stays():
    environment = {"OMP_NUM_THREADS": "3", "GOMP_SPINCOUNT": "infinite"}
    threads.settle_threads(environment)
    assert environment == {"OMP_NUM_THREADS": "3", "GOMP_SPINCOUNT": "infinite"}
