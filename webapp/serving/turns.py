"""Turns: how many requests work at the same time, each kind in the order in which they came.

Python runs one thread at a time. Threads that all want to run wake and stop each other, and on
SQLite the one that holds the writer's lock is stopped like the others: eight decisions at once
then take twice as long as one after the other. So requests wait for their turn here, where waiting
costs nothing. Readers and writers have turns of their own: who reads never waits for a writer that
waits for another process.
"""

import asyncio
from weakref import WeakKeyDictionary

# A server across a connection is waited for, and meanwhile others can work.
AT_ONCE = {"sqlite": 1, "postgresql": 2}


class Turns:
    """Hands out turns, by event loop; without contention a turn is had at once."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._kinds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, asyncio.Semaphore]]
        self._kinds = WeakKeyDictionary()

    def next(self, *, writing: bool) -> asyncio.Semaphore:
        """The turn of a reader or a writer, to be held with `async with`."""
        kinds = self._kinds.setdefault(asyncio.get_running_loop(), {})
        if writing not in kinds:
            kinds[writing] = asyncio.Semaphore(self._at_once)
        return kinds[writing]
