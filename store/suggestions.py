"""Suggestions: changes that a person would make, kept under their name until they are answered."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store.audit import Actor
from store.metadata import utc_now
from store.review_tables import Suggestion, Verdict
from store.tables import TaxonomyVersion
from store.verdicts import next_act


def add_suggestion(
    session: Session,
    version: TaxonomyVersion,
    person: Actor,
    kind: str,
    payload: dict[str, Any],
    subject: dict[str, Any],
) -> Suggestion:
    """Write a suggestion down, on a version that is locked."""
    row = Suggestion(
        version_id=version.id,
        act=next_act(session, version.id),
        person_id=person.id,
        kind=kind,
        payload=payload,
        subject=subject,
    )
    session.add(row)
    session.flush()
    return row


def list_suggestions(
    session: Session, version_id: int, *, person_id: int | None = None
) -> list[Suggestion]:
    """Those that nobody withdrew, of everybody or of one person, oldest first."""
    query = select(Suggestion).where(
        Suggestion.version_id == version_id, col(Suggestion.withdrawn_at).is_(None)
    )
    if person_id is not None:
        query = query.where(Suggestion.person_id == person_id)
    return list(session.exec(query.order_by(col(Suggestion.act))))


def find_suggestion(
    session: Session, version_id: int, act: int, person_id: int
) -> Suggestion | None:
    """A suggestion of a person, withdrawn or not; another's there is none."""
    query = select(Suggestion).where(
        Suggestion.version_id == version_id,
        Suggestion.act == act,
        Suggestion.person_id == person_id,
    )
    return session.exec(query).one_or_none()


def list_answers(
    session: Session, version_id: int, person_id: int | None = None
) -> list[tuple[int, int | None]]:
    """Act and answering event of each suggestion that nobody withdrew."""
    query, asked = _answers(), {"version_id": version_id}
    if person_id is not None:
        query = query.where(col(Suggestion.person_id) == person_id)
    return [(row[0], row[1]) for row in session.connection().execute(query, asked)]


@cache
def _answers() -> sa.Select[*tuple[Any, ...]]:
    """Every page of a review asks it, so that the statement is made once."""
    query = sa.select(col(Suggestion.act), col(Suggestion.event_id))
    stands = col(Suggestion.withdrawn_at).is_(None)
    return query.where(col(Suggestion.version_id) == sa.bindparam("version_id"), stands)


def withdraw_suggestion(session: Session, row: Suggestion) -> None:
    """Let a suggestion count no more; the row stays."""
    row.withdrawn_at = utc_now()
    session.add(row)
    session.flush()


def answer_suggestions(
    session: Session, version_id: int, acts: Iterable[int], event_id: int, *, adopted: bool
) -> None:
    """Say which decision answers suggestions, and whether it is what they suggest."""
    changed = sa.update(Suggestion).where(
        col(Suggestion.version_id) == version_id, col(Suggestion.act).in_(list(acts))
    )
    session.execute(changed.values(event_id=event_id, adopted=adopted))


def list_reviewers(session: Session, version_id: int) -> Sequence[int]:
    """The people who gave a verdict or a suggestion on a version that stands."""
    asked = (
        sa.select(col(table.person_id)).where(
            col(table.version_id) == version_id, col(table.withdrawn_at).is_(None)
        )
        for table in (Verdict, Suggestion)
    )
    return sorted(session.execute(sa.union(*asked)).scalars())
