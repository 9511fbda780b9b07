"""What stands behind a unit of an export in the store: steps, labels, replies, decisions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlmodel import Session, col, select

from store.reviews import list_events, list_taken_labels
from store.runs import get_run
from store.tables import (
    AnnotatedStep,
    Category,
    Cluster,
    ClusterMembership,
    ControlledLabel,
    Export,
    LabelInstance,
    Mapping,
    ModelReply,
    OpenLabel,
    Person,
    ReviewEvent,
    Run,
    RunItem,
    Segment,
    TaxonomyVersion,
)
from store.taxonomies import get_version

OF_A_LIFE = ("start", "status", "recluster")
CATEGORY_FIELDS = ("key", "category", "into")


def list_steps(
    session: Session, run_id: int, trace_id: int, first: int, end: int
) -> list[dict[str, Any]]:
    """What each source of a run said of segments [first, end), with confidences and rules."""
    query = (
        select(AnnotatedStep)
        .where(
            col(AnnotatedStep.run_id) == run_id,
            col(AnnotatedStep.trace_id) == trace_id,
            col(AnnotatedStep.first_segment) < end,
            col(AnnotatedStep.end_segment) > first,
        )
        .order_by(col(AnnotatedStep.source), col(AnnotatedStep.first_segment))
    )
    return [_step(session, step) for step in session.exec(query)]


def list_open_labels(
    session: Session, trace_id: int, version: TaxonomyVersion, first: int, end: int
) -> list[dict[str, Any]]:
    """The open labels of segments [first, end): their cluster, and their category."""
    query = (
        select(
            Segment.position,
            LabelInstance.run_id,
            LabelInstance.confidence,
            OpenLabel.id,
            OpenLabel.key,
            OpenLabel.text,
            Category.key,
            Mapping.origin,
        )  # type: ignore[call-overload]
        .join(LabelInstance, col(LabelInstance.segment_id) == col(Segment.id))
        .join(OpenLabel, col(OpenLabel.id) == col(LabelInstance.open_label_id))
        .outerjoin(
            Mapping,
            (col(Mapping.open_label_id) == col(OpenLabel.id))
            & (col(Mapping.version_id) == version.id),
        )
        .outerjoin(Category, col(Category.id) == col(Mapping.category_id))
        .where(
            col(Segment.trace_id) == trace_id,
            col(Segment.position) >= first,
            col(Segment.position) < end,
        )
        .order_by(col(Segment.position), col(LabelInstance.confidence).desc(), OpenLabel.key)
    )
    names = ("segment", "run", "confidence", "id", "key", "text", "category", "origin")
    found = [dict(zip(names, row, strict=True)) for row in session.exec(query)]
    clusters = _clusters_of(session, version, {one["id"]: one["key"] for one in found})
    return [{**one, "cluster": clusters.get(one["id"])} for one in found]


def list_replies(session: Session, run_ids: Sequence[int], trace_id: int) -> list[dict[str, Any]]:
    """What each source of the runs answered on a trace: the request's hash, prompt and reply."""
    query = (
        select(RunItem, ModelReply)
        .outerjoin(ModelReply, col(ModelReply.request_hash) == col(RunItem.request_hash))
        .where(col(RunItem.run_id).in_(run_ids), col(RunItem.trace_id) == trace_id)
        .order_by(col(RunItem.run_id), col(RunItem.source))
    )
    return [_reply(item, reply) for item, reply in session.exec(query)]


def list_decisions(
    session: Session,
    version: TaxonomyVersion,
    label_keys: Collection[str],
    categories: Collection[str],
) -> list[dict[str, Any]]:
    """The review decisions on these labels and categories, and those on the version's life.

    Those of the versions that it was made from come first; one that was undone says by which.
    """
    versions = [version]
    while versions[0].parent_id is not None:
        versions.insert(0, get_version(session, versions[0].parent_id))
    found = []
    for each in versions:
        events = list_events(session, each.id)
        undone = {event.undoes_id: event.id for event in events if event.undoes_id is not None}
        found += [
            _decision(session, each, event, undone.get(event.id), set(label_keys))
            for event in events
            if _is_about(event, set(label_keys), set(categories))
        ]
    return found


