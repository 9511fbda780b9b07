"""How far studies are, as one who may know, or may not, sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.study_tables import Study, StudyAssignment, StudyTrace
from store.tables import Person


@dataclass(frozen=True, slots=True)
class Part:
    """One person's part in a study."""

    person_id: int
    name: str
    traces: int
    finished: int

    @property
    def left(self) -> int:
        """The traces that they have not finished."""
        return self.traces - self.finished


@dataclass(frozen=True, slots=True)
class Progress:
    """A study as one person may see it: `parts` are their own only, while they label blind."""

    id: int
    name: str
    run_id: int
    version_id: int
    revision: int
    parts: Sequence[Part]
    own: Part | None
    blind: bool
    traces: int
    settled: int
    ready: int  # all have finished them, and something is left to decide

    @property
    def finished(self) -> int:
        """How many of the parts' traces are finished."""
        return sum(part.finished for part in self.parts)

    @property
    def assigned(self) -> int:
        """How many there are."""
        return sum(part.traces for part in self.parts)


def list_progress(session: Session, person_id: int, runs_them: bool) -> list[Progress]:
    """The studies in which one labels, or every one; the newest first."""
    connection = session.connection()
    heads = connection.execute(_studies()).all()
    if not heads:
        return []
    parts: dict[int, list[Part]] = {}
    for study_id, *part in connection.execute(_parts()):
        parts.setdefault(study_id, []).append(Part(*part))
    drawn = {study_id: counts for study_id, *counts in connection.execute(_drawn())}
    every = (_seen(head, parts.get(head[0], []), drawn[head[0]], person_id) for head in heads)
    return [one for one in every if one.own is not None or runs_them]


def _seen(head: Sequence[Any], parts: list[Part], drawn: Sequence[int], person_id: int) -> Progress:
    own = next((part for part in parts if part.person_id == person_id), None)
    study_id, name, run_id, version_id, revision = head
    traces, settled, ready = drawn
    blind = own is not None and own.left > 0
    if own is not None and blind:
        parts, settled, ready = [own], 0, 0
    return Progress(
        study_id, name, run_id, version_id, revision, parts, own, blind, traces, settled, ready
    )


@cache
def _studies() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        col(Study.id),
        col(Study.name),
        col(Study.run_id),
        col(Study.version_id),
        col(Study.revision),
    ).order_by(col(Study.id).desc())


@cache
def _parts() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            col(StudyAssignment.study_id),
            col(Person.id),
            col(Person.name),
            sa.func.count(),
            sa.func.count(col(StudyAssignment.finished_at)),
        )
        .join(Person, col(Person.id) == col(StudyAssignment.person_id))
        .group_by(col(StudyAssignment.study_id), col(Person.id), col(Person.name))
        .order_by(col(StudyAssignment.study_id), col(Person.id))
    )


@cache
def _drawn() -> sa.Select[*tuple[Any, ...]]:
    unfinished = sa.exists().where(
        col(StudyAssignment.study_id) == col(StudyTrace.study_id),
        col(StudyAssignment.trace_id) == col(StudyTrace.trace_id),
        col(StudyAssignment.finished_at).is_(None),
    )
    open_one = sa.and_(sa.not_(col(StudyTrace.settled)), sa.not_(unfinished))
    return sa.select(
        col(StudyTrace.study_id),
        sa.func.count(),
        sa.func.sum(sa.case((col(StudyTrace.settled), 1), else_=0)),
        sa.func.sum(sa.case((open_one, 1), else_=0)),
    ).group_by(col(StudyTrace.study_id))
