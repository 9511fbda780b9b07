"""What the alignment's jobs read: annotated units, judged draws, sizes, vocabulary, sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.export.pool import CONSENSUS
from alignment.polarity.candidates import Draw, Size, TokenCounter
from alignment.transitions.examples import ExampleSource, Unit
from store.errors import InvalidInput, NotFound
from store.runs import get_latest_run, get_run
from store.states import RunKind, ThinkingMode, VersionStatus
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    Question,
    Run,
    Segment,
    TaxonomyVersion,
    Trace,
    TracePair,
)

IMMUTABLE = (VersionStatus.FROZEN, VersionStatus.SUPERSEDED)
ROWS_A_QUERY = 500  # below SQLite's limit of bound parameters, whatever its build


@dataclass(frozen=True)
class LabelSets:
    """The units of every trace that a run annotated, and the vocabulary they name.

    Unit labels index `categories`; traces are keyed by their external id.
    """

    run: Run
    source: str
    version: TaxonomyVersion
    categories: tuple[str, ...]
    units: dict[str, tuple[Unit, ...]]


def load_label_sets(
    session: Session, annotate_run_id: int | None = None, source: str = CONSENSUS
) -> LabelSets:
    """The label sets of an annotate run, by default the newest one's consensus.

    Raises:
        NotFound: there is no such run, or its source left no step.
        InvalidInput: its labels come from more than one vocabulary.
    """
    run = (
        get_latest_run(session, RunKind.ANNOTATE)
        if annotate_run_id is None
        else get_run(session, annotate_run_id, RunKind.ANNOTATE)
    )
    version = _version_of(session, run)
    query = select(Category).where(col(Category.version_id) == version.id)
    categories = session.exec(query.order_by(col(Category.position))).all()
    places = {category.id: place for place, category in enumerate(categories)}
    units = _units(session, run.id, source, places)
    if not units:
        raise NotFound(
            f"expected steps of source {source!r} in annotate run {run.id}, found none;"
            " run `mralign annotate run`, or name another source"
        )
    return LabelSets(run, source, version, tuple(one.key for one in categories), units)


def require_frozen(version: TaxonomyVersion) -> None:
    """Refuse a vocabulary that may still change.

    Raises:
        InvalidInput: the version is not frozen; the message says what to do.
    """
    if version.status not in IMMUTABLE or version.content_hash is None:
        raise InvalidInput(
            f"expected a frozen vocabulary, got {version.name!r}, which is"
            f" {version.status.value}; freeze it with `mralign taxonomy freeze`, annotate with it,"
            " and export again"
        )


def load_draws(session: Session) -> list[Draw]:
    """Every thinking-on trace with its judgments, in the order of import."""
    columns = (Trace.external_id, Question.text, Trace.model, TracePair.z_on, TracePair.z_off,
               Question.dataset)  # fmt: skip
    query = (
        sa.select(*(col(column) for column in columns))
        .join(Question, col(Trace.question_id) == col(Question.id))
        .outerjoin(TracePair, col(TracePair.on_trace_id) == col(Trace.id))
        .where(col(Trace.thinking_mode) == ThinkingMode.ON)
        .order_by(col(Trace.id))
    )
    return [
        Draw(
            trace_id=trace_id,
            question=question,
            model=model,
            z_on=None if z_on is None else bool(z_on),
            z_off=None if z_off is None else bool(z_off),
            dataset=dataset,
        )
        for trace_id, question, model, z_on, z_off, dataset in session.execute(query)
    ]


def measure_polar(session: Session, count_tokens: TokenCounter) -> dict[str, Size]:
    """The size of the thinking of every trace with a polarity, by its external id."""
    segments = (
        sa.select(col(Segment.trace_id), sa.func.count().label("segments"))
        .group_by(col(Segment.trace_id))
        .subquery()
    )
    query = (
        sa.select(col(Trace.external_id), col(Trace.thinking), segments.c.segments)
        .join(TracePair, col(TracePair.on_trace_id) == col(Trace.id))
        .outerjoin(segments, segments.c.trace_id == col(Trace.id))
        .where(col(TracePair.z_on) != col(TracePair.z_off))
        .execution_options(yield_per=ROWS_A_QUERY)
    )
    return {
        trace_id: Size(segments=count or 0, tokens=count_tokens(thinking))
        for trace_id, thinking, count in session.execute(query)
    }


def load_sources(
    session: Session, desirable: dict[str, bool]
) -> dict[str, tuple[ExampleSource, list[int]]]:
    """Texts and segment starts of the traces named, by external id."""
    found: dict[str, tuple[ExampleSource, list[int]]] = {}
    names = list(desirable)
    for first in range(0, len(names), ROWS_A_QUERY):
        wanted = names[first : first + ROWS_A_QUERY]
        query = select(Trace, Question).join(Question).where(col(Trace.external_id).in_(wanted))
        rows = session.exec(query).all()
        starts = _segment_starts(session, [trace.id for trace, _ in rows])
        for trace, question in rows:
            source = ExampleSource(
                trace_id=trace.external_id,
                question=question.text,
                gold_answers=tuple(question.gold_answers),
                thinking=trace.thinking,
                answer=trace.answer,
                desirable=desirable[trace.external_id],
            )
            found[trace.external_id] = (source, starts[trace.id])
    return found


def describe_runs(session: Session, labels: LabelSets) -> dict[str, dict[str, Any]]:
    """The runs that made the labels: annotate, cluster, and the label run that it names."""
    runs = {"annotate": labels.run}
    if labels.version.cluster_run_id is not None:
        runs["cluster"] = get_run(session, labels.version.cluster_run_id)
        label_run_id = runs["cluster"].parameters.get("label_run")
        if isinstance(label_run_id, int):
            runs["label"] = get_run(session, label_run_id)
    return {name: _run_document(run) for name, run in runs.items()}


def _run_document(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "model": run.model,
        "seed": run.seed,
        "prompt_hash": run.prompt_hash,
        "input_hash": run.input_hash,
        "code_version": run.code_version,
    }


def _segment_starts(session: Session, trace_ids: Sequence[int]) -> dict[int, list[int]]:
    query = select(Segment.trace_id, Segment.start).where(col(Segment.trace_id).in_(trace_ids))
    starts: dict[int, list[int]] = defaultdict(list)
    for trace_id, start in session.exec(query.order_by(Segment.trace_id, col(Segment.position))):  # type: ignore[arg-type]
        starts[trace_id].append(start)
    return starts


def _version_of(session: Session, run: Run) -> TaxonomyVersion:
    """The one vocabulary that the labels of an annotate run come from."""
    query = (
        select(Category.version_id)
        .join(ControlledLabel, col(ControlledLabel.category_id) == col(Category.id))
        .join(AnnotatedStep, col(AnnotatedStep.id) == col(ControlledLabel.step_id))
        .where(col(AnnotatedStep.run_id) == run.id)
        .distinct()
    )
    versions = session.exec(query).all()
    if len(versions) != 1:
        raise InvalidInput(
            f"expected the labels of annotate run {run.id} to come from one vocabulary, found"
            f" {len(versions)}; run `mralign annotate run` with a frozen one"
        )
    return session.get_one(TaxonomyVersion, versions[0])


def _units(
    session: Session, run_id: int, source: str, places: dict[int, int]
) -> dict[str, tuple[Unit, ...]]:
    """The units of each trace in their order; a step without labels is a unit too."""
    query = (
        sa.select(
            col(Trace.external_id),
            col(AnnotatedStep.first_segment),
            col(AnnotatedStep.end_segment),
            col(ControlledLabel.category_id),
            col(ControlledLabel.confidence),
        )
        .join(Trace, col(Trace.id) == col(AnnotatedStep.trace_id))
        .outerjoin(ControlledLabel, col(ControlledLabel.step_id) == col(AnnotatedStep.id))
        .where(col(AnnotatedStep.run_id) == run_id, col(AnnotatedStep.source) == source)
        .order_by(col(AnnotatedStep.trace_id), col(AnnotatedStep.first_segment))
    )
    steps: dict[str, dict[tuple[int, int], list[tuple[int, float]]]] = defaultdict(dict)
    for trace_id, first, end, category_id, confidence in session.execute(query):
        labels = steps[trace_id].setdefault((first, end), [])
        if category_id is not None:
            labels.append((places[category_id], confidence))
    return {
        trace_id: tuple(Unit(*span, tuple(sorted(labels))) for span, labels in spans.items())
        for trace_id, spans in steps.items()
    }
