"""Where a version stands: its clustering and its log, read once a process and taken forward.

A finished clustering never changes and a log only grows, so that what was read once stays true;
which revision a version is at is asked of the database every time. Only what is committed is kept.

A decision is committed when its event is; what follows from it for all other labels is a revision
derived from the events, which says how many of them it follows.
"""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import sqlalchemy as sa
from sqlmodel import Session

from store.engine import is_writing
from store.reviews import list_events_after
from store.states import VersionStatus
from store.tables import TaxonomyVersion
from store.taxonomies import VersionHead, get_version, list_placements
from taxonomy.events.state import Event, State, active_events
from taxonomy.events.timeline import Timeline
from taxonomy.guidance.beliefs import Belief, believe
from taxonomy.guidance.prospects import Prospects, look_round
from taxonomy.review.clusterings import read_clustering
from taxonomy.review.layering import RECLUSTER, Clustering, Layer, lay, list_layers
from taxonomy.review.undoing import UNDOABLE_KINDS
from taxonomy.review.views import NO_BELIEFS, ByKey, Views, view

AnyVersion = TaxonomyVersion | VersionHead
VERSIONS_KEPT = 4
REVISIONS_KEPT = 3


@dataclass(frozen=True, eq=False)
class Spread:
    """What follows from the decisions up to a revision; nothing where the run kept no guesses."""

    revision: int
    by_key: ByKey = field(default_factory=lambda: NO_BELIEFS)
    prospects: Prospects | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """A state as reviewers see it, with a spread that may follow fewer decisions."""

    spread: Spread
    views: Views


@dataclass(eq=False)
class Standing:
    """A version at one revision; `in_force` are its own events that nobody took back.

    `written` is what a frozen version's rows say of its labels, which stays whatever happens;
    `layers` are the labels that stand on another run's clusters.
    """

    revision: int
    clustering: Clustering
    timeline: Timeline
    own: tuple[Event, ...] = ()
    in_force: tuple[Event, ...] = ()
    written: ByKey | None = None
    layers: tuple[Layer, ...] = ()
    _shown: Shown | None = None
    _earlier: Shown | None = field(default=None, repr=False)

    @property
    def state(self) -> State:
        """What the events in force give; to be read only."""
        return self.timeline.state

    @cached_property
    def undoable(self) -> tuple[Event, ...]:
        """The decisions in force, newest first."""
        return tuple(event for event in self.in_force[::-1] if event.kind in UNDOABLE_KINDS)

    @cached_property
    def redoable(self) -> tuple[Event, ...]:
        """The undos in force, newest first."""
        return tuple(event for event in self.in_force[::-1] if event.kind == "undo")

    def show(self, *, exact: bool = True) -> Shown:
        """The state with what follows from it; without `exact` what follows may be older.

        Threads that ask at the same time may all make it; it is the same.
        """
        shown = self._shown
        if shown is None or (exact and shown.spread.revision != self.revision):
            before = shown or self._earlier
            late = before is not None and not exact and bool(before.spread.by_key)
            spread = before.spread if before is not None and late else self._spread()
            views = view(
                self.state,
                self.clustering.placed,
                before.views if before is not None else None,
                spread.by_key,
            )
            self._shown = shown = Shown(spread, views)
            self._earlier = None
        return shown

    def _spread(self) -> Spread:
        starting = self.clustering.starting
        if starting is None or not self.state.categories:
            return Spread(self.revision)
        if self.written is not None:
            return Spread(self.revision, self.written)
        beliefs = believe(starting, self.state)
        prospects = look_round(starting, self.state, beliefs)
        return Spread(self.revision, beliefs.by_key, prospects)

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
            layers=self.layers,
            _earlier=self._shown or self._earlier,
        )


Kept = OrderedDict[int, OrderedDict[int, Standing]]  # by version, then by revision
_kept: WeakKeyDictionary[sa.Pool, Kept] = WeakKeyDictionary()
_clusterings: WeakKeyDictionary[sa.Pool, WeakValueDictionary[int, Clustering]] = WeakKeyDictionary()
_lock, _reading = Lock(), Lock()


