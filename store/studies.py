"""Studies: found by name or number, who is to label what, and how far everybody is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, select

from store.errors import NotFound
from store.metadata import utc_now
from store.states import Polarity, ThinkingMode
from store.study_tables import Study, StudyAssignment, StudyTrace
from store.tables import AnnotatedStep, Person, Question, Segment, Trace, TracePair


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trace that a study may draw, with what strata can be made of."""

    trace_id: int
    model: str
    dataset: str | None
    polarity: Polarity | None
    hit_gap: bool
    segments: int


@dataclass(frozen=True, slots=True)
class Share:
    """How many traces of a stratum somebody is to label, and how many they finished."""

    person_id: int
    name: str
    stratum: str
    traces: int
    finished: int


def find_study(session: Session, name_or_id: str | int) -> Study | None:
    """The study with this name or number, if there is one."""
    if isinstance(name_or_id, int):
        return session.get(Study, name_or_id)
    return session.exec(select(Study).where(col(Study.name) == name_or_id)).one_or_none()


def get_study(session: Session, name_or_id: str | int) -> Study:
    """The study with this name or number.

    Raises:
        NotFound: there is none.
    """
    study = find_study(session, name_or_id)
    if study is None:
        raise NotFound(
            f"expected a study named {str(name_or_id)[:100]!r}, found none; see "
            "`mralign study list`"
        )
    return study


def list_studies(session: Session, person_id: int | None = None) -> list[Study]:
    """Every study, or those in which somebody labels; the newest first."""
    query = select(Study).order_by(col(Study.id).desc())
    if person_id is not None:
        own = sa.select(col(StudyAssignment.study_id)).where(
            col(StudyAssignment.person_id) == person_id
        )
        query = query.where(col(Study.id).in_(own))
    return list(session.exec(query))


def list_candidates(session: Session) -> list[Candidate]:
    """Every trace with thinking that has segments, by number."""
    pieces = (
        sa.select(col(Segment.trace_id), sa.func.count().label("count"))
        .group_by(col(Segment.trace_id))
        .subquery()
    )
    query = (
        sa.select(
            col(Trace.id),
            col(Trace.model),
            col(Question.dataset),
            col(TracePair.polarity),
            sa.func.coalesce(col(TracePair.hit_gap), sa.false()),
            pieces.c.count,
        )
        .join(Question, col(Question.id) == col(Trace.question_id))
        .join(pieces, pieces.c.trace_id == col(Trace.id))
        .outerjoin(TracePair, col(TracePair.on_trace_id) == col(Trace.id))
        .where(col(Trace.thinking_mode) == ThinkingMode.ON)
        .order_by(col(Trace.id))
    )
    return [Candidate(*row) for row in session.execute(query)]


def add_study(
    session: Session,
    study: Study,
    strata: Mapping[int, str],
    orders: Mapping[int, Sequence[int]],
) -> None:
    """Write a study with its traces by stratum, and each person's traces in their order."""
    session.add(study)
    session.flush()
    session.add_all(
        StudyTrace(study_id=study.id, trace_id=trace, stratum=stratum, position=position)
        for position, (trace, stratum) in enumerate(strata.items())
    )
    session.add_all(
        StudyAssignment(study_id=study.id, person_id=person, trace_id=trace, position=position)
        for person, traces in orders.items()
        for position, trace in enumerate(traces)
    )
    session.flush()


def list_study_traces(session: Session, study_id: int) -> list[StudyTrace]:
    """The traces of a study in their order."""
    query = select(StudyTrace).where(col(StudyTrace.study_id) == study_id)
    return list(session.exec(query.order_by(col(StudyTrace.position))))


def list_labelers(session: Session, study_id: int) -> list[Person]:
    """Who labels in a study, by number."""
    own = sa.select(col(StudyAssignment.person_id)).where(col(StudyAssignment.study_id) == study_id)
    return list(
        session.exec(select(Person).where(col(Person.id).in_(own)).order_by(col(Person.id)))
    )


def list_assignments(
    session: Session, study_id: int, *, person_id: int | None = None, trace_id: int | None = None
) -> list[StudyAssignment]:
    """Who is to label what, by person and their order; of one person or of one trace if named."""
    query = select(StudyAssignment).where(col(StudyAssignment.study_id) == study_id)
    if person_id is not None:
        query = query.where(col(StudyAssignment.person_id) == person_id)
    if trace_id is not None:
        query = query.where(col(StudyAssignment.trace_id) == trace_id)
    order = (col(StudyAssignment.person_id), col(StudyAssignment.position))
    return list(session.exec(query.order_by(*order)))


def get_assignment(
    session: Session, study_id: int, person_id: int, trace_id: int
) -> StudyAssignment:
    """Somebody's trace in a study.

    Raises:
        NotFound: it is none of theirs.
    """
    found = session.get(StudyAssignment, (study_id, person_id, trace_id))
    if found is None:
        raise NotFound("expected a trace that is yours to label in this study, found none")
    return found


def finish_assignment(session: Session, assignment: StudyAssignment) -> None:
    """Say that somebody is done with a trace."""
    assignment.finished_at = utc_now()
    session.add(assignment)
    session.flush()


def count_shares(session: Session, study_id: int) -> list[Share]:
    """How far everybody is in each stratum."""
    query = (
        sa.select(
            col(Person.id),
            col(Person.name),
            col(StudyTrace.stratum),
            sa.func.count(),
            sa.func.count(col(StudyAssignment.finished_at)),
        )
        .join(StudyAssignment, col(StudyAssignment.person_id) == col(Person.id))
        .join(
            StudyTrace,
            (col(StudyTrace.study_id) == col(StudyAssignment.study_id))
            & (col(StudyTrace.trace_id) == col(StudyAssignment.trace_id)),
        )
        .where(col(StudyAssignment.study_id) == study_id)
        .group_by(col(Person.id), col(Person.name), col(StudyTrace.stratum))
        .order_by(col(Person.id), col(StudyTrace.stratum))
    )
    return [Share(*row) for row in session.execute(query)]


def count_positions(session: Session, trace_id: int) -> int:
    """How many segments a trace has."""
    query = sa.select(sa.func.count()).where(col(Segment.trace_id) == trace_id)
    return int(session.execute(query).scalar_one())


def count_said(session: Session, run_id: int, trace_id: int, source: str) -> int:
    """How many segments of a trace a source has spoken of."""
    length = col(AnnotatedStep.end_segment) - col(AnnotatedStep.first_segment)
    query = sa.select(sa.func.coalesce(sa.func.sum(length), 0)).where(
        col(AnnotatedStep.run_id) == run_id,
        col(AnnotatedStep.trace_id) == trace_id,
        col(AnnotatedStep.source) == source,
    )
    return int(session.execute(query).scalar_one())


def bump(session: Session, study: Study) -> int:
    """Count one more thing that was said; the new revision."""
    changed = (
        sa.update(Study)
        .where(col(Study.id) == study.id)
        .values(revision=col(Study.revision) + 1)
        .returning(col(Study.revision))
        .execution_options(synchronize_session=False)
    )
    revision = int(session.execute(changed).scalar_one())
    set_committed_value(study, "revision", revision)
    return revision


def mark_settled(session: Session, study_id: int, trace_id: int, settled: bool) -> None:
    """Say whether there is a consensus on a trace."""
    row = session.get(StudyTrace, (study_id, trace_id))
    if row is not None and row.settled != settled:
        row.settled = settled
        session.add(row)
        session.flush()
