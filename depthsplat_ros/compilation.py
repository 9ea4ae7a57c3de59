# SPDX-License-Identifier: Apache-2.0
"""Numba with the options of this package's kernels."""

import inspect
from collections.abc import Callable
from typing import Any

import numba

# All that lets loops become vector instructions, except the assumption that nothing is NaN. Ask by
# `not abs(value) < math.inf`, though: numba's isfinite is optimised away even so.
_FAST_MATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as machine code, which runs without Python's lock.

    Compiled at the first call and kept on disk; only in memory where no folder can be written.
    Numba compiles again when the function's own file changes, not when one does that it takes
    constants or functions from: after such an edit remove the `__pycache__` beside them.
    """
    # The import hook that checks annotations in tests wraps functions in what numba cannot read.
    function = inspect.unwrap(function)
    options = {"nogil": True, "error_model": "numpy", "fastmath": _FAST_MATH}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
