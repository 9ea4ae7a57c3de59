# SPDX-License-Identifier: Apache-2.0
"""Conditions under which an action is executed."""

from collections.abc import Callable, Sequence

from launch.launch_context import LaunchContext
from launch.substitution import (
    SomeSubstitutionsType,
    Substitution,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = [
    "Condition",
    "IfCondition",
    "InvalidConditionExpressionError",
    "UnlessCondition",
    "evaluate_condition_expression",
]

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class InvalidConditionExpressionError(ValueError):
    """A condition is neither true nor false."""


class Condition:
    """A question that is answered when the launch runs."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool]) -> None:
        """Hold the function that answers it."""
        self._predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        """The answer."""
        return self._predicate(context)


class IfCondition(Condition):
    """True where the expression is "true" or "1"."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        """Hold the expression."""
        expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=lambda c: evaluate_condition_expression(c, expression))


class UnlessCondition(Condition):
    """True where the expression is "false" or "0"."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        """Hold the expression."""
        expression = normalize_to_list_of_substitutions(predicate_expression)
        super().__init__(predicate=lambda c: not evaluate_condition_expression(c, expression))


def evaluate_condition_expression(
    context: LaunchContext, expression: Sequence[Substitution]
) -> bool:
    """Whether the expression is "true" or "1".

    Raises:
        InvalidConditionExpressionError: if it is neither that nor "false" or "0".
    """
    text = perform_substitutions(context, expression).strip().lower()
    if text not in _TRUTHS:
        raise InvalidConditionExpressionError(
            f"invalid condition expression, expected one of [{', '.join(_TRUTHS)}] "
            f"but got '{text}', expanded from "
            f"'{' + '.join(str(substitution) for substitution in expression)}'"
        )
    return _TRUTHS[text]
