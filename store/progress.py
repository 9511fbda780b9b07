"""How a run is getting on while it runs: signs of life, what is done, and its course over time.

A process that is killed can say nothing any more. So whoever works on a run says every few seconds
that it lives, and a run that says nothing for long is shown as interrupted.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.engine import transaction
from store.metadata import utc_now
from store.run_tables import RunBeat
from store.states import RunStatus
from store.tables import Run

BEAT_EVERY_S = 5.0
# Compiled code may hold a process still for a minute; nothing of ours holds it for two.
SILENT_AFTER = timedelta(minutes=2)
TOLD_EVERY_S = 2.0
INTERRUPTED = "interrupted"

_RUN = SQLModel.metadata.tables[str(Run.__tablename__)]
_STATE = sa.select(_RUN.c.done_items, _RUN.c.tokens, _RUN.c.cost_usd)


def state_of(status: RunStatus, beat_at: datetime | None, now: datetime | None = None) -> str:
    """How a run stands, in a word: its status, or interrupted where its process fell silent.

    A run that no process works on, such as people's labels or one that waits for batches, cannot
    fall silent.
    """
    silent = beat_at is not None and (now or utc_now()) - beat_at > SILENT_AFTER
    return INTERRUPTED if status == RunStatus.RUNNING and silent else status.value


@contextmanager
def alive(engine: sa.Engine, run_id: int, every_s: float = BEAT_EVERY_S) -> Iterator[None]:
    """Say from a thread, as long as the block runs, that the run's process lives."""
    ended = threading.Event()

    def keep_beating() -> None:
        last: tuple[Any, ...] | None = None
        while not ended.wait(every_s):
            with suppress(sa.exc.SQLAlchemyError):  # a store that is busy hears of it next time
                last = _beat(engine, run_id, last)

    thread = threading.Thread(target=keep_beating, name=f"beat-{run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1.0)


def _beat(engine: sa.Engine, run_id: int, last: tuple[Any, ...] | None) -> tuple[Any, ...]:
    with transaction(engine) as session:
        alive_now = sa.update(_RUN).where(_RUN.c.id == run_id).values(beat_at=utc_now())
        session.connection().execute(alive_now)
        state = tuple(session.connection().execute(_STATE.where(_RUN.c.id == run_id)).one())
        if state != last:
            add_beat(session, run_id, *state)
    return state


def add_beat(session: Session, run_id: int, done: int, tokens: int, cost_usd: float) -> None:
    """Write down how far the run is at this moment."""
    session.add(RunBeat(run_id=run_id, done_items=done, tokens=tokens, cost_usd=cost_usd))


def list_beats(session: Session, run_id: int, since: datetime | None = None) -> list[RunBeat]:
    """The course of a run, the earliest moment first."""
    query = select(RunBeat).where(col(RunBeat.run_id) == run_id).order_by(col(RunBeat.id))
    if since is not None:
        query = query.where(col(RunBeat.at) >= since)
    return list(session.exec(query))


class Teller:
    """Writes into a run's row how far the work is, at most every two seconds."""

    def __init__(self, engine: sa.Engine, run_id: int, every_s: float = TOLD_EVERY_S) -> None:
        self._engine, self._run_id, self._every_s = engine, run_id, every_s
        self._told_s = float("-inf")

    def stage(self, name: str) -> None:
        """Say at once what is being done."""
        self._write(message=name)

    def count(self, done: int, total: int | None = None) -> None:
        """Say how many items are done, and of how many, if it is time again or they all are."""
        now_s = time.monotonic()
        if done != total and now_s - self._told_s < self._every_s:
            return
        self._told_s = now_s
        self._write(done_items=done, **({} if total is None else {"total_items": total}))

    def _write(self, **fields: Any) -> None:
        """Write now; a store that is busy hears of the next one."""
        change = sa.update(_RUN).where(_RUN.c.id == self._run_id).values(**fields)
        with suppress(sa.exc.OperationalError), transaction(self._engine) as session:
            session.connection().execute(change)


def both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    """Tell two listeners the same."""

    def tell(*told: Any) -> None:
        first(*told)
        second(*told)

    return tell


def thinned(points: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the points, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(place * step)] for place in range(most)]
