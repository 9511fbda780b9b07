"""Review: the state of a version, decisions that become events, and undo, which is one more event.

Decisions are written down with the keys of the labels that they are about, so that they outlive
another clustering. A version made from a parent goes on from the parent's decisions.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from store import audit
from store.errors import InvalidInput, NotFound
from store.reviews import append_event, get_event, list_events, lock_version
from store.runs import get_run
from store.states import VersionStatus
from store.tables import (
    Cluster,
    ClusterMembership,
    OpenLabel,
    Person,
    ReviewEvent,
    TaxonomyVersion,
)
from store.taxonomies import get_version, list_clusters, list_memberships
from taxonomy.assignment import NEAREST_LIMIT
from taxonomy.decisions import (
    AddCategory,
    Assign,
    Decision,
    DecisionError,
    EditCategory,
    MarkNoise,
    Merge,
    Rename,
    RetireCategory,
    Split,
    UnknownNameError,
    clean_optional,
)
from taxonomy.payloads import Board, describe
from taxonomy.replay import Base, BaseGroup, BaseLabel, Event, State, active_events, replay
from taxonomy.undoing import UNDOABLE_KINDS, require_undoable
from taxonomy.views import (
    CategoryView,
    Group,
    LabelView,
    PlacedLabel,
    view_categories,
    view_groups,
    view_labels,
)

__all__ = [
    "AddCategory",
    "Assign",
    "CategoryView",
    "Decision",
    "EditCategory",
    "Group",
    "LabelView",
    "MarkNoise",
    "Merge",
    "Rename",
    "RetireCategory",
    "ReviewState",
    "Split",
    "decide",
    "get_review_state",
    "undo",
]


@dataclass(frozen=True)
class ReviewState:
    """A version as its events in force leave it.

    `noise` holds the labels that are in no group. `undoable` are the decisions in force and
    `redoable` the undos in force, newest first.
    """

    version_id: int
    version_name: str
    status: VersionStatus
    revision: int
    groups: tuple[Group, ...]
    categories: tuple[CategoryView, ...]
    noise: tuple[LabelView, ...]
    undoable: tuple[ReviewEvent, ...]
    redoable: tuple[ReviewEvent, ...] = ()


@dataclass(frozen=True)
class Curation:
    """A version with its clustering, its log and the state that they give."""

    version: TaxonomyVersion
    placed: tuple[PlacedLabel, ...]
    own_events: tuple[ReviewEvent, ...]
    active: frozenset[int]
    state: State


def get_review_state(session: Session, version_id: int) -> ReviewState:
    """The state of a version.

    Raises:
        NotFound: there is no such version.
    """
    curation = load(session, get_version(session, version_id))
    labels = view_labels(curation.state, curation.placed)
    version, newest = curation.version, curation.own_events[::-1]
    in_force = [event for event in newest if event.id in curation.active]
    return ReviewState(
        version_id=version.id,
        version_name=version.name,
        status=version.status,
        revision=version.revision,
        groups=view_groups(curation.state, curation.placed, labels),
        categories=view_categories(curation.state.categories.values(), labels),
        noise=tuple(label for label in labels if curation.state.anchors[label.key] is None),
        undoable=tuple(event for event in in_force if event.kind in UNDOABLE_KINDS),
        redoable=tuple(event for event in in_force if event.kind == "undo"),
    )


def decide(
    session: Session,
    version_id: int,
    decision: Decision,
    *,
    person: Person | None,
    seen_revision: int | None,
    reason: str | None = None,
) -> ReviewEvent:
    """Write a decision down as an event; without a person it was the command line.

    Raises:
        NotFound: there is no such version, group, label or category.
        Conflict: somebody decided something since `seen_revision`.
        FrozenVersion: the version is frozen, or was.
        InvalidInput: the decision breaks a rule, or the version is approved.
    """
    version = _open_version(session, version_id, seen_revision)
    curation = load(session, version)
    board = Board(curation.state, {label.open_label_id: label.key for label in curation.placed})
    try:
        kind, payload = describe(decision, board)
    except UnknownNameError as error:
        raise NotFound(str(error)) from error
    except DecisionError as error:
        raise InvalidInput(str(error)) from error
    return _write(session, version, kind, payload, person, reason)


def undo(
    session: Session,
    version_id: int,
    *,
    person: Person | None,
    event_id: int | None = None,
    seen_revision: int | None,
    reason: str | None = None,
) -> ReviewEvent:
    """Take back an event, by default the newest decision in force; of an undo, that is redo.

    Raises:
        NotFound: the version has no such event, or none to undo.
        Conflict: somebody decided something since `seen_revision`.
        InvalidInput: the event is undone already, tells of the version's life, or made a category
            that a later decision in force uses.
    """
    version = _open_version(session, version_id, seen_revision)
    events = list_events(session, version_id)
    in_force = [event for event in events if event.id in _active_ids(events)]
    if event_id is None:
        decisions = [event for event in in_force if event.kind in UNDOABLE_KINDS]
        if not decisions:
            raise NotFound(f"expected a decision to undo in {version.name}, found none")
        event_id = decisions[-1].id
    target = get_event(session, version_id, event_id)
    try:
        require_undoable(_event(target), [_event(row) for row in in_force])
    except DecisionError as error:
        raise InvalidInput(str(error)) from error
    return _write(session, version, "undo", {}, person, reason, target.id)


def load(session: Session, version: TaxonomyVersion) -> Curation:
    """Read a version's clustering and log, and replay them."""
    base, placed = _read_base(session, version.cluster_run_id)
    own = list_events(session, version.id)
    events = [_event(row) for row in (*_inherited(session, version), *own)]
    return Curation(version, placed, tuple(own), _active_ids(own), replay(base, events))


