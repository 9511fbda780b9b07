"""How hard an endpoint is pressed: requests at once, pauses, retries, and when to give up."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

from gateway.faults import EndpointUnusable, TransientFault

Item = TypeVar("Item")
Result = TypeVar("Result")


class RetryBudget:
    """Retries that a run may spend: some to begin with, and a share of each success.

    A server that fails now and then never uses it up; one that is down does so soon, and the run
    stops instead of knocking once for every trace.
    """

    def __init__(self, start: float = 20.0, per_success: float = 0.5) -> None:
        self._left, self._most, self._per_success = start, max(start, 20.0), per_success
        self._lock = threading.Lock()

    def spend(self) -> bool:
        """Take one retry; False if none is left."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def earn(self) -> None:
        """A request succeeded."""
        with self._lock:
            self._left = min(self._most, self._left + self._per_success)


class Pause:
    """A wait that one request was told to make and that all of them keep."""

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep, self._clock = sleep, clock
        self._until = 0.0
        self._lock = threading.Lock()

    def extend(self, seconds: float) -> None:
        """Nobody sends for this long."""
        with self._lock:
            self._until = max(self._until, self._clock() + seconds)

    def keep(self, own_s: float = 0.0) -> None:
        """Sleep for `own_s`, then until the common pause is over."""
        if own_s > 0:
            self._sleep(own_s)
        while (left := self._until - self._clock()) > 0:
            self._sleep(left)


@dataclass(frozen=True)
class Retries:
    """Attempts at one request: exponential waits with jitter, or what the server asks for."""

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_asked_s: float = 300.0
    budget: RetryBudget = field(default_factory=RetryBudget)
    pause: Pause = field(default_factory=Pause)
    draw: Callable[[], float] = random.random

    def run(self, attempt: Callable[[], Result]) -> Result:
        """The first success.

        Raises:
            TransientFault: every attempt failed.
            EndpointUnusable: the run has no retries left, or the server asks for too long a wait.
        """
        own_s = 0.0
        for number in range(self.attempts):
            self.pause.keep(own_s)
            try:
                result = attempt()
            except TransientFault as fault:
                own_s = self._wait_after(fault, number)
            else:
                self.budget.earn()
                return result
        raise AssertionError("the last attempt returns or raises")

    def _wait_after(self, fault: TransientFault, number: int) -> float:
        if number + 1 >= self.attempts:
            raise fault
        asked = fault.retry_after_s or 0.0
        if asked > self.longest_asked_s:
            raise EndpointUnusable(f"{fault}; it asks to wait {asked:.0f} s: try again then")
        if not self.budget.spend():
            raise EndpointUnusable(f"{fault}; too many requests of this run failed: stopped")
        if asked:
            self.pause.extend(asked)
        most = min(self.longest_wait_s, self.first_wait_s * float(2**number))
        return most * (0.5 + self.draw() / 2)


def each_done(
    call: Callable[[Item], Result], items: Iterable[Item], at_once: int
) -> Iterator[tuple[Item, Result]]:
    """Call for every item, `at_once` at a time, and give the results as they come.

    Items are drawn as they are needed, so their count does not matter for memory. After an error
    nothing more is started, what is under way ends and is given, and then the error is raised.
    """
    source, running = iter(items), dict[Future[Result], Item]()
    ended = SimpleQueue[Future[Result]]()
    failure: BaseException | None = None
    pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="chat")
    try:
        while True:
            # As many again wait in line, so that nobody idles while the caller writes rows.
            room = 2 * at_once - len(running) if failure is None else 0
            for item in islice(source, room):
                future = pool.submit(call, item)
                running[future] = item
                future.add_done_callback(ended.put)
            if not running:
                break
            future = ended.get()
            if future not in running:
                continue  # it was taken out of the line after an error
            ready = running.pop(future)
            if (error := future.exception()) is None:
                yield ready, future.result()
            else:
                failure = failure or error
                running = {future: item for future, item in running.items() if not future.cancel()}
    finally:
        pool.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure
