"""How fast an endpoint is asked: slots that adapt, rates per minute, and what its headers allow."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.roles import RoleSettings

LEAST_AT_ONCE = 1.0
BACK_OFF = 0.5
BACK_OFF_EVERY_S = 1.0  # one burst of refusals is one sign of crowding
BURST_S = 5.0  # of a rate per minute that may be used at once
LONGEST_BELIEVED_S = 90.0  # a quota of a day is left to Retry-After and to the retries
_PERIOD = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass
class Rate:
    """A bucket that fills evenly: so much per minute, a few seconds' worth at once."""

    per_minute: float
    clock: Callable[[], float] = time.monotonic
    _level: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level, self._at = self._most, self.clock()

    @property
    def _most(self) -> float:
        return max(1.0, self.per_minute * BURST_S / 60)

    def wait_s(self, amount: float) -> float:
        """How long until `amount` may be taken; more than a burst waits for a full bucket."""
        now = self.clock()
        filled = self._level + (now - self._at) * self.per_minute / 60
        self._level, self._at = min(self._most, filled), now
        missing = min(amount, self._most) - self._level
        return max(0.0, missing * 60 / self.per_minute)

    def take(self, amount: float) -> None:
        """Use the amount; a bucket may owe."""
        self._level -= amount


@dataclass
class Allowance:
    """What a server's last headers left, until the moment that they named."""

    clock: Callable[[], float] = time.monotonic
    _left: float = float("inf")
    _until: float = 0.0

    def wait_s(self, amount: float) -> float:
        """How long until `amount` is allowed again."""
        return max(0.0, self._until - self.clock()) if amount > self._left else 0.0

    def take(self, amount: float) -> None:
        """Use the amount; past the reset nothing is known any more."""
        if self._until <= self.clock():
            self._left = float("inf")
        self._left -= amount

    def learn(self, left: float, reset_s: float, under_way: float) -> None:
        """The server says what is left; what is under way will be taken from that."""
        if reset_s <= LONGEST_BELIEVED_S:
            self._left, self._until = left - under_way, self.clock() + reset_s


class Pace:
    """Slots of one endpoint, shared by all who ask it.

    Success opens slots one by one up to `at_once`; a refusal for crowding halves them.
    """

    def __init__(
        self,
        at_once: int = 8,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.at_once, self.limit = at_once, float(at_once)
        self._clock, self._backed_off = clock, float("-inf")
        self._rates = [
            Rate(per_minute, clock) if per_minute else None
            for per_minute in (requests_per_minute, tokens_per_minute)
        ]
        self._allowed = [Allowance(clock), Allowance(clock)]
        self._running = [0.0, 0.0]  # requests and tokens under way
        self._freed = threading.Condition()

    @contextmanager
    def slot(self, tokens: int) -> Iterator[None]:
        """Wait for a slot and for what the rates allow, and hold it while the block runs."""
        amounts = (1.0, float(tokens))
        with self._freed:
            while (wait_s := self._wait_s(amounts)) != 0:
                self._freed.wait(None if wait_s == float("inf") else wait_s)
            self._take(amounts)
        try:
            yield
        finally:
            with self._freed:
                self._running = [r - a for r, a in zip(self._running, amounts, strict=True)]
                self._freed.notify()

    def _wait_s(self, amounts: tuple[float, float]) -> float:
        """Seconds; infinite where somebody has to give a slot back first."""
        if self._running[0] + 1 > max(LEAST_AT_ONCE, self.limit):
            return float("inf")
        waits = [0.0]
        for amount, rate, allowed in zip(amounts, self._rates, self._allowed, strict=True):
            waits += [allowed.wait_s(amount)] + ([rate.wait_s(amount)] if rate else [])
        return max(waits)

    def _take(self, amounts: tuple[float, float]) -> None:
        for index, amount in enumerate(amounts):
            self._running[index] += amount
            self._allowed[index].take(amount)
            if (rate := self._rates[index]) is not None:
                rate.take(amount)

    def succeeded(self) -> None:
        """A reply came: a little more may be asked at once."""
        with self._freed:
            if self.limit < self.at_once:
                self.limit = min(self.at_once, self.limit + 1 / self.limit)
                self._freed.notify()

    def crowded(self) -> None:
        """The server had too much to do: half as much is asked at once, once a second at most."""
        with self._freed:
            now = self._clock()
            if now - self._backed_off >= BACK_OFF_EVERY_S:
                self.limit = max(LEAST_AT_ONCE, self.limit * BACK_OFF)
                self._backed_off = now

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learn from x-ratelimit-remaining-* and x-ratelimit-reset-*, where a server sends them."""
        if "x-ratelimit-remaining-requests" not in headers and (
            "x-ratelimit-remaining-tokens" not in headers
        ):
            return
        with self._freed:
            for index, noun in enumerate(("requests", "tokens")):
                left = period_s(headers.get(f"x-ratelimit-remaining-{noun}"))
                reset_s = period_s(headers.get(f"x-ratelimit-reset-{noun}"))
                if left is not None and reset_s is not None:
                    # The one that these headers came with is still counted as under way.
                    others = max(0.0, self._running[index] * (1 - 1 / max(1, self._running[0])))
                    self._allowed[index].learn(left, reset_s, others)


def shared_paces(roles: Sequence[RoleSettings]) -> list[Pace]:
    """A pace for each role; roles that ask one model of one endpoint have the same."""
    paces: dict[tuple[str | None, ...], Pace] = {}
    for role in roles:
        paces.setdefault(
            (role.base_url, role.key_variable, role.model),
            Pace(role.at_once, role.requests_per_minute, role.tokens_per_minute),
        )
    return [paces[role.base_url, role.key_variable, role.model] for role in roles]


def period_s(text: str | None) -> float | None:
    """A time such as 6m0s, 20ms or 1.5, in seconds; None if it is none."""
    parts = _PERIOD.findall(text or "")
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
