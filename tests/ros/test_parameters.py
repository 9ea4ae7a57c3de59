# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy")

from rclpy.parameter import Parameter

from depthsplat_ros.ros.config import NodeConfig
from depthsplat_ros.ros.gaussian_output import GaussianOutputConfig
from depthsplat_ros.ros.parameters import describe, updated
from depthsplat_ros.ros.virtual_camera import NovelViewConfig
from depthsplat_ros.settings import SettingError, limits_of
from depthsplat_ros.streaming.config import StreamingConfig
from depthsplat_ros.streaming.scene_config import SceneConfig

CONFIG_FILE = Path(__file__).parents[2] / "config" / "depthsplat.yaml"
CONFIGS = (NodeConfig, StreamingConfig, SceneConfig, GaussianOutputConfig, NovelViewConfig)
FIELDS = [field for config in CONFIGS for field in dataclasses.fields(config)]


def test_the_shipped_yaml_holds_every_parameter_at_its_default():
    content = yaml.safe_load(CONFIG_FILE.read_text())
    assert content["/**"]["ros__parameters"] == {field.name: field.default for field in FIELDS}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_parameter_says_what_it_means_and_its_default_is_allowed(field):
    descriptor = describe(field.name, field.default, limits_of(field))
    assert len(descriptor.description) > 20
    for value_range in (*descriptor.floating_point_range, *descriptor.integer_range):
        assert value_range.from_value <= field.default <= value_range.to_value


def test_names_are_unique_over_all_sets():
    names = [field.name for field in FIELDS]
    assert len(names) == len(set(names))


def test_a_contradiction_is_refused_with_its_reason():
    config = StreamingConfig()
    changes = [Parameter("near_m", value=9.0), Parameter("far_m", value=3.0)]
    with pytest.raises(SettingError, match="near must be nearer"):
        updated(config, changes)
    assert config == StreamingConfig()


def test_parameters_of_others_are_left_alone():
    assert updated(StreamingConfig(), [Parameter("use_sim_time", value=True)]) == StreamingConfig()