def _inherited(session: Session, version: TaxonomyVersion) -> list[ReviewEvent]:
    """The events of the parents, the oldest first; parents are frozen, so these stand still."""
    rows: list[ReviewEvent] = []
    parent_id = version.parent_id
    while parent_id is not None:
        rows = [*list_events(session, parent_id), *rows]
        parent_id = get_version(session, parent_id).parent_id
    return rows


def _event(row: ReviewEvent) -> Event:
    return Event(row.id, row.kind, row.payload, row.undoes_id)


def _active_ids(rows: list[ReviewEvent]) -> frozenset[int]:
    return frozenset(event.id for event in active_events(map(_event, rows)))


def _open_version(session: Session, version_id: int, seen_revision: int | None) -> TaxonomyVersion:
    version = lock_version(session, version_id, seen_revision)
    if version.status == VersionStatus.APPROVED:
        raise InvalidInput(
            f"{version.name} is approved as it stands; run `mralign taxonomy reopen "
            f"{version.name}` to go on reviewing it"
        )
    return version


def _write(
    session: Session,
    version: TaxonomyVersion,
    kind: str,
    payload: dict[str, Any],
    person: Person | None,
    reason: str | None,
    undoes_id: int | None = None,
) -> ReviewEvent:
    why = None
    if reason is not None and reason.strip():
        why = _checked(reason)
    event = append_event(session, version, kind, payload, person, why, undoes_id)
    detail = {"event": event.id, "revision": event.revision, "undoes": undoes_id}
    audit.record(session, person, f"review.{kind}", f"taxonomy {version.name}", **detail)
    return event


def _checked(reason: str) -> str:
    try:
        return clean_optional(reason, "a reason")
    except DecisionError as error:
        raise InvalidInput(str(error)) from error


def _read_base(
    session: Session, cluster_run_id: int | None
) -> tuple[Base, tuple[PlacedLabel, ...]]:
    if cluster_run_id is None:
        return Base(), ()
    clusters = {cluster.id: cluster for cluster in list_clusters(session, cluster_run_id)}
    anchors = {cluster_id: f"c{cluster.number}" for cluster_id, cluster in clusters.items()}
    limit = float(get_run(session, cluster_run_id).parameters.get("nearest_limit", NEAREST_LIMIT))
    rows = list_memberships(session, cluster_run_id)
    labels = tuple(_base_label(membership, label, anchors, limit) for membership, label in rows)
    placed = tuple(_placed_label(membership, label) for membership, label in rows)
    return Base(tuple(map(_base_group, clusters.values())), labels), placed


def _base_group(cluster: Cluster) -> BaseGroup:
    return BaseGroup(
        f"c{cluster.number}", cluster.name, cluster.definition, cluster.proposed_category
    )


def _base_label(
    membership: ClusterMembership, label: OpenLabel, anchors: dict[int, str], limit: float
) -> BaseLabel:
    """The label in its cluster, else in the nearest one if that is near, else in none."""
    if membership.cluster_id is not None:
        anchor, origin = anchors[membership.cluster_id], "cluster"
    elif membership.nearest_cluster_id is not None and membership.distance <= limit:
        anchor, origin = anchors[membership.nearest_cluster_id], "nearest"
    else:
        return BaseLabel(label.key, None, "noise", membership.instances)
    return BaseLabel(label.key, anchor, origin, membership.instances)


def _placed_label(membership: ClusterMembership, label: OpenLabel) -> PlacedLabel:
    return PlacedLabel(
        label.id,
        label.key,
        label.text,
        label.definition,
        membership.instances,
        membership.distance,
        membership.x,
        membership.y,
    )
