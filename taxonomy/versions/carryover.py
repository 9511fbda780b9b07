"""`mralign taxonomy migrate`: an annotate run taken over to another version."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store import audit
from store.engine import reading, transaction
from store.errors import FrozenVersion, InvalidInput, NotFound
from store.items import put_item
from store.runs import failing_run, finish_run, get_run, list_runs, start_run
from store.states import ItemStatus, RunKind, RunStatus, VersionStatus
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    LabelInstance,
    OpenLabel,
    Run,
    RunItem,
    Segment,
    TaxonomyVersion,
)
from store.taxonomies import get_version, list_categories
from taxonomy.versions.lifecycle import get_content
from taxonomy.vocabulary.migration import OldStep, Plan, plan, translate_steps

CONSENSUS = "consensus"
RULE = "migrated"
MOST_RUNS = 1000
TRACES_A_COMMIT = 64
STEPS_NAMED = 10


@dataclass(frozen=True)
class CarryOver:
    """What came of a migration: the new run, the plan, and the traces to annotate anew."""

    run: Run
    plan: Plan
    traces: int
    queued: tuple[int, ...]


@dataclass(frozen=True)
class _Job:
    """An old run, its new one, and what stands between."""

    old: Run
    new_id: int
    plan: Plan
    category_ids: dict[str, int]
    label_run_id: int | None


def carry_over(
    engine: sa.Engine, before: str | int, after: str | int, annotate_run_id: int | None = None
) -> CarryOver:
    """Take the newest annotate run of a version, or the named one, over to another version.

    Traces of which every label can be mapped are copied, under the rule `migrated`; the others are
    left failed, with the steps that stand in the way, for `annotate run --resume` to do anew.

    Raises:
        NotFound: there is no such version or run.
        FrozenVersion: one of the versions is not frozen.
        InvalidInput: both are one version, or the run is with another.
    """
    with reading(engine) as session:
        old_version, new_version = (_get_frozen(session, name) for name in (before, after))
        if old_version.id == new_version.id:
            raise InvalidInput(f"expected two versions, got {old_version.name} twice")
        old = _get_annotation(session, old_version, annotate_run_id)
        contents = (get_content(session, each) for each in (old_version, new_version))
        found = plan(*contents)
        ids = {row.key: row.id for row in list_categories(session, new_version.id)}
        label_run_id = _label_run(session, old_version)
        traces = _list_traces(session, old.id)
    new = start_run(
        engine, RunKind.ANNOTATE, model=old.model, prompt_hash=old.prompt_hash, seed=old.seed,
        total_items=old.total_items, parameters=_parameters(old, old_version, new_version),
    )  # fmt: skip
    job = _Job(old, new.id, found, ids, label_run_id)
    with failing_run(engine, new.id):
        queued = _copy_all(engine, job, traces)
        with transaction(engine) as session:
            _finish(session, job, traces, queued, new_version)
    with reading(engine) as session:
        return CarryOver(get_run(session, new.id), found, len(traces), tuple(queued))


def _get_frozen(session: Session, name: str | int) -> TaxonomyVersion:
    version = get_version(session, name)
    if version.status not in (VersionStatus.FROZEN, VersionStatus.SUPERSEDED):
        status = version.status.value.replace("_", " ")
        raise FrozenVersion(
            f"expected a frozen version, but {version.name} is {status}; freeze it first"
        )
    return version


def _get_annotation(session: Session, version: TaxonomyVersion, number: int | None) -> Run:
    if number is not None:
        run = get_run(session, number, RunKind.ANNOTATE)
        if run.parameters.get("version_id") != version.id:
            raise InvalidInput(f"expected an annotate run with {version.name}, got run {number}, "
                               f"which is with {run.parameters.get('taxonomy')}")  # fmt: skip
        return run
    done = (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
    for run in list_runs(session, RunKind.ANNOTATE, MOST_RUNS):
        if run.parameters.get("version_id") == version.id and run.status in done:
            return run
    raise NotFound(f"expected an annotate run with {version.name}, found none; there is nothing "
                   "to migrate")  # fmt: skip


def _label_run(session: Session, version: TaxonomyVersion) -> int | None:
    if version.cluster_run_id is None:
        return None
    found = get_run(session, version.cluster_run_id).parameters.get("label_run")
    return int(found) if found is not None else None


def _parameters(old: Run, before: TaxonomyVersion, after: TaxonomyVersion) -> dict[str, Any]:
    return {
        **old.parameters,
        "taxonomy": after.name, "version_id": after.id, "content_hash": after.content_hash,
        "migrated_from_run": old.id, "migrated_from": before.name,
    }  # fmt: skip


def _list_traces(session: Session, run_id: int) -> list[int]:
    query = select(RunItem.trace_id).where(RunItem.run_id == run_id).distinct()
    return list(session.exec(query.order_by(col(RunItem.trace_id))))


def _copy_all(engine: sa.Engine, job: _Job, traces: Sequence[int]) -> list[int]:
    """Copy what can be mapped, some traces at a time; the traces that cannot."""
    queued: list[int] = []
    for start in range(0, len(traces), TRACES_A_COMMIT):
        with transaction(engine) as session:
            some = traces[start : start + TRACES_A_COMMIT]
            queued += [trace_id for trace_id in some if not _copy(session, job, trace_id)]
    return queued


def _copy(session: Session, job: _Job, trace_id: int) -> bool:
    """Copy a trace if all of it can be mapped; whether it was."""
    rows = _steps_of(session, job.old.id, trace_id)
    steps = [OldStep(row.source, row.first_segment, row.end_segment, labels)
             for row, labels in rows]  # fmt: skip
    open_labels = cache(lambda: _open_labels(session, job.label_run_id, trace_id))
    done = translate_steps(steps, job.plan, open_labels)
    if done.unmapped:
        detail = "no one category for " + "; ".join(map(_say, done.unmapped[:STEPS_NAMED]))
        put_item(session, job.new_id, trace_id, CONSENSUS, status=ItemStatus.FAILED, detail=detail)
        return False
    for (row, _), labels in zip(rows, done.labels, strict=True):
        copied = AnnotatedStep(
            run_id=job.new_id, trace_id=trace_id, source=row.source, person_id=row.person_id,
            first_segment=row.first_segment, end_segment=row.end_segment, rule=RULE,
        )  # fmt: skip
        session.add(copied)
        session.flush()
        session.add_all(
            ControlledLabel(step_id=copied.id, category_id=job.category_ids[key], confidence=sure)
            for key, sure in labels
        )
    _copy_items(session, job, trace_id)
    return True


def _say(step: OldStep) -> str:
    keys = ", ".join(key for key, _ in step.labels)
    return f"{step.source} on segments {step.first} to {step.end - 1}: {keys}"


def _steps_of(
    session: Session, run_id: int, trace_id: int
) -> list[tuple[AnnotatedStep, tuple[tuple[str, float], ...]]]:
    query = (
        select(AnnotatedStep, Category.key, ControlledLabel.confidence)
        .outerjoin(ControlledLabel, col(ControlledLabel.step_id) == col(AnnotatedStep.id))
        .outerjoin(Category, col(Category.id) == col(ControlledLabel.category_id))
        .where(AnnotatedStep.run_id == run_id, AnnotatedStep.trace_id == trace_id)
        .order_by(col(AnnotatedStep.id), col(ControlledLabel.confidence).desc())
    )
    rows: dict[int, AnnotatedStep] = {}
    labels: dict[int, list[tuple[str, float]]] = {}
    for step, key, confidence in session.exec(query):
        rows[step.id] = step
        labels.setdefault(step.id, []).extend([(key, confidence)] if key is not None else [])
    return [(rows[number], tuple(labels[number])) for number in rows]


def _open_labels(session: Session, run_id: int | None, trace_id: int) -> dict[int, list[str]]:
    """The keys of the open labels of each segment of a trace, by its position."""
    if run_id is None:
        return {}
    query = (
        select(Segment.position, OpenLabel.key)
        .join(LabelInstance, col(LabelInstance.segment_id) == col(Segment.id))
        .join(OpenLabel, col(OpenLabel.id) == col(LabelInstance.open_label_id))
        .where(Segment.trace_id == trace_id, LabelInstance.run_id == run_id)
    )
    found: dict[int, list[str]] = {}
    for position, key in session.exec(query):
        found.setdefault(position, []).append(key)
    return found


def _copy_items(session: Session, job: _Job, trace_id: int) -> None:
    items = select(RunItem).where(RunItem.run_id == job.old.id, RunItem.trace_id == trace_id)
    for item in session.exec(items).all():
        detail = f"migrated from run {job.old.id}" + (f"; {item.detail}" if item.detail else "")
        put_item(
            session, job.new_id, trace_id, item.source, status=item.status,
            confidence=item.confidence, request_hash=item.request_hash, detail=detail[:2000],
        )  # fmt: skip


def _finish(
    session: Session, job: _Job, traces: Sequence[int], queued: Sequence[int],
    version: TaxonomyVersion,
) -> None:  # fmt: skip
    open_items = (ItemStatus.FAILED, ItemStatus.INVALID)
    left = select(sa.func.count()).where(
        RunItem.run_id == job.new_id, RunItem.source == CONSENSUS,
        col(RunItem.status).in_(open_items),
    )  # fmt: skip
    partial = session.exec(left).one() > 0
    done = len(traces) - len(queued)
    message = f"{done} traces migrated from run {job.old.id}, {len(queued)} queued"
    finish_run(
        session, job.new_id, RunStatus.PARTIAL if partial else RunStatus.SUCCEEDED, message,
        done_items=done,
        metrics={"migrated": done, "queued": len(queued)},
    )  # fmt: skip
    audit.record(
        session, None, "taxonomy.migrate", f"taxonomy {version.name}", run=job.new_id,
        from_run=job.old.id, queued=len(queued),
    )  # fmt: skip
