# SPDX-License-Identifier: Apache-2.0
import pytest

from depthsplat_ros.evaluation.model_spec import parse_spec, parse_specs
from depthsplat_ros.settings import SettingError
from depthsplat_ros.streaming.config import StreamingConfig


def test_a_plain_model_takes_the_common_settings():
    spec = parse_spec("plane-sweep")
    common = StreamingConfig(window_views=3)
    assert spec.model == "plane-sweep"
    assert spec.applied_to(common) == common


def test_settings_after_a_colon_are_the_models_own():
    spec = parse_spec("plane-sweep:window_views=6,reference=middle,near_m=0.25")
    config = spec.applied_to(StreamingConfig(window_views=3, far_m=9.0))
    assert spec.model == "plane-sweep"
    assert (config.window_views, config.reference, config.near_m) == (6, "middle", 0.25)
    assert config.far_m == 9.0


def test_a_path_with_a_colon_is_a_path():
    assert parse_spec("weights:2/model.pth").model == "weights:2/model.pth"
    assert parse_spec("weights:2/model.pth:window_views=2").model == "weights:2/model.pth"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plane-sweep:view=6", "'view=6'.*one of longer_side_px"),
        ("plane-sweep:window_views=6,reference", "'reference'"),
        ("plane-sweep:window_views=six", "window_views is 'six'.*number"),
        (":window_views=6", "names no model"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused_with_its_name(text, words):
    with pytest.raises(SettingError, match=words):
        parse_spec(text)


def test_a_value_outside_its_limits_is_refused():
    with pytest.raises(SettingError, match="window_views is 99"):
        parse_spec("plane-sweep:window_views=99").applied_to(StreamingConfig())


def test_a_column_is_named_once():
    with pytest.raises(SettingError, match="twice"):
        parse_specs(["plane-sweep", "plane-sweep"])
