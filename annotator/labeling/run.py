"""Traces in, labels out: the jobs of the labeler and of the annotators, each a run that resumes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session

from annotator.labeling.consensus import PanelResult
from annotator.labeling.steps import (
    AnnotatedTrace,
    BatchLabeler,
    CategoryView,
    ControlledStep,
    LabeledTrace,
    OpenLabeler,
    TraceView,
)
from annotator.labeling.work import (
    Prepare,
    Progress,
    Task,
    carry_out,
    detail_of,
    in_batches,
    rehearse,
    status_of,
    view_traces,
)
from store.annotations import StepRow, add_steps
from store.engine import reading, transaction
from store.errors import FrozenVersion
from store.items import list_segment_ids, list_thinking, put_item, put_items
from store.labels import add_instances, get_or_add_open_labels
from store.runs import get_run
from store.states import RunKind, VersionStatus
from store.tables import Run, TaxonomyVersion
from store.taxonomies import get_frozen_version, get_version, list_categories, list_mappings

# A label that was merely nearest proves nothing.
TRUSTED_ORIGINS = ("reviewed", "spread", "guided", "cluster")
SAMPLE_TRACES = 200
LABELER = "labeler"
CONSENSUS, SIDE_A, SIDE_B, ADJUDICATOR = "consensus", "annotator_a", "annotator_b", "adjudicator"


class Panel(Protocol):
    """Two annotators and an adjudicator, for many traces at once."""

    @property
    def name(self) -> str:
        """Who it is, as the run says it."""

    def annotate_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, PanelResult]]:
        """Annotate the traces; each is given once."""


class FittedPanel(Panel, Protocol):
    """A panel that looks at a sample before it begins, and keeps what it saw with the run."""

    def fit(self, sample: Sequence[TraceView]) -> None:
        """Set what the sample says."""

    def state(self) -> dict[str, Any]:
        """What was set."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with it."""


@dataclass(frozen=True)
class Vocabulary:
    """A frozen version as annotators see it, with the numbers of its categories."""

    version: TaxonomyVersion
    categories: tuple[CategoryView, ...]
    ids: dict[str, int]


