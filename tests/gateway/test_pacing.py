"""How fast an endpoint is asked."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.door import Door, open_role
from gateway.pacing import Allowance, Pace, Rate, period_s, shared_paces
from gateway.roles import Role, resolve_role
from store.engine import get_engine
from tests.fakes import TOO_MANY, FakeEndpoint, Fault


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_refusals_halve_the_slots_once_a_second_and_successes_open_them_again() -> None:
    clock = Clock()
    pace = Pace(16, clock=clock)
    for _ in range(5):
        pace.crowded()
    assert pace.limit == 8
    clock.now = 1.0
    pace.crowded()
    assert pace.limit == 4
    for _ in range(4):
        pace.succeeded()
    assert 4.9 < pace.limit < 5
    for _ in range(1000):
        pace.succeeded()
    assert pace.limit == 16


def test_the_last_slot_is_never_taken_away() -> None:
    clock = Clock()
    pace = Pace(2, clock=clock)
    for clock.now in range(10):
        pace.crowded()
    with pace.slot(1):
        assert pace.limit == 1


def test_no_more_run_at_once_than_there_are_slots() -> None:
    pace, running, most, lock = Pace(3), 0, 0, threading.Lock()

    def work(_n: int) -> None:
        nonlocal running, most
        with pace.slot(5):
            with lock:
                running += 1
                most = max(most, running)
            with lock:
                running -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(300)))
    assert most <= 3


def test_a_rate_gives_a_burst_and_then_what_a_minute_allows() -> None:
    clock = Clock()
    rate = Rate(120, clock)
    for _ in range(10):  # five seconds' worth
        assert rate.wait_s(1) == 0
        rate.take(1)
    assert rate.wait_s(1) == pytest.approx(0.5)
    clock.now = 0.5
    assert rate.wait_s(1) == 0
    clock.now = 100.0
    assert rate.wait_s(10_000) == 0  # a request above the burst goes when the bucket is full
    rate.take(10_000)
    assert rate.wait_s(1) == pytest.approx(9_991 / 2)


def test_what_the_headers_left_is_kept_until_they_reset() -> None:
    clock = Clock()
    left = Allowance(clock)
    left.learn(left=3, reset_s=20.0, under_way=1)
    left.take(2)
    assert left.wait_s(1) == 20.0
    clock.now = 20.0
    assert left.wait_s(1) == 0
    left.take(1)
    assert left.wait_s(1000) == 0


def test_a_quota_of_a_day_does_not_stop_a_run() -> None:
    left = Allowance(Clock())
    left.learn(left=0, reset_s=86_400.0, under_way=0)
    assert left.wait_s(1) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360.0), ("20ms", 0.02), ("1.5", 1.5), ("1h2m3s", 3723.0), ("", None),
     (None, None), ("soon", None), ("-3", None), ("1d", 86400.0)],
)  # fmt: skip
def test_periods_are_read_as_servers_write_them(text: str | None, seconds: float | None) -> None:
    assert period_s(text) == (None if seconds is None else pytest.approx(seconds))


def test_a_door_slows_down_when_told_and_waits_for_what_the_headers_say(sqlite_url: str) -> None:
    waits = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "300ms"}
    with FakeEndpoint(lambda _b: "fine", [TOO_MANY, Fault(headers=waits)]) as endpoint:
        role = resolve_role(Role.JUDGE, options={"model": "m", "base_url": endpoint.base_url})
        with open_role(get_engine(sqlite_url), role) as door:
            assert isinstance(door, Door)
            door.ask([{"role": "user", "content": "?"}])
            assert 4 < door.pace.limit < 5
            assert 0 < door.pace._wait_s((1.0, 1.0)) <= 0.3
            assert door.ask([{"role": "user", "content": "!"}]).text == "fine"


def test_roles_with_one_model_share_a_pace() -> None:
    a = resolve_role(Role.ANNOTATOR_A, options={"model": "m"})
    b = resolve_role(Role.ANNOTATOR_B, options={"model": "m", "at_once": 2})
    c = resolve_role(Role.ADJUDICATOR, options={"model": "n"})
    first, second, third = shared_paces([a, b, c])
    assert first is second and second is not third
