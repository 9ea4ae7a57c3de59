# SPDX-License-Identifier: Apache-2.0
"""What may be chosen when Gaussians are rendered."""

from dataclasses import dataclass

from depthsplat_ros.settings import SettingError, check_settings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingConfig:
    """Settings of `render`; the defaults are gsplat's.

    Raises:
        SettingError: if a value is outside its limits, or near is not below far.
    """

    background_red: float = setting(
        0.0, "Red behind the Gaussians.", minimum=0.0, maximum=1.0, is_dynamic=True
    )
    background_green: float = setting(
        0.0, "Green behind the Gaussians.", minimum=0.0, maximum=1.0, is_dynamic=True
    )
    background_blue: float = setting(
        0.0, "Blue behind the Gaussians.", minimum=0.0, maximum=1.0, is_dynamic=True
    )
    near_m: float = setting(
        0.01,
        "Gaussians whose centre is nearer than this are left out; in the unit of the poses.",
        minimum=1e-6,
        maximum=1e10,
        is_dynamic=True,
    )
    far_m: float = setting(
        1e10,
        "Gaussians whose centre is farther than this are left out; in the unit of the poses.",
        minimum=1e-6,
        maximum=1e10,
        is_dynamic=True,
    )
    antialiased: bool = setting(
        False,
        "Fade Gaussians smaller than a pixel instead of thickening them. For scenes viewed at a "
        "much lower resolution than they were made from.",
        is_dynamic=True,
    )
    maximum_pixels: int = setting(
        2**25, "Most pixels in one call, over all its cameras.", minimum=1, maximum=2**31 - 1
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.near_m >= self.far_m:
            raise SettingError(
                f"near_m is {self.near_m:g}; it must be below far_m, {self.far_m:g}"
            )

    @property
    def background(self) -> tuple[float, float, float]:
        """Red, green and blue behind the Gaussians."""
        return (self.background_red, self.background_green, self.background_blue)