def run_labeling(
    engine: sa.Engine,
    labeler: BatchLabeler,
    *,
    model: str | None = None,
    prompt_hash: str | None = None,
    limit: int | None = None,
    resume: int | None = None,
    prepare: Prepare | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """Give every segment of every trace with thinking its open labels; a killed run goes on.

    `prepare` sees the run's row before the first trace is labelled.

    Raises:
        InvalidInput: there is nothing to label, or the run to go on is another's.
    """
    task = Task(RunKind.LABEL, model or labeler.name, LABELER, limit, resume, prompt_hash)
    stream = getattr(labeler, "label_stream", None) or in_batches(labeler.label_all)
    return carry_out(engine, task, stream, _keep_labels, prepare, on_progress)


def rehearse_labeling(
    engine: sa.Engine, labeler: OpenLabeler, limit: int | None = None, resume: int | None = None
) -> int:
    """Let a labeler that sends nothing see what a run would label; the number of traces."""
    return rehearse(engine, Task(RunKind.LABEL, "", LABELER, limit, resume), labeler.label)


def rehearse_annotation(
    engine: sa.Engine,
    annotate: Callable[[TraceView], object],
    limit: int | None = None,
    resume: int | None = None,
) -> int:
    """Let a panel that sends nothing see what a run would annotate; the number of traces."""
    return rehearse(engine, Task(RunKind.ANNOTATE, "", CONSENSUS, limit, resume), annotate)


def _keep_labels(
    session: Session, run: Run, pairs: Sequence[tuple[TraceView, LabeledTrace]]
) -> None:
    items = [
        {"trace_id": trace.id, "status": status_of(result.invalid, _unanswered(trace, result)),
         "request_hash": result.request_hash, "detail": detail_of(result.invalid, result.repairs)}
        for trace, result in pairs
    ]  # fmt: skip
    put_items(session, run.id, LABELER, items)
    good = [(trace, result) for trace, result in pairs if result.invalid is None]
    add_instances(session, list(instance_rows(session, run.id, good)))


def _unanswered(trace: TraceView, result: LabeledTrace) -> bool:
    return result.invalid is not None and result.request_hash is None and bool(trace.segments)


def instance_rows(
    session: Session, run_id: int, pairs: Sequence[tuple[TraceView, LabeledTrace]]
) -> Iterator[dict[str, Any]]:
    """A row for every label on every segment of its step."""
    segments = list_segment_ids(session, [trace.id for trace, _ in pairs])
    steps = [(trace.id, *step) for trace, result in pairs for step in enumerate(result.steps)]
    given = [(label.text, label.definition) for *_, step in steps for label in step.labels]
    ids = iter(get_or_add_open_labels(session, given))
    for trace_id, number, step in steps:
        for label in step.labels:
            label_id = next(ids)
            for position in step.segments:
                yield {"run_id": run_id, "segment_id": segments[trace_id, position],
                       "step": number, "open_label_id": label_id,
                       "confidence": label.confidence}  # fmt: skip


def load_vocabulary(engine: sa.Engine, taxonomy: str | None = None) -> Vocabulary:
    """The frozen version of this name, or the one in force.

    Raises:
        NotFound: there is none. FrozenVersion: the named one is not frozen.
    """
    with reading(engine) as session:
        version = get_version(session, taxonomy) if taxonomy else get_frozen_version(session)
        if version.status not in (VersionStatus.FROZEN, VersionStatus.SUPERSEDED):
            raise FrozenVersion(
                f"expected a frozen version, got {version.name!r}, which is "
                f"{version.status.value}; freeze it with `mralign taxonomy freeze`"
            )
        rows = list_categories(session, version.id)
        known: dict[int, list[str]] = {}
        for mapping, label, category in list_mappings(session, version.id):
            if category is not None and mapping.origin in TRUSTED_ORIGINS:
                known.setdefault(category.id, []).append(label.text)
    views = tuple(
        CategoryView(row.key, row.name, row.definition, row.macro_strategy, row.scope_note,
                     tuple(row.examples), tuple(known.get(row.id, ())))
        for row in rows
    )  # fmt: skip
    return Vocabulary(version, views, {row.key: row.id for row in rows})


def run_annotation(
    engine: sa.Engine,
    panel: Panel | FittedPanel,
    vocabulary: Vocabulary,
    *,
    model: str | None = None,
    prompt_hash: str | None = None,
    more_parameters: Mapping[str, Any] | None = None,
    limit: int | None = None,
    resume: int | None = None,
    prepare: Prepare | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """Put the version's categories on every trace with thinking; a killed run goes on.

    `prepare` sees the run's row before the first trace is annotated.

    Raises:
        InvalidInput: there is nothing to annotate, or the run to go on is another's.
    """
    parameters = {"taxonomy": vocabulary.version.name, "version_id": vocabulary.version.id,
                  "content_hash": vocabulary.version.content_hash,
                  **(more_parameters or {})}  # fmt: skip
    task = Task(RunKind.ANNOTATE, model or panel.name, CONSENSUS, limit, resume, prompt_hash,
                parameters)  # fmt: skip

    def fit(run: Run) -> None:
        if prepare is not None:
            prepare(run)
        _fit(engine, run, panel)

    def keep(session: Session, run: Run, pairs: Sequence[tuple[TraceView, PanelResult]]) -> None:
        for trace, result in pairs:
            _keep_panel(session, run.id, trace, result, vocabulary)

    stream = getattr(panel, "annotate_stream", None) or in_batches(panel.annotate_all)
    return carry_out(engine, task, stream, keep, fit, on_progress)


def _fit(engine: sa.Engine, run: Run, panel: Panel | FittedPanel) -> None:
    """Fit the panel and keep the fit with the run, or restore the one that the run began with."""
    if not (hasattr(panel, "fit") and hasattr(panel, "state") and hasattr(panel, "restore")):
        return
    if "panel" in run.metrics:
        panel.restore(run.metrics["panel"])
        return
    with reading(engine) as session:
        chosen = list_thinking(session, run.total_items)
    every = max(1, len(chosen) // SAMPLE_TRACES)
    panel.fit(view_traces(engine, chosen[::every][:SAMPLE_TRACES]))
    with transaction(engine) as session:
        get_run(session, run.id).metrics = {**run.metrics, "panel": panel.state()}


def _keep_panel(
    session: Session, run_id: int, trace: TraceView, result: PanelResult, vocabulary: Vocabulary
) -> None:
    status = status_of(result.invalid, result.unanswered and bool(trace.segments))
    for source, side in ((SIDE_A, result.a), (SIDE_B, result.b)):
        if side is not None:
            _keep_side(session, run_id, trace, source, side, vocabulary)
    if result.adjudication is not None:
        put_item(session, run_id, trace.id, ADJUDICATOR,
                 status=status_of(result.adjudication.invalid, result.unanswered),
                 request_hash=result.adjudication.request_hash,
                 detail=detail_of(result.adjudication.invalid, ()))  # fmt: skip
    put_item(session, run_id, trace.id, CONSENSUS, status=status,
             detail=detail_of(result.invalid, ()))  # fmt: skip
    rows = [StepRow(d.first, d.end, d.labels, d.rule.value) for d in result.decisions]
    add_steps(session, run_id, trace.id, CONSENSUS, rows, vocabulary.ids)


def _keep_side(
    session: Session,
    run_id: int,
    trace: TraceView,
    source: str,
    side: AnnotatedTrace,
    vocabulary: Vocabulary,
) -> None:
    unanswered = side.request_hash is None and bool(trace.segments)
    put_item(session, run_id, trace.id, source, status=status_of(side.invalid, unanswered),
             confidence=side.confidence, request_hash=side.request_hash,
             detail=detail_of(side.invalid, side.repairs))  # fmt: skip
    rows = [_row(step) for step in side.steps]
    add_steps(session, run_id, trace.id, source, rows, vocabulary.ids)


def _row(step: ControlledStep) -> StepRow:
    return StepRow(step.first, step.end, step.labels)
