# SPDX-License-Identifier: Apache-2.0
"""A thread that does one thing at a rate, and single jobs on request in between."""

import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rclpy.task import Future

from depthsplat_ros.errors import DepthSplatError

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 1.5
PRIORITY_STEP = 10
"""Added to the thread's nice value: it gets a tenth of the time of whatever else wants a core."""


class BusyError(DepthSplatError):
    """A job of this kind is being done already."""


class StoppedError(DepthSplatError):
    """The node stopped before the job was done."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    run: Callable[[], Any]
    future: "Future[Any]"


class PeriodicThread:
    """Runs from construction to `close`; turns that are missed are not made up for."""

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        *,
        period_s: Callable[[], float],
        report: Callable[[str], None],
        is_modest: bool,
    ) -> None:
        """Start the thread.

        Args:
            name: of the thread.
            work: called once per period.
            period_s: the period in force now.
            report: receives a text if `work` raises; it will be called again all the same.
            is_modest: whether everything else may have the processor first.
        """
        self._work = work
        self._period_s = period_s
        self._report = report
        self._condition = threading.Condition()
        self._job: _Job | None = None
        self._is_job_running = False
        self._is_closed = False
        self._last_failure = ""
        self._is_modest = is_modest
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def request(self, run: Callable[[], Any]) -> "Future[Any]":
        """Have a job done at once; the future gets its result or its DepthSplatError.

        Raises:
            BusyError: if another job waits or is being done.
            StoppedError: if the thread was closed.
        """
        with self._condition:
            if self._is_closed:
                raise StoppedError("the node is stopping")
            if self._job is not None or self._is_job_running:
                raise BusyError("the one before is still being worked on; try again after it")
            self._job = _Job(run=run, future=Future())
            self._condition.notify()
            return self._job.future

    def close(self) -> None:
        """Begin no turn and no job any more; what is being done right now goes on."""
        with self._condition:
            self._is_closed = True
            job, self._job = self._job, None
            self._condition.notify_all()
        if job is not None:
            job.future.set_exception(StoppedError("the node stopped before it was done"))

    def join(self, timeout_s: float) -> None:
        """Wait for the end of a closed thread, but no longer than this."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        if self._is_modest:
            step_back()
        due_s = time.monotonic()
        while True:
            with self._condition:
                self._condition.wait_for(
                    lambda: self._is_closed or self._job is not None,
                    timeout=max(0.0, due_s - time.monotonic()),
                )
                if self._is_closed:
                    return
                job, self._job = self._job, None
                self._is_job_running = job is not None
            if job is not None:
                self._do(job)
            if time.monotonic() >= due_s:
                self._take_turn()
                period_s = self._period_s()
                missed = max(0.0, time.monotonic() - due_s) // period_s
                due_s += (missed + 1) * period_s

    def _do(self, job: _Job) -> None:
        try:
            result = job.run()
        except Exception as error:  # noqa: BLE001  whoever asked gets it
            self._is_job_running = False
            job.future.set_exception(error)
        else:
            self._is_job_running = False
            job.future.set_result(result)

    def _take_turn(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  the boundary: say it, live on
            if self._is_closed:
                return  # what it works with may be gone already
            text = f"{type(error).__name__}: {error}"
            if text != self._last_failure:  # the same one may come many times a second
                logger.error("%s", traceback.format_exc())
            self._last_failure = text
            self._report(text)


def end_all(threads: Iterable[PeriodicThread]) -> None:
    """Close threads; what they do right now is given one moment to finish, all in all."""
    threads = list(threads)
    for thread in threads:
        thread.close()
    deadline_s = time.monotonic() + JOIN_TIMEOUT_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))


def step_back() -> None:
    """Lower the priority of this thread and of those it will start, where the system can."""
    try:
        thread = threading.get_native_id()
        nice = os.getpriority(os.PRIO_PROCESS, thread) + PRIORITY_STEP
        # On Linux a thread has a nice value of its own.
        os.setpriority(os.PRIO_PROCESS, thread, nice)
    except (AttributeError, OSError) as error:
        logger.debug("priority not lowered: %s", error)
