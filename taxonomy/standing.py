"""Where a version stands: its clustering and its log, read once a process and taken forward.

A finished clustering never changes and a log only grows, so that what was read once stays true;
which revision a version is at is asked of the database every time. Only what is committed is kept.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlmodel import Session, col

from store.engine import is_writing
from store.reviews import list_events_after
from store.runs import get_run
from store.states import RunStatus
from store.tables import Cluster, ClusterMembership, OpenLabel, TaxonomyVersion
from store.taxonomies import VersionHead, get_version, list_clusters
from taxonomy.assignment import NEAREST_LIMIT
from taxonomy.replay import Base, BaseGroup, BaseLabel, Event, State, active_events
from taxonomy.timeline import Timeline
from taxonomy.views import PlacedLabel, Views, view

VERSIONS_KEPT = 4
REVISIONS_KEPT = 3


@dataclass(frozen=True)
class Clustering:
    """The labels of a version before any decision; `keys` has them by number."""

    base: Base
    placed: Mapping[str, PlacedLabel]
    keys: Mapping[int, str]
    finished: bool = True


@dataclass(eq=False)
class Standing:
    """A version at one revision; `in_force` are its own events that nobody took back."""

    revision: int
    clustering: Clustering
    timeline: Timeline
    own: tuple[Event, ...] = ()
    in_force: tuple[Event, ...] = ()
    _views: Views | None = None
    _before: Views | None = field(default=None, repr=False)

    @property
    def state(self) -> State:
        """What the events in force give; to be read only."""
        return self.timeline.state

    @property
    def views(self) -> Views:
        """The state as reviewers see it, made when it is first asked for."""
        if self._views is None:
            self._views = view(self.state, self.clustering.placed, self._before)
            self._before = None
        return self._views

    def advanced(self, events: list[Event], revision: int) -> "Standing":
        """After further events of its own."""
        own = (*self.own, *events)
        if any(event.undoes is not None for event in events):
            in_force = tuple(active_events(own))
        else:
            in_force = (*self.in_force, *events)
        return Standing(
            revision,
            self.clustering,
            self.timeline.extended(events),
            own,
            in_force,
            None,
            self._views or self._before,
        )


Kept = OrderedDict[int, OrderedDict[int, Standing]]  # by version, then by revision
_kept: WeakKeyDictionary[sa.Pool, Kept] = WeakKeyDictionary()
_lock, _reading = Lock(), Lock()


def stand(session: Session, version: TaxonomyVersion | VersionHead) -> Standing:
    """Where a version stands at the revision that the session sees."""
    if (kept := _find(session, version)) is not None and kept.revision == version.revision:
        return kept
    if is_writing(session):  # what it sees may never be committed
        return _take_forward(session, version)
    with _reading:  # one reads, the others who ask at the same time wait for it
        standing = _take_forward(session, version)
        _keep(session, version, standing)
        return standing


def _find(session: Session, version: TaxonomyVersion | VersionHead) -> Standing | None:
    """The youngest kept revision that the version has reached."""
    with _lock:
        versions = _kept.get(session.get_bind().engine.pool, Kept())
        kept = versions.get(version.id, OrderedDict())
        return next((kept[at] for at in sorted(kept, reverse=True) if at <= version.revision), None)


def _keep(session: Session, version: TaxonomyVersion | VersionHead, standing: Standing) -> None:
    if not standing.clustering.finished:
        return
    with _lock:
        versions = _kept.setdefault(session.get_bind().engine.pool, OrderedDict())
        revisions = versions.setdefault(version.id, OrderedDict())
        versions.move_to_end(version.id)
        revisions[standing.revision] = standing
        _shorten(versions, VERSIONS_KEPT)
        _shorten(revisions, REVISIONS_KEPT)


def _shorten(kept: OrderedDict[int, Any], length: int) -> None:
    while len(kept) > length:
        kept.popitem(last=False)


def _take_forward(session: Session, version: TaxonomyVersion | VersionHead) -> Standing:
    known = _find(session, version) or _begin(session, version)
    if known.revision == version.revision:
        return known
    events = list_events_after(session, version.id, known.revision, version.revision)
    return known.advanced([Event(*row) for row in events], version.revision)


def _begin(session: Session, version: TaxonomyVersion | VersionHead) -> Standing:
    """Before any event of its own: what the parents, which are frozen, decided."""
    clustering = read_clustering(session, version.cluster_run_id)
    inherited: list[Event] = []
    parent_id = version.parent_id
    while parent_id is not None:
        parent = get_version(session, parent_id)
        events = list_events_after(session, parent.id, 0, parent.revision)
        inherited[:0] = [Event(*row) for row in events]
        parent_id = parent.parent_id
    return Standing(0, clustering, Timeline.begin(clustering.base).extended(inherited))


def read_clustering(session: Session, cluster_run_id: int | None) -> Clustering:
    """The clusters and labels of a run; without a run there are none."""
    if cluster_run_id is None:
        return Clustering(Base(), {}, {})
    clusters = {cluster.id: cluster for cluster in list_clusters(session, cluster_run_id)}
    anchors = {cluster_id: f"c{cluster.number}" for cluster_id, cluster in clusters.items()}
    run = get_run(session, cluster_run_id)
    limit = float(run.parameters.get("nearest_limit", NEAREST_LIMIT))
    labels, placed = [], {}
    for cluster_id, nearest_id, *rest in _memberships(session, cluster_run_id):
        label = PlacedLabel(*rest)
        placed[label.key] = label
        labels.append(_base_label(label, anchors.get(cluster_id), anchors.get(nearest_id), limit))
    base = Base(tuple(map(_base_group, clusters.values())), tuple(labels))
    keys = {label.open_label_id: label.key for label in placed.values()}
    return Clustering(base, placed, keys, run.status != RunStatus.RUNNING)


def _memberships(session: Session, run_id: int) -> list[Any]:
    """Where the run put each label: most frequent first, then by key."""
    member = ClusterMembership
    query = (
        sa.select(
            col(member.cluster_id),
            col(member.nearest_cluster_id),
            col(OpenLabel.id),
            col(OpenLabel.key),
            col(OpenLabel.text),
            col(OpenLabel.definition),
            col(member.instances),
            col(member.distance),
            col(member.probability),
            col(member.x),
            col(member.y),
        )
        .join(OpenLabel, col(OpenLabel.id) == col(member.open_label_id))
        .where(col(member.run_id) == run_id)
    )
    return sorted(session.execute(query), key=lambda row: (-row[6], row[3]))


def _base_group(cluster: Cluster) -> BaseGroup:
    return BaseGroup(
        f"c{cluster.number}", cluster.name, cluster.definition, cluster.proposed_category
    )


def _base_label(
    label: PlacedLabel, own: str | None, nearest: str | None, limit: float
) -> BaseLabel:
    """The label in its cluster, else in the nearest one if that is near, else in none."""
    if own is not None:
        return BaseLabel(label.key, own, "cluster", label.instances)
    if nearest is not None and label.distance <= limit:
        return BaseLabel(label.key, nearest, "nearest", label.instances)
    return BaseLabel(label.key, None, "noise", label.instances)
