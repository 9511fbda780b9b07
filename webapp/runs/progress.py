"""How a run stands, in words that a page shows and a stream sends."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.metadata import utc_now
from store.progress import state_of
from store.run_tables import RunBeat
from store.states import RunStatus
from store.tables import Run
from webapp.showing.wording import DASH, count, decimal, duration, moment

PACE_OVER = timedelta(seconds=60)
_RUN = SQLModel.metadata.tables[str(Run.__tablename__)]
_COLUMNS = (
    "status", "done_items", "total_items", "tokens", "cost_usd", "cap_tokens", "cap_usd", "message",
    "started_at", "ended_at", "beat_at",
)  # fmt: skip
_STATE = sa.select(*(_RUN.c[name] for name in _COLUMNS))


@dataclass(frozen=True)
class RunProgress:
    """How far a run is; `pace` is in items a minute of late."""

    status: RunStatus
    done_items: int
    total_items: int | None
    tokens: int
    cost_usd: float
    cap_tokens: int | None
    cap_usd: float | None
    message: str | None
    started_at: datetime
    ended_at: datetime | None
    beat_at: datetime | None
    pace: float | None = None

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return self.status == RunStatus.RUNNING

    @property
    def state(self) -> str:
        """In a word."""
        return state_of(self.status, self.beat_at)

    @property
    def left_s(self) -> float | None:
        """How long it will take at its pace, in seconds."""
        if not (self.running and self.pace and self.total_items is not None):
            return None
        return 60.0 * max(self.total_items - self.done_items, 0) / self.pace

    def fields(self) -> dict[str, str]:
        """What the page says of it, by the name of the place where it stands."""
        return {
            "state": self.state,
            "done": _of(count(self.done_items), self.total_items and count(self.total_items)),
            "pace": f"{self.pace:,.1f} a minute" if self.pace else DASH,
            "left": f"about {duration(self.left_s)}" if self.left_s is not None else DASH,
            "tokens": _of(count(self.tokens), self.cap_tokens and f"at most {self.cap_tokens:,}"),
            "cost": _of(f"{decimal(self.cost_usd, 4)} USD",
                        self.cap_usd is not None and f"at most {self.cap_usd:.4f} USD"),
            "message": self.message or "",
            "sign": moment(self.beat_at),
        }  # fmt: skip

    @property
    def share(self) -> float | None:
        """The share that is done; None where nobody knows of how much."""
        return min(self.done_items / self.total_items, 1.0) if self.total_items else None

    @property
    def mark(self) -> str:
        """What tells this moment from another: it changes when something moved."""
        passing = ("pace", "left", "sign")  # these change with the clock alone
        parts = {name: text for name, text in self.fields().items() if name not in passing}
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def document(self) -> str:
        """As a line of JSON."""
        texts = {"fields": self.fields(), "share": self.share, "version": self.done_items}
        return json.dumps(texts)


def find_progress(session: Session, run_id: int) -> RunProgress | None:
    """How the run with this number stands."""
    row = session.execute(_STATE.where(_RUN.c.id == run_id)).one_or_none()
    if row is None:
        return None
    pace = _pace(session, run_id, row) if row.status == RunStatus.RUNNING else _overall(row)
    return RunProgress(**row._mapping, pace=pace)


def _of(value: str, most: str | bool | int | None) -> str:
    return f"{value} of {most}" if most else value


def _pace(session: Session, run_id: int, row: sa.Row[tuple[object, ...]]) -> float | None:
    """Items a minute since the last beat that is a minute old, or else the first there is."""
    now = utc_now()
    query = select(RunBeat.at, RunBeat.done_items).where(col(RunBeat.run_id) == run_id)
    old = query.where(col(RunBeat.at) <= now - PACE_OVER).order_by(col(RunBeat.id).desc())
    first = session.exec(old.limit(1)).first()
    first = first or session.exec(query.order_by(col(RunBeat.id)).limit(1)).first()
    at, done = first or (row.started_at, 0)
    return _a_minute(row.done_items - done, (now - at).total_seconds())


def _overall(row: sa.Row[tuple[object, ...]]) -> float | None:
    if row.ended_at is None:
        return None
    return _a_minute(row.done_items, (row.ended_at - row.started_at).total_seconds())


def _a_minute(items: int, seconds: float) -> float | None:
    return 60.0 * items / seconds if items > 0 and seconds >= 1.0 else None
