"""Retries, pauses, and many calls at once."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gateway.faults import EndpointUnusable, TransientFault
from gateway.limits import Pause, Retries, RetryBudget, each_done


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def read(self) -> float:
        return self.now


def failing(times: int, fault: TransientFault) -> Callable[[], str]:
    left = [fault] * times

    def attempt() -> str:
        if left:
            raise left.pop()
        return "done"

    return attempt


def retries(clock: Clock, budget: RetryBudget | None = None) -> Retries:
    pause = Pause(clock.sleep, clock.read)
    return Retries(attempts=4, budget=budget or RetryBudget(), pause=pause, draw=lambda: 1.0)


def test_waits_double() -> None:
    clock = Clock()
    assert retries(clock).run(failing(3, TransientFault("busy"))) == "done"
    assert clock.slept == [0.5, 1.0, 2.0]


def test_the_last_fault_is_raised() -> None:
    with pytest.raises(TransientFault, match="busy"):
        retries(Clock()).run(failing(4, TransientFault("busy")))


def test_what_the_server_asks_for_is_waited_in_full_and_by_all() -> None:
    clock = Clock()
    policy = retries(clock)
    policy.run(failing(1, TransientFault("busy", retry_after_s=20.0)))
    assert clock.now == 20.0
    policy.pause.extend(5.0)
    policy.run(failing(0, TransientFault("never")))
    assert clock.now == 25.0


def test_too_long_a_wait_stops_the_run() -> None:
    with pytest.raises(EndpointUnusable, match="3600 s"):
        retries(Clock()).run(failing(1, TransientFault("busy", retry_after_s=3600)))


def test_a_server_that_is_down_uses_up_the_retries_of_the_run() -> None:
    policy, calls = retries(Clock(), RetryBudget(start=5)), 0
    with pytest.raises(EndpointUnusable, match="stopped"):
        while calls < 100:
            calls += 1
            with pytest.raises(TransientFault):
                policy.run(failing(9, TransientFault("down")))
    assert calls < 5


def test_a_server_that_fails_now_and_then_does_not() -> None:
    policy = retries(Clock(), RetryBudget(start=2, per_success=1.0))
    for _ in range(50):
        assert policy.run(failing(1, TransientFault("busy"))) == "done"


def test_every_item_is_done_once_and_no_more_than_allowed_at_once() -> None:
    running, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(4)

    def call(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if item < 4:
            full.wait(timeout=60)  # four truly run at once
        with lock:
            running -= 1
        return item * item

    assert sorted(each_done(call, range(40), 4)) == [(n, n * n) for n in range(40)]
    assert most == 4


def test_items_are_drawn_as_they_are_needed() -> None:
    drawn = 0

    def endless() -> Iterator[int]:
        nonlocal drawn
        while True:
            drawn += 1
            yield drawn

    results = each_done(lambda item: item, endless(), 2)
    for _ in range(10):
        next(results)
    results.close()
    assert drawn < 30


def test_after_an_error_what_is_under_way_is_still_given() -> None:
    """The item that raises does so while the others run; they are paid for, so they count."""
    together = threading.Barrier(3)

    def call(item: int) -> int:
        if item < 3:
            together.wait(timeout=60)
        if item == 0:
            raise EndpointUnusable("gone")
        time.sleep(0.2)  # far longer than a busy machine takes to hand the error on
        return item

    given = []
    with pytest.raises(EndpointUnusable):
        for item, _result in each_done(call, range(1000), 3):
            given.append(item)
    assert {1, 2} <= set(given)
    assert len(given) < 20


def test_items_that_wait_in_line_are_dropped_after_an_error() -> None:
    """One thread: the items behind the one that raises never start, and the end is reached."""
    started = []

    def call(item: int) -> int:
        started.append(item)
        raise EndpointUnusable("gone")

    with pytest.raises(EndpointUnusable):
        list(each_done(call, range(1000), 1))
    assert len(started) <= 2