def stand(session: Session, version: AnyVersion) -> Standing:
    """Where a version stands at the revision that the session sees."""
    if (kept := _find(session, version)) is not None and kept.revision == version.revision:
        return kept
    if is_writing(session):  # what it sees may never be committed
        return _take_forward(session, version)
    with _reading:  # one reads, the others who ask at the same time wait for it
        standing = _take_forward(session, version)
        _keep(session, version, standing)
        return standing


def follow(session: Session, version: AnyVersion) -> None:
    """Let what follows from the newest decisions be worked out meanwhile, on another thread."""
    pool, run_id = session.get_bind().engine.pool, version.cluster_run_id
    _follower().submit(_catch_up, pool, version.id, version.revision, run_id)


@cache
def _follower() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="spreading")


def _catch_up(pool: sa.Pool, version_id: int, revision: int, run_id: int | None) -> None:
    """Show the newest revision that is kept; those between it and the last one are left out."""
    standing = _youngest(pool, version_id, 2**31, run_id)
    if standing is not None and standing.revision >= revision:
        standing.show()


def _find(session: Session, version: AnyVersion) -> Standing | None:
    """The youngest kept revision that the version has reached, on the clustering that it has."""
    pool = session.get_bind().engine.pool
    return _youngest(pool, version.id, version.revision, version.cluster_run_id)


def _youngest(pool: sa.Pool, version_id: int, revision: int, run_id: int | None) -> Standing | None:
    with _lock:
        kept = _kept.get(pool, Kept()).get(version_id, OrderedDict())
        reached = sorted((at for at in kept if at <= revision), reverse=True)
        return next((kept[at] for at in reached if kept[at].clustering.run_id == run_id), None)


def _clustering(session: Session, run_id: int | None) -> Clustering:
    """The clustering of a run, which versions share as long as one of them stands on it."""
    if run_id is None:
        return read_clustering(session, None)
    with _lock:
        known = _clusterings.setdefault(session.get_bind().engine.pool, WeakValueDictionary())
    found = known.get(run_id) or read_clustering(session, run_id)
    if found.finished:
        known[run_id] = found
    return found


def _keep(session: Session, version: AnyVersion, standing: Standing) -> None:
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


def _take_forward(session: Session, version: AnyVersion) -> Standing:
    known = _find(session, version)
    if known is None:
        standing = stand_on(session, version, version.cluster_run_id)
    elif known.revision == version.revision:
        return known
    else:
        standing = _advance(session, version, known)
    if version.status in (VersionStatus.FROZEN, VersionStatus.SUPERSEDED):
        standing.written = _read_written(session, version)
    return standing


def _advance(session: Session, version: AnyVersion, known: Standing) -> Standing:
    """After the events that came since; from the beginning where those change the clustering."""
    rows = list_events_after(session, version.id, known.revision, version.revision)
    events = [Event(*row) for row in rows]
    standing = known.advanced(events, version.revision)
    if not any(event.kind in (RECLUSTER, "undo") for event in events):
        return standing
    if list_layers(standing.timeline.in_force, version.cluster_run_id) == known.layers:
        return standing
    return stand_on(session, version, version.cluster_run_id)


def _read_written(session: Session, version: AnyVersion) -> ByKey:
    return {
        key: Belief(category, origin, 0.0)
        for _, key, _, category, origin, _ in list_placements(session, version.id)
    }


def stand_on(session: Session, version: AnyVersion, cluster_run_id: int | None) -> Standing:
    """Where a version would stand on another clustering, under the same events."""
    own = [Event(*row) for row in list_events_after(session, version.id, 0, version.revision)]
    inherited = _inherit(session, version)
    layers = list_layers(active_events([*inherited, *own]), cluster_run_id)
    clustering = _clustering(session, cluster_run_id)
    for layer in layers:
        clustering = lay(clustering, _clustering(session, layer.run_id), layer.labels)
    timeline = Timeline.begin(clustering.base).extended(inherited)
    return Standing(0, clustering, timeline, layers=layers).advanced(own, version.revision)


def _inherit(session: Session, version: AnyVersion) -> list[Event]:
    """What the parents, which are frozen, decided."""
    inherited: list[Event] = []
    parent_id = version.parent_id
    while parent_id is not None:
        parent = get_version(session, parent_id)
        events = list_events_after(session, parent.id, 0, parent.revision)
        inherited[:0] = [Event(*row) for row in events]
        parent_id = parent.parent_id
    return inherited
