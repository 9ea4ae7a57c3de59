# SPDX-License-Identifier: Apache-2.0
"""Keeps a test run's ROS graph to itself, and ROS tests out of a shell that has no ROS.

Imports nothing of depthsplat_ros: jaxtyping's import hook, which checks every annotation, is not
in place yet.
"""

import fcntl
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest

# `python -m pytest` puts the sources first, which have no messages; those installed have them.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parents[1]]

# Domains above 101 reach into Linux's ephemeral ports.
_DOMAINS = range(1, 102)


def _claim_domain():
    """A lock on a ROS domain that no other test process of this machine has, and its number."""
    folder = Path(tempfile.gettempdir(), f"depthsplat_ros_domains_{os.getuid()}")
    folder.mkdir(exist_ok=True)
    for domain in _DOMAINS:
        lock = (folder / str(domain)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return lock, domain
    raise RuntimeError(f"all {len(_DOMAINS)} ROS domains are taken by other tests; see {folder}")


# Held until the process ends. Each pytest-xdist worker is a process of its own and claims another.
_DOMAIN_LOCK, _domain = _claim_domain()
# Read by OpenMP when torch is loaded: tests that share cores starve if threads wait for threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
if not Path("/dev/nvidiactl").exists():
    # Read when Triton is imported, which torch and timm may do: its kernels run on the CPU then.
    os.environ["TRITON_INTERPRET"] = "1"
os.environ["ROS_DOMAIN_ID"] = str(_domain)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


def _has_ros():
    try:
        return all(map(importlib.util.find_spec, ("rclpy", "depthsplat_ros.msg")))
    except ModuleNotFoundError:
        return False


def pytest_collection_modifyitems(items):
    """Skip ROS tests where there is no ROS, unless `make test` has promised one."""
    if os.environ.get("REQUIRE_ROS") or _has_ros():
        return
    no_ros = "no ROS: source .venv/bin/activate && source install/setup.bash"
    for item in items:
        if item.get_closest_marker("ros"):
            item.add_marker(pytest.mark.skip(reason=no_ros))
