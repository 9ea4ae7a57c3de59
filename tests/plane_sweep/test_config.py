# SPDX-License-Identifier: Apache-2.0
import pytest

from depthsplat_ros.plane_sweep import PlaneSweepConfig
from depthsplat_ros.settings import SettingError


@pytest.mark.parametrize(
    "name, value",
    [("planes", 2), ("guide_radius_px", 0), ("minimum_confidence", 1.5), ("slope_penalty", -1.0)],
)
def test_a_setting_outside_its_limits_is_an_error(name, value):
    with pytest.raises(SettingError, match=f"{name} is {value}"):
        PlaneSweepConfig(**{name: value})
