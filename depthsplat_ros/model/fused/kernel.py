# SPDX-License-Identifier: Apache-2.0
"""How functions become kernels."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import triton


def kernel(function: Callable, do_not_specialize: Sequence[str] = ()) -> Any:
    """`triton.jit` of the function itself, whatever a check of types has wrapped around it.

    Triton reads the source of a function and its globals; a wrapper has those of another module.

    Args:
        function: in Triton's language.
        do_not_specialize: whole numbers for whose values no kernels of their own are made.
    """
    return triton.jit(inspect.unwrap(function), do_not_specialize=list(do_not_specialize))
