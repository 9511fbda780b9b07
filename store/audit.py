"""Audit: who did what to what, appended in the same transaction as the deed."""

from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.metadata import utc_now
from store.tables import AuditEntry

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