def describe_origin_runs(
    session: Session, export: Export, clusterings: Collection[int] = ()
) -> dict[str, dict[str, Any]]:
    """The runs that the manifest names, with their parameters, and the export's own.

    `clusterings` are those that labels stand on; one that the manifest does not name is added.
    """
    numbers = {name: run["id"] for name, run in export.manifest["runs"].items()}
    numbers["export"] = export.run_id
    for number in sorted(set(clusterings) - set(numbers.values())):
        numbers[f"further cluster ({number})"] = number
    return {name: _run(get_run(session, number)) for name, number in numbers.items()}


def _step(session: Session, step: AnnotatedStep) -> dict[str, Any]:
    query = (
        select(Category.key, ControlledLabel.confidence)
        .join(ControlledLabel, col(ControlledLabel.category_id) == col(Category.id))
        .where(col(ControlledLabel.step_id) == step.id)
        .order_by(col(Category.position))
    )
    person = session.get(Person, step.person_id) if step.person_id else None
    return {
        "source": step.source,
        "person": person.name if person else None,
        "first_segment": step.first_segment,
        "end_segment": step.end_segment,
        "rule": step.rule,
        "labels": [
            {"category": key, "confidence": confidence} for key, confidence in session.exec(query)
        ],
    }


def _clusters_of(
    session: Session, version: TaxonomyVersion, keys: dict[int, str]
) -> dict[int, dict[str, Any]]:
    """The cluster of each label where it stands: in the version's run, or in one it was taken to.

    A label that the other run does not know stays where it was.
    """
    taken = list_taken_labels(session, version)
    found = _clusters(session, version.cluster_run_id, keys)
    for run_id in sorted({taken[key] for key in keys.values() if key in taken}):
        own = [number for number, key in keys.items() if taken.get(key) == run_id]
        found |= _clusters(session, run_id, own)
    return found


def _clusters(
    session: Session, run_id: int | None, label_ids: Collection[int]
) -> dict[int, dict[str, Any]]:
    """The cluster of each label in a cluster run, noise with its nearest one."""
    query = (
        select(ClusterMembership, Cluster)
        .outerjoin(
            Cluster,
            (col(Cluster.id) == col(ClusterMembership.cluster_id))
            | (
                col(ClusterMembership.cluster_id).is_(None)
                & (col(Cluster.id) == col(ClusterMembership.nearest_cluster_id))
            ),
        )
        .where(
            col(ClusterMembership.run_id) == run_id,
            col(ClusterMembership.open_label_id).in_(label_ids),
        )
    )
    return {
        member.open_label_id: {
            "run": run_id,
            "number": cluster.number if cluster else None,
            "name": cluster.name if cluster else None,
            "noise": member.cluster_id is None,
            "distance": member.distance,
        }
        for member, cluster in session.exec(query)
    }


def _reply(item: RunItem, reply: ModelReply | None) -> dict[str, Any]:
    return {
        "run": item.run_id,
        "source": item.source,
        "status": item.status.value,
        "confidence": item.confidence,
        "detail": item.detail,
        "request_hash": item.request_hash,
        "model": reply.model if reply else None,
        "request": reply.request if reply else None,
        "reply": reply.reply if reply else None,
        "cost_usd": reply.cost_usd if reply else None,
    }


def _is_about(event: ReviewEvent, labels: set[str], categories: set[str]) -> bool:
    if event.kind in OF_A_LIFE:
        return True
    values = [event.payload.get(field) for field in CATEGORY_FIELDS]
    named = {value for value in values if isinstance(value, str)}
    touched = set(event.payload.get("labels") or ())
    return bool(touched & labels) or bool(named & categories)


def _decision(
    session: Session,
    version: TaxonomyVersion,
    event: ReviewEvent,
    undone_by: int | None,
    label_keys: set[str],
) -> dict[str, Any]:
    """An event, its labels cut down to those that are asked about, other lists to their length."""
    person = session.get(Person, event.person_id) if event.person_id else None
    payload = {name: _cut(value, label_keys) for name, value in event.payload.items()}
    return {
        "id": event.id,
        "version": version.name,
        "version_id": version.id,
        "revision": event.revision,
        "kind": event.kind,
        "payload": payload,
        "person": person.name if person else None,
        "reason": event.reason,
        "at": event.created_at.isoformat(),
        "undone_by": undone_by,
    }


def _cut(value: Any, label_keys: set[str]) -> Any:
    if not isinstance(value, list):
        return value
    if not all(isinstance(each, str) for each in value):
        return len(value)
    return [each for each in value if each in label_keys]


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "model": run.model,
        "seed": run.seed,
        "prompt_hash": run.prompt_hash,
        "code_version": run.code_version,
        "parameters": run.parameters,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
    }
