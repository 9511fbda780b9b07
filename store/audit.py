"""Audit: who did what to what, appended in the same transaction as the deed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.metadata import utc_now
from store.people_tables import AuditEntry

COMMAND_LINE = "command line"


class Actor(Protocol):
    """Whoever does something: a person's row, or the person who is signed in."""

    @property
    def id(self) -> int:
        """The person's number."""

    @property
    def name(self) -> str:
        """The person's name."""


def record(
    session: Session, person: Actor | None, action: str, subject: str, **detail: Any
) -> None:
    """Append an entry; without a person it was the command line."""
    entry = {
        "person_id": person.id if person else None,
        "actor": person.name if person else COMMAND_LINE,
        "action": action,
        "subject": subject[:300],
        "detail": detail,
        "created_at": utc_now(),
    }
    session.connection().execute(sa.insert(SQLModel.metadata.tables["audit_entry"]), entry)


def list_entries(session: Session, limit: int = 100) -> list[AuditEntry]:
    """The newest entries first."""
    return list(session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)))


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries are wanted; an empty word asks for nothing."""

    actor: str = ""
    action: str = ""
    words: str = ""  # in the subject

    def narrow(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Only those."""
        if self.actor:
            query = query.where(col(AuditEntry.actor) == self.actor)
        if self.action:
            query = query.where(col(AuditEntry.action) == self.action)
        if self.words:
            query = query.where(col(AuditEntry.subject).icontains(self.words, autoescape=True))
        return query


def find_entries(
    session: Session, sought: Sought, before: int | None, limit: int
) -> list[AuditEntry]:
    """The newest entries first, from below number `before`."""
    query = sought.narrow(sa.select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit))
    if before is not None:
        query = query.where(col(AuditEntry.id) < before)
    return list(session.execute(query).scalars())


def walk_entries(session: Session, sought: Sought, at_once: int = 500) -> Iterator[AuditEntry]:
    """All entries, the newest first, a few in memory at a time."""
    before: int | None = None
    while rows := find_entries(session, sought, before, at_once):
        yield from rows
        before = rows[-1].id
        session.expunge_all()


def list_actions(session: Session) -> list[str]:
    """Every deed that was ever recorded, by name."""
    query = sa.select(col(AuditEntry.action)).distinct().order_by(col(AuditEntry.action))
    return list(session.execute(query).scalars())
