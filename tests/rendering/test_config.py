# SPDX-License-Identifier: Apache-2.0
import pytest

from depthsplat_ros.rendering import RenderingConfig
from depthsplat_ros.settings import SettingError


@pytest.mark.parametrize(
    "name, value",
    [("background_red", 1.5), ("near_m", 0.0), ("far_m", -1.0), ("maximum_pixels", 0)],
)
def test_a_setting_outside_its_limits_is_an_error(name, value):
    with pytest.raises(SettingError, match=f"{name} is {value}"):
        RenderingConfig(**{name: value})


def test_near_beyond_far_is_an_error():
    with pytest.raises(SettingError, match="near_m is 5; it must be below far_m, 2"):
        RenderingConfig(near_m=5.0, far_m=2.0)


def test_background_is_its_three_colours():
    config = RenderingConfig(background_red=0.1, background_green=0.2, background_blue=0.3)
    assert config.background == (0.1, 0.2, 0.3)
