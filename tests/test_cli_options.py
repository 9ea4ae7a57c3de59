# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from depthsplat_ros.cli_options import takes_settings
from depthsplat_ros.settings import SettingError, check_settings, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Oven:
    heat_c: float = setting(180.0, "How hot, in degrees.", minimum=50.0, maximum=250.0)
    racks: int = setting(2, "How many racks.")
    fan_is_on: bool = setting(True, "Whether the fan turns.")
    mode: str = setting("bake", "What it does.", choices=("bake", "grill"))

    def __post_init__(self):
        check_settings(self)


@pytest.fixture
def bake():
    """Runs the command; what it was given is the return value, or an exit status."""
    app = typer.Typer()
    given = []

    @app.command()
    @takes_settings(oven=(Oven, "Oven"))
    def command(
        cake: Annotated[str, typer.Argument(help="What to bake.")],
        *,
        count: int = 1,
        oven: Oven,
    ) -> None:
        """Bake a cake."""
        given.append((cake, count, oven))

    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return given[-1] if result.exit_code == 0 and given else result

    return run


def test_without_options_the_defaults_are_those_of_the_dataclass(bake):
    assert bake("sponge") == ("sponge", 1, Oven())


def test_every_field_is_an_option_beside_those_of_the_command(bake):
    options = ("--heat-c", 200, "--racks", 3, "--no-fan-is-on", "--mode", "grill", "--count", 4)

    assert bake("sponge", *options) == (
        "sponge",
        4,
        Oven(heat_c=200.0, racks=3, fan_is_on=False, mode="grill"),
    )


def test_a_value_outside_its_limits_is_refused_by_the_dataclass(bake):
    error = bake("sponge", "--heat-c", 900).exception

    assert isinstance(error, SettingError)
    assert "heat_c is 900" in str(error)


@pytest.mark.parametrize("options", [("--mode", "fry"), ("--racks", "two")])
def test_a_value_of_the_wrong_kind_is_a_usage_error(bake, options):
    assert bake("sponge", *options).exit_code == 2


def test_help_tells_meaning_range_and_default(bake):
    text = " ".join(bake("--help").stdout.replace("│", " ").split())

    assert "Bake a cake." in text
    for words in ("How hot, in degrees. (50 to 250)", "[default: 180.0]", "bake|grill", "Oven"):
        assert words in text
