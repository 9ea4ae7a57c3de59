# SPDX-License-Identifier: Apache-2.0
import os
import sys
import threading

import pytest

pytest.importorskip("rclpy")

from depthsplat_ros.ros.periodic_thread import (
    BusyError,
    PeriodicThread,
    StoppedError,
    end_all,
)

DEADLINE_S = 20.0


@pytest.fixture
def run():
    threads = []

    def start(work, *, period_s=0.01, report=lambda text: None, is_modest=False):
        thread = PeriodicThread(
            "test", work, period_s=lambda: period_s, report=report, is_modest=is_modest
        )
        threads.append(thread)
        return thread

    yield start
    end_all(threads)


def wait_for(event):
    assert event.wait(DEADLINE_S), "never happened"


def when_done(future):
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    wait_for(done)
    return future


def count_to(number, event):
    turns = []

    def work():
        turns.append(threading.get_ident())
        if len(turns) == number:
            event.set()

    return work


def test_work_is_called_again_and_again_in_one_other_thread(run):
    done = threading.Event()
    run(count_to(3, done))
    wait_for(done)


def test_a_failure_is_reported_and_the_next_turn_comes(run, caplog):
    reports, failed_twice = [], threading.Event()

    def report(text):
        reports.append(text)
        if len(reports) == 2:
            failed_twice.set()

    run(lambda: 1 / 0, report=report)
    wait_for(failed_twice)
    assert reports[0] == "ZeroDivisionError: division by zero"
    assert len(caplog.records) == 1  # where it happened is said once


def test_a_job_does_not_wait_for_the_next_turn(run):
    first_turn = threading.Event()
    thread = run(first_turn.set, period_s=3600.0)
    wait_for(first_turn)
    assert when_done(thread.request(lambda: 7)).result() == 7


def test_a_failing_job_hands_its_error_to_who_asked_and_the_thread_lives_on(run):
    thread = run(lambda: None)
    failed = when_done(thread.request(lambda: 1 / 0))
    assert isinstance(failed.exception(), ZeroDivisionError)
    assert when_done(thread.request(lambda: "fine")).result() == "fine"


def test_one_job_at_a_time(run):
    started, may_end = threading.Event(), threading.Event()
    thread = run(lambda: None)

    def slow():
        started.set()
        wait_for(may_end)

    running = thread.request(slow)
    wait_for(started)
    with pytest.raises(BusyError, match="still being worked on"):
        thread.request(lambda: None)
    may_end.set()
    when_done(running)
    when_done(thread.request(lambda: None))


def test_a_job_that_waits_when_the_thread_is_closed_is_told(run):
    started, may_end = threading.Event(), threading.Event()

    def work():
        started.set()
        may_end.wait(DEADLINE_S)

    thread = run(work)
    wait_for(started)
    waiting = thread.request(lambda: 7)
    thread.close()
    may_end.set()
    assert when_done(waiting) is waiting
    assert isinstance(waiting.exception(), StoppedError)
    with pytest.raises(StoppedError):
        thread.request(lambda: 7)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a nice value of their own there")
def test_a_modest_thread_and_those_it_starts_let_others_go_first(run):
    def nice_values():
        values = []

        def look():
            values.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

        look()
        inner = threading.Thread(target=look)
        inner.start()
        inner.join()
        return values

    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    modest = when_done(run(lambda: None, is_modest=True).request(nice_values)).result()
    other = when_done(run(lambda: None).request(nice_values)).result()
    assert min(modest) > own or own == 19
    assert modest[0] == modest[1]
    assert other == [own, own]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own


def test_no_turn_comes_after_the_end(run):
    done, turns = threading.Event(), []

    def work():
        turns.append(None)
        done.set()

    thread = run(work)
    wait_for(done)
    end_all([thread])
    before = len(turns)
    assert not any(thread.name == "test" for thread in threading.enumerate())
    assert len(turns) == before
