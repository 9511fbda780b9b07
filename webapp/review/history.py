"""What a review event says, in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store import verdicts
from store.people import SignedIn
from store.review_tables import Verdict
from store.tables import Person, ReviewEvent
from taxonomy.events.decisions import REMARKS
from taxonomy.suggestions.matters import DECLINE
from taxonomy.suggestions.suggesting import find_own
from webapp.review.suggested import as_line

EVENTS_SHOWN = 100
UNSEEN = REMARKS | {DECLINE}  # what blind reviewers see of themselves only, undone or not
NO_REVISION = 2**31 - 1  # above every one
Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as a line of the history; of a verdict, the number is minus its act."""

    id: int
    revision: int
    what: str
    who: str
    when: datetime
    reason: str | None


def list_lines(
    session: Session,
    version_id: int,
    *,
    before: int | None = None,
    limit: int = EVENTS_SHOWN,
    blind_to: int | None = None,
) -> list[EventLine]:
    """The newest events first, from below revision `before`.

    Whoever reviews blind, `blind_to`, does not see what others remarked.
    """
    asked = {"version_id": version_id, "before": before or NO_REVISION, "shown": limit}
    blind = {} if blind_to is None else {"blind_to": blind_to}
    rows = session.connection().execute(_newest(blind_to is not None), {**asked, **blind})
    return [_line(session, row) for row in rows.all()]


@cache
def _newest(blind: bool) -> sa.Select[*tuple[Any, ...]]:
    """To make the statement takes longer than to run it, so that it is made once."""
    return (
        _lines(blind)
        .where(col(ReviewEvent.version_id) == sa.bindparam("version_id"))
        .where(col(ReviewEvent.revision) < sa.bindparam("before"))
        .order_by(col(ReviewEvent.revision).desc())
        .limit(sa.bindparam("shown"))
    )


def list_since(
    session: Session, version_id: int, revision: int, blind_to: int | None = None
) -> list[EventLine]:
    """What happened after a revision, oldest first."""
    query = (
        _lines(blind_to is not None)
        .where(col(ReviewEvent.version_id) == version_id)
        .where(col(ReviewEvent.revision) > revision)
    )
    limited = query.order_by(col(ReviewEvent.revision)).limit(EVENTS_SHOWN)
    rows = session.execute(limited, {} if blind_to is None else {"blind_to": blind_to}).all()
    return [_line(session, row) for row in rows]


def list_numbered(session: Session, numbers: Sequence[int]) -> list[EventLine]:
    """The events with these numbers, oldest first."""
    if not numbers:
        return []
    query = _lines().where(col(ReviewEvent.id).in_(numbers)).order_by(col(ReviewEvent.id))
    return [_line(session, row) for row in session.execute(query).all()]


def find_line(
    session: Session, version_id: int, revision: int, blind_to: int | None = None
) -> EventLine | None:
    """The event that made a revision, if it is for the visitor to see."""
    asked = {"version_id": version_id, "revision": revision}
    blind = {} if blind_to is None else {"blind_to": blind_to}
    row = session.connection().execute(_one(blind_to is not None), {**asked, **blind}).first()
    return None if row is None else _line(session, row)


@cache
def _one(blind: bool) -> sa.Select[*tuple[Any, ...]]:
    return _lines(blind).where(
        col(ReviewEvent.version_id) == sa.bindparam("version_id"),
        col(ReviewEvent.revision) == sa.bindparam("revision"),
    )


@cache
def _lines(blind: bool = False) -> sa.Select[*tuple[Any, ...]]:
    query = sa.select(
        col(ReviewEvent.id),
        col(ReviewEvent.revision),
        col(ReviewEvent.kind),
        col(ReviewEvent.payload),
        col(ReviewEvent.undoes_id),
        col(Person.name),
        col(ReviewEvent.created_at),
        col(ReviewEvent.reason),
    ).outerjoin(Person, col(Person.id) == col(ReviewEvent.person_id))
    if not blind:
        return query
    own = col(ReviewEvent.person_id) == sa.bindparam("blind_to")
    told = aliased(ReviewEvent)
    hidden = sa.exists().where(
        col(told.id) == col(ReviewEvent.undoes_id), col(told.kind).in_(UNSEEN)
    )
    return query.where((col(ReviewEvent.kind).not_in(UNSEEN) & ~hidden) | own)


def list_acts(session: Session, version_id: int, viewer: SignedIn) -> list[EventLine]:
    """The verdicts of the viewer that stand, the newest first."""
    rows = verdicts.list_acts(session, version_id, viewer.person_id)
    return [_act_line(row, viewer, _count_labels(session, row)) for row in rows[:EVENTS_SHOWN]]


