# SPDX-License-Identifier: Apache-2.0
"""What may be tuned in the plane sweep."""

from dataclasses import dataclass

from depthsplat_ros.settings import check_settings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneSweepConfig:
    """Settings of a `PlaneSweep`; costs are shares of differing census bits, 0 to 1.

    Raises:
        SettingError: if a value is outside its limits.
    """

    planes: int = setting(
        64, "Depth hypotheses, evenly spaced in inverse depth.", minimum=8, maximum=512
    )
    guide_radius_px: int = setting(
        3, "Radius of the guided filter that averages costs.", minimum=1, maximum=32
    )
    guide_epsilon: float = setting(
        1e-2,
        "Grey-level variance (grey in [0, 1]) below which the guided filter averages plainly.",
        minimum=1e-6,
        maximum=1.0,
    )
    slope_penalty: float = setting(
        16.0,
        "Cost of a surface that crosses the whole range of inverse depth in small steps.",
        minimum=0.0,
        maximum=1e3,
    )
    jump_penalty: float = setting(
        8.0,
        "Cost of a depth jump between neighbours of equal grey; it caps the slope penalty.",
        minimum=0.0,
        maximum=64.0,
    )
    least_jump_penalty: float = setting(
        2.0, "Cost of a depth jump at the strongest image edge.", minimum=0.0, maximum=64.0
    )
    edge_sensitivity: float = setting(
        25.0,
        "How fast the jump penalty falls with the grey step g in [0, 1]: it is divided by "
        "1 + this * g.",
        minimum=0.0,
        maximum=1e3,
    )
    refinement_prior: float = setting(
        0.01,
        "Cost of refining depth by as much as moves the point by 1 px in another view; it grows "
        "with the square.",
        minimum=0.0,
        maximum=10.0,
    )
    minimum_parallax_px: float = setting(
        1.5,
        "Depth is unknown where no view moved by this much against the view at infinity.",
        minimum=0.0,
        maximum=100.0,
    )
    minimum_confidence: float = setting(
        0.2,
        "Depth is unknown where the confidence is below this.",
        minimum=0.0,
        maximum=1.0,
    )

    def __post_init__(self) -> None:
        check_settings(self)
