# SPDX-License-Identifier: Apache-2.0
"""Marks of the network's tests.

Imports nothing of depthsplat_ros: jaxtyping's import hook, which checks every annotation, is not
in place yet.
"""


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes many seconds; `make test` leaves it out")
