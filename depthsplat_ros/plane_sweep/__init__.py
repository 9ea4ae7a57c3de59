# SPDX-License-Identifier: Apache-2.0
"""Weight-free multi-view stereo: a plane sweep with the same two methods as the network."""

from depthsplat_ros.plane_sweep.config import PlaneSweepConfig
from depthsplat_ros.plane_sweep.predictor import PlaneSweep, PlaneSweepError

__all__ = ["PlaneSweep", "PlaneSweepConfig", "PlaneSweepError"]
