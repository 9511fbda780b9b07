"""Audit: who did what to what, appended in the same transaction as the deed."""

from typing import Any

from sqlmodel import Session, col, select

from store.tables import AuditEntry, Person

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