def find_act(session: Session, version_id: int, act: int, viewer: SignedIn) -> EventLine | None:
    """A verdict or a suggestion of the viewer; nobody else's."""
    own = find_own(session, version_id, act, viewer.person_id)
    if own is not None:
        line = as_line(own)
        what = f"took back: suggested to {line.what}" if own.fate == "withdrawn" else line.deed
        return EventLine(-act, 0, what, viewer.name, line.when, line.said)
    rows = verdicts.list_act(session, version_id, act, viewer.person_id)
    return _act_line(rows[0], viewer, len(rows)) if rows else None


def _count_labels(session: Session, row: Verdict) -> int:
    return len(verdicts.list_act(session, row.version_id, row.act, row.person_id))


def _act_line(row: Verdict, viewer: SignedIn, labels: int) -> EventLine:
    payload = {"labels": [row.label_key] * labels, "category": row.category}
    what = describe("mark_noise" if row.noise else "assign", payload)
    if row.withdrawn_at is not None:
        what = f"took back: {what}"
    when = row.withdrawn_at or row.created_at
    return EventLine(-row.act, 0, what, viewer.name, when, "a verdict that others do not see")


def _line(session: Session, row: Any) -> EventLine:
    number, revision, kind, payload, undoes_id, who, when, reason = row
    what = describe(kind, payload)
    if undoes_id is not None:
        what = "took back: " + _undone(session, undoes_id)
    return EventLine(number, revision, what, who or "command line", when, reason)


def _undone(session: Session, event_id: int) -> str:
    query = sa.select(
        col(ReviewEvent.kind), col(ReviewEvent.payload), col(ReviewEvent.undoes_id)
    ).where(col(ReviewEvent.id) == event_id)
    kind, payload, undoes_id = session.execute(query).one()
    if undoes_id is not None:
        return "an undo, so that the decision holds again"
    return describe(kind, payload)


def describe(kind: str, payload: Payload) -> str:
    """An event in words; a kind without words of its own is named as it is."""
    tell = _WORDS.get(kind)
    return tell(payload) if tell else kind.replace("_", " ")


def _labels(payload: Payload) -> str:
    count = len(payload["labels"])
    return "1 label" if count == 1 else f"{count} labels"


def _decline(payload: Payload) -> str:
    return f"declined a suggestion: {describe(payload['kind'], payload['suggested'])}"


def _start(payload: Payload) -> str:
    count = len(payload["categories"])
    return f"began with {count} categories" if count else "began the draft"


def _assign(payload: Payload) -> str:
    if payload["category"] is None:
        return f"took {_labels(payload)} out of every category"
    return f"put {_labels(payload)} in {payload['category'].replace('_', ' ')}"


def _merge(payload: Payload) -> str:
    named = f" as “{payload['name']}”" if payload["name"] else ""
    return f"merged clusters of {_labels(payload)}{named}"


def _approve_rows(payload: Payload) -> str:
    keys = sorted(payload["rows"])
    return f"approved {keys[0] if len(keys) == 1 else f'{len(keys)} categories'}"


def _remark(what: str, payload: Payload) -> str:
    return f"{what}: “{payload['text']}”" if payload["text"] else what


def _recluster(payload: Payload) -> str:
    if "labels" not in payload:
        return f"went over to the clusters of run {payload['to']}"
    category = (payload["category"] or "no category").replace("_", " ")
    return f"took {category} from the clusters of run {payload['to']}, {_labels(payload)}"


def _retire(payload: Payload) -> str:
    into = payload["into"]
    return f"retired category {payload['key']}" + (f" into {into}" if into else "")


_WORDS: dict[str, Callable[[Payload], str]] = {
    "status": lambda payload: f"moved the version to {payload['to'].replace('_', ' ')}",
    "start": _start,
    "rename": lambda payload: f"renamed a cluster to “{payload['name']}”",
    "merge": _merge,
    "split": lambda payload: f"split {_labels(payload)} off as “{payload['name']}”",
    "assign": _assign,
    "mark_noise": lambda payload: f"marked {_labels(payload)} as noise",
    "flag": lambda payload: _remark("flagged a cluster", payload),
    "skip": lambda payload: _remark("skipped a cluster", payload),
    "comment": lambda payload: _remark("remarked", payload),
    "add_category": lambda payload: f"added category {payload['key']}",
    "edit_category": lambda payload: f"edited category {payload['key']}",
    "retire_category": _retire,
    "approve_rows": _approve_rows,
    "recluster": _recluster,
    "decline": _decline,
}
