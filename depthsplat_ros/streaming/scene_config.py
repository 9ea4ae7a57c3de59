# SPDX-License-Identifier: Apache-2.0
"""How the Gaussians of many keyframes become one scene of bounded size."""

from dataclasses import dataclass

from depthsplat_ros.settings import check_settings, setting

MAXIMUM_ON_CPU, MAXIMUM_ON_GPU = 600_000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneConfig:
    """Settings of a `SceneMap`.

    Raises:
        SettingError: if a value is outside its limits.
    """

    scene_maximum_gaussians: int = setting(
        0,
        "Gaussians the scene may hold; beyond it those not seen for longest are forgotten. 0 "
        f"takes {MAXIMUM_ON_GPU:,} on a GPU and {MAXIMUM_ON_CPU:,} on a CPU.",
        minimum=0,
        maximum=20_000_000,
        is_dynamic=True,
    )
    scene_agreement: float = setting(
        0.05,
        "A Gaussian and a new depth are the same surface when they differ by less than this "
        "share; the new view then replaces or refines it.",
        minimum=1e-3,
        maximum=0.5,
        is_dynamic=True,
    )
    scene_fills_gaps: bool = setting(
        True,
        "Where nothing was measured, take the best guess until something is; false leaves holes.",
        is_dynamic=True,
    )
    scene_minimum_opacity: float = setting(
        0.02,
        "Gaussians fainter than this are dropped.",
        minimum=0.0,
        maximum=1.0,
        is_dynamic=True,
    )
    scene_maximum_age_keyframes: int = setting(
        0,
        "Forget what no keyframe has confirmed for so many keyframes; 0 never does.",
        minimum=0,
        maximum=1_000_000,
        is_dynamic=True,
    )
    scene_maximum_distance_m: float = setting(
        0.0,
        "Forget what is farther than this from the newest keyframe, in metres (the unit of the "
        "poses); 0 never does.",
        minimum=0.0,
        maximum=1e7,
        is_dynamic=True,
    )

    def __post_init__(self) -> None:
        check_settings(self)

    def maximum_on(self, device_type: str) -> int:
        """How many Gaussians the scene may hold on a kind of device ('cpu', 'cuda')."""
        if self.scene_maximum_gaussians:
            return self.scene_maximum_gaussians
        return MAXIMUM_ON_CPU if device_type == "cpu" else MAXIMUM_ON_GPU
