# SPDX-License-Identifier: Apache-2.0
"""Substitution: a piece of text that is only known when the launch runs."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class Substitution:
    """Text to be found out at run time."""

    def describe(self) -> str:
        """Text for people that says what will be substituted."""
        return repr(self)

    def perform(self, context: "LaunchContext") -> str:
        """The text."""
        raise NotImplementedError


class TextSubstitution(Substitution):
    """Text that is known already."""

    def __init__(self, *, text: str) -> None:
        """Hold the text."""
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution expected Text object got '{type(text)}' instead.")
        self.text = text

    def describe(self) -> str:
        """The text in quotes."""
        return f"'{self.text}'"

    def perform(self, context: "LaunchContext") -> str:
        """The text itself."""
        return self.text


class SubstitutionFailure(RuntimeError):
    """The text of a substitution cannot be found out."""


SomeSubstitutionsType = str | Substitution | Iterable[str | Substitution]


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Substitutions from text, a substitution, or several of either.

    Raises:
        TypeError: if there is anything else among them.
    """
    if isinstance(subs, str | Substitution):
        subs = [subs]
    return [_normalize(item) for item in subs]


def perform_substitutions(context: "LaunchContext", subs: Sequence[Substitution]) -> str:
    """The text of all the substitutions, joined."""
    return "".join(substitution.perform(context) for substitution in subs)


def describe_substitutions(subs: Sequence[Substitution]) -> str:
    """Text for people that says what will be substituted."""
    return " + ".join(substitution.describe() for substitution in subs)


def _normalize(item: str | Substitution) -> Substitution:
    if isinstance(item, Substitution):
        return item
    if isinstance(item, str):
        return TextSubstitution(text=item)
    raise TypeError(
        f"Failed to normalize given item of type '{type(item)}', when only "
        "'str' or 'launch.Substitution' were expected."
    )
