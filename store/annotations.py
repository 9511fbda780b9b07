"""Controlled labels: the steps that a source saw in a trace, with their categories."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store.tables import AnnotatedStep, Category, ControlledLabel, RunItem


@dataclass(frozen=True)
class StepRow:
    """Segments [first, end) with category keys and confidences, the surest first."""

    first: int
    end: int
    labels: tuple[tuple[str, float], ...]
    rule: str | None = None


def add_steps(
    session: Session,
    run_id: int,
    trace_id: int,
    source: str,
    steps: Sequence[StepRow],
    category_ids: dict[str, int],
    person_id: int | None = None,
) -> None:
    """Put the steps of a trace by a source in the place of those that were there."""
    remove_steps(session, run_id, trace_id, source)
    append_steps(session, run_id, trace_id, source, steps, category_ids, person_id)


def append_steps(
    session: Session,
    run_id: int,
    trace_id: int,
    source: str,
    steps: Sequence[StepRow],
    category_ids: dict[str, int],
    person_id: int | None = None,
) -> None:
    """Add steps of a trace by a source to those that are there."""
    rows = [
        AnnotatedStep(run_id=run_id, trace_id=trace_id, source=source, first_segment=step.first,
                      end_segment=step.end, rule=step.rule, person_id=person_id)
        for step in steps
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    labels = [
        {"step_id": row.id, "category_id": category_ids[key], "confidence": confidence}
        for row, step in zip(rows, steps, strict=True)
        for key, confidence in step.labels
    ]
    if labels:
        session.execute(sa.insert(ControlledLabel), labels)


def remove_steps(
    session: Session, run_id: int, trace_id: int, source: str, first: int | None = None
) -> None:
    """Remove a source's steps of a trace with their labels, or only the one that starts there."""
    steps = select(AnnotatedStep.id).where(
        AnnotatedStep.run_id == run_id,
        AnnotatedStep.trace_id == trace_id,
        AnnotatedStep.source == source,
    )
    if first is not None:
        steps = steps.where(AnnotatedStep.first_segment == first)
    session.execute(sa.delete(ControlledLabel).where(col(ControlledLabel.step_id).in_(steps)))
    session.execute(sa.delete(AnnotatedStep).where(col(AnnotatedStep.id).in_(steps)))


def list_label_sets(
    session: Session, run_id: int, source: str, trace_id: int | None = None
) -> Iterator[tuple[int, list[StepRow]]]:
    """Every trace that a source annotated in a run, or one of them, with its steps in order."""
    steps = (
        select(AnnotatedStep)
        .where(AnnotatedStep.run_id == run_id, AnnotatedStep.source == source)
        .order_by(col(AnnotatedStep.trace_id), col(AnnotatedStep.first_segment))
    )
    if trace_id is not None:
        steps = steps.where(AnnotatedStep.trace_id == trace_id)
    labels = _labels_of(session, run_id, source, trace_id)
    current, rows = None, list[StepRow]()
    for step in session.exec(steps):
        if current is not None and step.trace_id != current:
            yield current, rows
            rows = []
        current = step.trace_id
        given = tuple(labels.get(step.id, ()))
        rows.append(StepRow(step.first_segment, step.end_segment, given, step.rule))
    if current is not None:
        yield current, rows


def _labels_of(
    session: Session, run_id: int, source: str, trace_id: int | None = None
) -> dict[int, list[tuple[str, float]]]:
    query = (
        select(ControlledLabel.step_id, Category.key, ControlledLabel.confidence)
        .join(AnnotatedStep, col(AnnotatedStep.id) == col(ControlledLabel.step_id))
        .join(Category, col(Category.id) == col(ControlledLabel.category_id))
        .where(AnnotatedStep.run_id == run_id, AnnotatedStep.source == source)
        .order_by(col(ControlledLabel.confidence).desc(), col(Category.position))
    )
    if trace_id is not None:
        query = query.where(AnnotatedStep.trace_id == trace_id)
    found: dict[int, list[tuple[str, float]]] = {}
    for step_id, key, confidence in session.exec(query):
        found.setdefault(step_id, []).append((key, confidence))
    return found


def list_sources(session: Session, run_id: int) -> list[str]:
    """The sources that annotated in a run, by name."""
    query = select(AnnotatedStep.source).where(AnnotatedStep.run_id == run_id).distinct()
    return sorted(session.exec(query))


def list_source_runs(session: Session, source: str) -> list[int]:
    """The runs in which a source annotated, the newest first."""
    query = select(AnnotatedStep.run_id).where(AnnotatedStep.source == source).distinct()
    return sorted(session.exec(query), reverse=True)


def list_every_source(session: Session) -> list[tuple[int, str]]:
    """Every run with annotated steps and its sources, the newest run first."""
    query = select(AnnotatedStep.run_id, AnnotatedStep.source).distinct()
    return sorted(session.exec(query), key=lambda row: (-row[0], row[1]))


def count_categories(session: Session, run_id: int, source: str) -> dict[str, int]:
    """How many steps of a source have each category."""
    query = (
        select(Category.key, sa.func.count())
        .join(ControlledLabel, col(ControlledLabel.category_id) == col(Category.id))
        .join(AnnotatedStep, col(AnnotatedStep.id) == col(ControlledLabel.step_id))
        .where(AnnotatedStep.run_id == run_id, AnnotatedStep.source == source)
    )
    return {key: count for key, count in session.exec(query.group_by(col(Category.key)))}


def count_rules(session: Session, run_id: int, source: str = "consensus") -> dict[str, int]:
    """How many units each rule settled."""
    query = (
        select(AnnotatedStep.rule, sa.func.count())
        .where(AnnotatedStep.run_id == run_id, AnnotatedStep.source == source)
        .group_by(col(AnnotatedStep.rule))
    )
    return {rule or "none": count for rule, count in session.exec(query)}


def mean_confidence(session: Session, run_id: int, source: str) -> float | None:
    """The mean of a source's overall confidence in the traces of a run; None if it gave none."""
    query = select(sa.func.avg(col(RunItem.confidence))).where(
        RunItem.run_id == run_id, RunItem.source == source
    )
    value = session.exec(query).one()
    return None if value is None else float(value)


def list_macro_strategies(session: Session, version_id: int) -> dict[str, str]:
    """The macro-strategy of each category of a version, in the version's order."""
    query = select(Category.key, Category.macro_strategy).where(Category.version_id == version_id)
    return {key: macro for key, macro in session.exec(query.order_by(col(Category.position)))}
