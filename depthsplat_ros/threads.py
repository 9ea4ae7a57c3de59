# SPDX-License-Identifier: Apache-2.0
"""How many threads compute and how they wait, for OpenMP to read when torch is loaded."""

import os
from collections.abc import MutableMapping

SPINS = "20000"
"""How often a thread looks for work before it sleeps: some 0.1 ms."""


def settle_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """Leave one core to the rest of the robot, and never let threads spin for long.

    The plane sweep is a thousand short operations. On two cores of a virtual machine it took,
    quiet and beside three busy processes: 0.48 and 0.9 s with one thread; with two threads 0.32
    and over 40 s if they spin as OpenMP does by default, 1.4 and 1.2 s if they always sleep. What
    is set in the environment already stays.
    """
    environment.setdefault("OMP_NUM_THREADS", str(max(1, _usable_cores() - 1)))
    environment.setdefault("GOMP_SPINCOUNT", SPINS)


def _usable_cores() -> int:
    """Those that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
