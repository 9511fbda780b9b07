"""How often somebody may try a password."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

ATTEMPTS = 5
WINDOW_S = 300.0
REMEMBERED = 10_000


class AttemptLimit:
    """Counts failures by key inside a sliding window, and forgets the oldest keys first."""

    def __init__(
        self,
        attempts: int = ATTEMPTS,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._attempts, self._window_s, self._clock = attempts, window_s, clock
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, key: tuple[str, str]) -> int:
        """How many seconds the key has to wait before it may try again; 0 if it may now."""
        with self._lock:
            failures = self._recent(key)
            if len(failures) < self._attempts:
                return 0
            return max(1, round(failures[0] + self._window_s - self._clock()))

    def try_once(self, key: tuple[str, str]) -> int:
        """Count an attempt, before it is known how it ends; the seconds to wait if it is refused.

        Counting first means that attempts sent at once cannot pass the limit together.
        """
        wait_s = self.wait_s(key)
        if wait_s == 0:
            with self._lock:
                self._recent(key).append(self._clock())
        return wait_s

    def forget(self, key: tuple[str, str]) -> None:
        """Begin again, after the right password."""
        with self._lock:
            self._failures.pop(key, None)

    def _recent(self, key: tuple[str, str]) -> deque[float]:
        failures = self._failures.setdefault(key, deque())
        self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        while failures and failures[0] <= self._clock() - self._window_s:
            failures.popleft()
        return failures
