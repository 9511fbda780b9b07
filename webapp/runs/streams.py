"""Streams of server-sent events: a run's progress to whoever watches, and no more than a few.

A stream waits outside of everything: between two looks at the store it holds neither a turn nor a
connection. It ends by itself after some minutes, so that the browser asks again and is asked again
who it is.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from webapp.runs.progress import RunProgress

MOST_STREAMS = 64
MOST_OF_ONE = 6  # a browser opens no more connections to one server
RETRY_MS = 2_000

Look = Callable[[], Awaitable[RunProgress | None]]


@dataclass(frozen=True)
class Rhythm:
    """How often a stream looks, says that it lives, and for how long it goes on."""

    look_every_s: float = 1.0
    beat_every_s: float = 15.0
    lasts_s: float = 300.0


@dataclass
class Streams:
    """Counts the open streams, of all and of each person."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    closing: bool = False
    _open: Counter[int] = field(default_factory=Counter)

    def has_room(self, person_id: int) -> bool:
        """Whether one more may be opened."""
        few = self._open.total() < MOST_STREAMS and self._open[person_id] < MOST_OF_ONE
        return few and not self.closing

    def close(self) -> None:
        """Let all of them end at their next look: the server wants to stop."""
        self.closing = True

    @contextmanager
    def _counted(self, person_id: int) -> Iterator[None]:
        self._open[person_id] += 1
        try:
            yield
        finally:
            self._open[person_id] -= 1

    async def follow(self, person_id: int, seen: str | None, look: Look) -> AsyncIterator[str]:
        """What changes, as it changes, until the run ends; `seen` is the last that was heard."""
        with self._counted(person_id):
            yield f"retry: {RETRY_MS}\n\n"
            began_s = said_s = time.monotonic()
            while not self.closing and (progress := await look()) is not None:
                now_s = time.monotonic()
                if progress.mark != seen:
                    seen, said_s = progress.mark, now_s
                    yield event("progress", progress.mark, progress.document())
                elif now_s - said_s >= self.rhythm.beat_every_s:
                    said_s = now_s
                    yield ": still here\n\n"
                if not progress.running:
                    yield event("end", progress.mark, progress.document())
                    return
                if now_s - began_s >= self.rhythm.lasts_s:
                    return
                await asyncio.sleep(self.rhythm.look_every_s)


def event(name: str, number: str, line: str) -> str:
    """One event; the data is a single line."""
    return f"event: {name}\nid: {number}\ndata: {line}\n\n"
