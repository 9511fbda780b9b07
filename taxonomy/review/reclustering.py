"""Put a version on another clustering: the difference is shown first, and every decision kept.

It goes over whole, or category by category: then the labels of that category stand on the new
clusters, and all others where they stood. Both are events, and both can be undone.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from store import audit
from store.audit import Actor
from store.errors import Conflict, InvalidInput
from store.reviews import append_event, list_events_after
from store.runs import get_run
from store.states import RunKind, RunStatus
from store.tables import ClusterMembership, ReviewEvent, Run, TaxonomyVersion
from store.taxonomies import get_head
from taxonomy.events.state import Event
from taxonomy.review.curation import check_reason, open_version
from taxonomy.review.layering import RECLUSTER
from taxonomy.review.portions import Portion, portion
from taxonomy.review.shifts import Shift, compare_views
from taxonomy.review.standing import Standing, stand, stand_on
from taxonomy.review.undoing import UNDOABLE_KINDS

CLUSTERINGS_LISTED = 50
Labels = frozenset[str]


@dataclass(frozen=True)
class Candidate:
    """A clustering that a version could go over to.

    `labels` is how many labels it has, `shared` how many of them the version's own run has too,
    and `standing` how many stand on it already.
    """

    run: Run
    labels: int
    shared: int
    standing: int
    newer: bool


@dataclass(frozen=True)
class Comparison:
    """What a version would become on another clustering, whole, and portion by portion."""

    revision: int
    shift: Shift
    portions: tuple[Portion, ...]
    standing: int

    def find(self, category: str | None) -> Portion | None:
        """The portion of a category."""
        return next((one for one in self.portions if one.category == category and one.keys), None)


def list_candidates(session: Session, version_id: int) -> list[Candidate]:
    """The finished clusterings of the version's labels but its own, the newest first.

    A run that shares no label is of another inventory, and left out; a version without a
    clustering can go over to any.

    Raises:
        NotFound: there is no such version.
    """
    version = get_head(session, version_id)
    layers = {layer.run_id: len(layer.labels) for layer in stand(session, version).layers}
    query = select(Run).where(Run.kind == RunKind.CLUSTER, Run.status == RunStatus.SUCCEEDED)
    newest = query.order_by(col(Run.id).desc()).limit(CLUSTERINGS_LISTED)
    runs = [run for run in session.exec(newest) if run.id != version.cluster_run_id]
    base = version.cluster_run_id
    counts = _count(session, base, [run.id for run in runs])
    return [
        Candidate(run, *counts[run.id], layers.get(run.id, 0), base is None or run.id > base)
        for run in runs
        if run.id in counts and (base is None or counts[run.id][1])
    ]


def _count(session: Session, base: int | None, run_ids: list[int]) -> dict[int, tuple[int, int]]:
    """The labels of each run, and how many of them the base has too."""
    member = aliased(ClusterMembership)
    known = sa.select(col(ClusterMembership.open_label_id)).where(
        col(ClusterMembership.run_id) == base
    )
    both = sa.func.count().filter(col(member.open_label_id).in_(known))
    query = (
        sa.select(col(member.run_id), sa.func.count(), both)
        .where(col(member.run_id).in_(run_ids))
        .group_by(col(member.run_id))
    )
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def compare_clusterings(session: Session, version_id: int, cluster_run_id: int) -> Shift:
    """What a version would become on the clusters of another run; nothing is changed.

    Raises:
        NotFound: there is no such version or cluster run.
        InvalidInput: the run did not succeed.
    """
    return compare_whole(session, version_id, cluster_run_id).shift


def compare_whole(session: Session, version_id: int, cluster_run_id: int) -> Comparison:
    """What a version would become on another run's clusters, and what each category would take.

    Raises:
        NotFound: there is no such version or cluster run.
        InvalidInput: the run did not succeed.
    """
    version = get_head(session, version_id)
    _require_finished(session, cluster_run_id)
    standing = stand(session, version)
    before = standing.show().views
    after = stand_on(session, version, cluster_run_id).show().views
    decisions = [event for event in standing.timeline.in_force if event.kind in UNDOABLE_KINDS]
    taken = _taken(standing, cluster_run_id)
    return Comparison(
        version.revision,
        compare_views(before, after, decisions),
        portion(before, after, taken),
        len(taken),
    )


def _taken(standing: Standing, cluster_run_id: int) -> Labels:
    own = (layer.labels for layer in standing.layers if layer.run_id == cluster_run_id)
    return frozenset().union(*own)


def recluster(
    session: Session,
    version_id: int,
    cluster_run_id: int,
    *,
    person: Actor | None,
    reason: str | None = None,
    seen_revision: int | None = None,
) -> ReviewEvent:
    """Put a version on the clusters of another run; one more event, with who and when.

    Decisions name labels, so all of them stay in force. The way back is undo, or the earlier run.

    Raises:
        NotFound: there is no such version or cluster run.
        FrozenVersion: the version is frozen, or was.
        Conflict: somebody put it on other clusters since `seen_revision`.
        InvalidInput: the run did not succeed, or the version stands on it already.
    """
    version = _open(session, version_id, cluster_run_id, seen_revision)
    payload: dict[str, Any] = {"from": version.cluster_run_id, "to": cluster_run_id}
    version.cluster_run_id = cluster_run_id
    return _write(session, version, payload, person, reason)


def take_portion(
    session: Session,
    version_id: int,
    cluster_run_id: int,
    taken: Portion,
    *,
    person: Actor | None,
    reason: str | None = None,
    seen_revision: int | None = None,
) -> ReviewEvent:
    """Put the labels of a portion on the clusters of another run, and no others.

    Raises:
        NotFound: there is no such version or cluster run.
        FrozenVersion: the version is frozen, or was.
        Conflict: somebody put it on other clusters since `seen_revision`.
        InvalidInput: there is nothing to take, the version has no clusters, the run did not succeed
            or was made with another encoder, or another run is being gone over to already.
    """
    if not taken.keys:
        raise InvalidInput("expected labels to take over, but none is left in this category")
    version = _open(session, version_id, cluster_run_id, seen_revision)
    _require_mixable(session, version, cluster_run_id)
    payload = {
        "from": version.cluster_run_id,
        "to": cluster_run_id,
        "category": taken.category,
        "labels": sorted(taken.keys),
    }
    return _write(session, version, payload, person, reason)


def _open(
    session: Session, version_id: int, cluster_run_id: int, seen_revision: int | None
) -> TaxonomyVersion:
    version = open_version(session, version_id)
    _require_finished(session, cluster_run_id)
    if version.cluster_run_id == cluster_run_id:
        raise InvalidInput(f"{version.name} stands on cluster run {cluster_run_id} already")
    since = version.revision if seen_revision is None else seen_revision
    rows = [Event(*row) for row in list_events_after(session, version.id, 0, version.revision)]
    if any(_moves(event, rows) for event in rows[since:]):
        raise Conflict(
            f"somebody put {version.name} on other clusters meanwhile; look at the difference again"
        )
    return version


def _moves(event: Event, events: list[Event]) -> bool:
    """Whether an event puts labels on other clusters, or takes that back."""
    by_id = {one.id: one for one in events}
    while event.undoes is not None and event.undoes in by_id:
        event = by_id[event.undoes]
    return event.kind == RECLUSTER


def _require_mixable(session: Session, version: TaxonomyVersion, cluster_run_id: int) -> None:
    if version.cluster_run_id is None:
        raise InvalidInput(f"{version.name} has no clusters yet; go over to the run whole")
    others = {layer.run_id for layer in stand(session, version).layers} - {cluster_run_id}
    if others:
        raise InvalidInput(
            f"{version.name} is going over to cluster run {min(others)} category by category; "
            "take the rest of it, or undo that first"
        )
    models = {get_run(session, n).model for n in (version.cluster_run_id, cluster_run_id)}
    if len(models) > 1:
        raise InvalidInput(
            "expected both clusterings to be made with one encoder, but they were not; go over "
            "to the run whole"
        )


def _write(
    session: Session,
    version: TaxonomyVersion,
    payload: dict[str, Any],
    person: Actor | None,
    reason: str | None,
) -> ReviewEvent:
    event = append_event(session, version, RECLUSTER, payload, person, check_reason(reason))
    told = {key: value for key, value in payload.items() if key != "labels"}
    detail = {"event": event.id, "revision": event.revision, **told}
    audit.record(session, person, "review.recluster", f"taxonomy {version.name}", **detail)
    return event


def list_moves(session: Session, version_id: int) -> list[tuple[int, bool]]:
    """The events that put labels of a version on other clusters, the newest first.

    Each is in force, or comes as the undo that is in force in its place.

    Raises:
        NotFound: there is no such version.
    """
    standing = stand(session, get_head(session, version_id))
    standing_ids = {event.id for event in standing.in_force}
    undone = {event.undoes: event for event in standing.in_force if event.undoes is not None}
    found = []
    for event in standing.own[::-1]:
        if event.kind == RECLUSTER:
            in_force = event.id in standing_ids
            found.append((event.id if in_force else undone[event.id].id, in_force))
    return found


def _require_finished(session: Session, cluster_run_id: int) -> None:
    run = get_run(session, cluster_run_id, RunKind.CLUSTER)
    if run.status != RunStatus.SUCCEEDED:
        raise InvalidInput(
            f"expected a cluster run that succeeded, but run {run.id} is {run.status.value}"
        )
