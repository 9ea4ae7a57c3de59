# SPDX-License-Identifier: Apache-2.0
"""The machine: what it is, and the most memory that a stretch of work took."""

import os
import platform
from pathlib import Path

import numpy as np
import torch

MEBIBYTE = 2**20
_RESET_PEAK = "5"
"""Written to clear_refs, sets the peak to what is in use now (proc(5))."""


class PeakMemory:
    """The most memory that the process has held since construction."""

    def __init__(self, device: str) -> None:
        """Start from what is held now.

        Args:
            device: torch device whose memory counts besides the machine's.
        """
        self._device = torch.device(device)
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        try:
            Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
        except OSError:
            # Where the kernel does not allow it, the peak is that of the whole process.
            return

    def machine_mib(self) -> float | None:
        """The process's peak of resident memory; None where the system does not tell."""
        try:
            lines = Path("/proc/self/status").read_text().splitlines()
        except OSError:
            return None
        kibibytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
        return kibibytes[0] / 1024 if kibibytes else None

    def device_mib(self) -> float | None:
        """The peak of memory taken by tensors on the GPU; None on a CPU."""
        if self._device.type != "cuda":
            return None
        return torch.cuda.max_memory_allocated(self._device) / MEBIBYTE


def machine_facts(device: str) -> dict[str, str]:
    """What figures depend on, for a person to read."""
    facts = {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    if torch.device(device).type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(torch.device(device))
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
