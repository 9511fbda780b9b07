"""Audit: who did what to what, appended in the same transaction as the deed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store.people_tables import AuditEntry
from store.tables import Person

COMMAND_LINE = "command line"


def record(
    session: Session, person: Person | None, action: str, subject: str, **detail: Any
) -> None:
    """Append an entry; without a person it was the command line."""
    session.add(
        AuditEntry(
            person_id=person.id if person else None,
            actor=person.name if person else COMMAND_LINE,
            action=action,
            subject=subject[:300],
            detail=detail,
        )
    )


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
