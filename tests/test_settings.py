# SPDX-License-Identifier: Apache-2.0
import pytest

from depthsplat_ros.settings import Limits, SettingError, check_setting


@pytest.mark.parametrize(
    ("value", "limits", "said"),
    [
        (0, Limits(description="", minimum=1), "size is 0; it must be at least 1"),
        (9.5, Limits(description="", maximum=9), "size is 9.5; it must be at most 9"),
        (float("nan"), Limits(description=""), "size is nan; it must be a finite number"),
        ("c", Limits(description="", choices=("a", "b")), "size is 'c'; it must be one of a, b"),
    ],
)
def test_a_value_outside_its_limits_is_refused_by_name(value, limits, said):
    with pytest.raises(SettingError) as caught:
        check_setting("size", value, limits)
    assert str(caught.value) == said


def test_values_on_the_limits_are_allowed():
    limits = Limits(description="", minimum=1, maximum=2)
    check_setting("size", 1, limits)
    check_setting("size", 2, limits)
