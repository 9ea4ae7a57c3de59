# SPDX-License-Identifier: Apache-2.0
"""Work on small tensors spread over the cores: one thread of torch in each of several of ours."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch from sharing tensors among threads that are too small for it to be worth it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """The results in order, a few computed ahead; without `workers`, one thread per core."""
    workers = workers or os.cpu_count() or 1
    waiting = iter(items)

    def work(item: Item) -> Result:
        # Counts per thread: every new one would take all cores again.
        torch.set_num_threads(1)
        return function(item)

    with one_thread(), ThreadPoolExecutor(workers) as pool:
        pending = deque(pool.submit(work, item) for item in islice(waiting, workers + 1))
        try:
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            pool.shutdown(cancel_futures=True)
