"""What takes seconds is computed aside, once, and shared by whoever asks for the same."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from threading import Lock
from typing import Generic, TypeVar

KEPT = 16
PATIENCE_S = 2.0

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class Aside(Generic[Key, Result]):
    """Computes one thing after the other in a thread of its own, and keeps the newest results."""

    def __init__(self, name: str, kept: int = KEPT) -> None:
        self._kept = kept
        self._results: OrderedDict[Key, Future[Result]] = OrderedDict()
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=name)

    def begin(self, key: Key, make: Callable[[], Result]) -> "Future[Result]":
        """The result, or what will be one; an error that it raises is raised to whoever asks."""
        with self._lock:
            if key not in self._results:
                self._results[key] = self._worker.submit(make)
            self._results.move_to_end(key)
            while len(self._results) > self._kept:
                self._results.popitem(last=False)[1].cancel()
            return self._results[key]


def wait(result: "Future[Result]", patience_s: float = PATIENCE_S) -> Result | None:
    """The result if it comes soon, else None."""
    try:
        return result.result(patience_s)
    except TooLong:
        return None
