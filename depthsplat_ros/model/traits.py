# SPDX-License-Identifier: Apache-2.0
"""What a predictor can take; without torch, for those who only ask."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a predictor can take, and what it works best with."""

    minimum_views: int
    maximum_views: int
    preferred_views: int
    longer_side_px: int
    """Preferred image size."""
    size_multiple: int
    """Image sides must be multiples of this."""
    near_m: float
    far_m: float
    """Preferred depth range, in the unit of the poses."""
    minimum_confidence: float
    """Preferred limit below which depth is not published."""
