# SPDX-License-Identifier: Apache-2.0
"""Compiled loops, which run without Python's lock, spread over as many threads as PyTorch uses."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

RunAll = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]


@contextmanager
def threads() -> Iterator[tuple[int, RunAll]]:
    """How many threads there are, and a function that runs jobs on them."""
    workers = torch.get_num_threads()
    if workers == 1:
        yield 1, lambda function, jobs: [function(*job) for job in jobs]
        return
    with ThreadPoolExecutor(workers) as pool:
        yield (
            workers,
            lambda function, jobs: list(pool.map(function, *zip(*jobs, strict=True))),
        )


def split(begin: int, end: int, parts: int) -> list[tuple[int, int]]:
    """A range in nearly equal parts; some are empty if there is too little."""
    bounds = np.linspace(begin, end, parts + 1).round().astype(int).tolist()
    return list(zip(bounds[:-1], bounds[1:], strict=True))
