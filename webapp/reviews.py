"""The state of a review as pages use it: read once a revision, then shared."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import sqlalchemy as sa
from sqlmodel import Session, col

from store.errors import NotFound
from store.states import VersionStatus
from store.tables import Run, TaxonomyVersion
from taxonomy.curation import CategoryView, Group, LabelView, get_review_state
from webapp.colours import macro_classes

REMEMBERED = 4
Key = tuple[int, int, str]  # a version, its revision and its status
CLOSED = (VersionStatus.APPROVED, VersionStatus.FROZEN, VersionStatus.SUPERSEDED)


@dataclass(frozen=True)
class Review:
    """A version at one revision."""

    version_id: int
    name: str
    status: VersionStatus
    revision: int
    cluster_run_id: int | None
    label_run_id: int | None
    groups: Sequence[Group]
    by_anchor: Mapping[str, Group]
    categories: Sequence[CategoryView]
    by_key: Mapping[str, CategoryView]
    noise: Sequence[LabelView]
    colours: Mapping[str, str]
    undoable: frozenset[int]
    redoable: frozenset[int]

    @property
    def open(self) -> bool:
        """Whether decisions are still taken."""
        return self.status not in CLOSED

    @property
    def reviewed(self) -> int:
        """How many clusters a person has decided."""
        return sum(group.reviewed for group in self.groups)

    def group(self, anchor: str) -> Group:
        """The cluster with this anchor.

        Raises:
            NotFound: there is none, or its labels went elsewhere.
        """
        if anchor not in self.by_anchor:
            raise NotFound(
                f"expected a cluster called {anchor[:40]!r} in {self.name}, found none; it may "
                "have been merged into another: see the list"
            )
        return self.by_anchor[anchor]

    def next_unreviewed(self, anchor: str | None) -> Group | None:
        """The cluster to look at after this one: the largest unreviewed below it, else at all."""
        order = [group.anchor for group in self.groups]
        start = order.index(anchor) + 1 if anchor is not None and anchor in order else 0
        turned = [*self.groups[start:], *self.groups[:start]]
        others = (group for group in turned if not group.reviewed and group.anchor != anchor)
        return next(others, None)


class Reviews:
    """Keeps the newest states, so that a page need not replay the log."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Review] = OrderedDict()
        self._lock, self._reading = Lock(), Lock()

    def get(self, session: Session, version_id: int) -> Review:
        """The state of a version now.

        Raises:
            NotFound: there is no such version.
        """
        key = _fingerprint(session, version_id)
        kept = self._find(key)
        if kept is not None:
            return kept
        with self._reading:  # one reads, the others who ask at the same time wait for it
            return self._find(key) or self._keep(read_review(session, version_id))

    def _find(self, key: Key) -> Review | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, review: Review) -> Review:
        with self._lock:
            self._kept[review.version_id, review.revision, review.status.value] = review
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return review


def _fingerprint(session: Session, version_id: int) -> Key:
    query = sa.select(col(TaxonomyVersion.revision), col(TaxonomyVersion.status))
    row = session.execute(query.where(col(TaxonomyVersion.id) == version_id)).first()
    if row is None:
        raise NotFound(f"expected a vocabulary with number {version_id}, found none")
    return version_id, row[0], row[1].value


def read_review(session: Session, version_id: int) -> Review:
    """Replay a version's log."""
    state = get_review_state(session, version_id)
    cluster_run_id, parameters = _cluster_run(session, version_id)
    return Review(
        version_id=version_id,
        name=state.version_name,
        status=state.status,
        revision=state.revision,
        cluster_run_id=cluster_run_id,
        label_run_id=parameters.get("label_run"),
        groups=state.groups,
        by_anchor={group.anchor: group for group in state.groups},
        categories=state.categories,
        by_key={category.key: category for category in state.categories},
        noise=state.noise,
        colours=macro_classes(category.macro_strategy for category in state.categories),
        undoable=frozenset(event.id for event in state.undoable),
        redoable=frozenset(event.id for event in state.redoable),
    )


def _cluster_run(session: Session, version_id: int) -> tuple[int | None, Mapping[str, int]]:
    query = (
        sa.select(col(Run.id), col(Run.parameters))
        .join(TaxonomyVersion, col(TaxonomyVersion.cluster_run_id) == col(Run.id))
        .where(col(TaxonomyVersion.id) == version_id)
    )
    row = session.execute(query).first()
    return (None, {}) if row is None else (row[0], row[1])


def find_current_version(session: Session) -> int | None:
    """The version that people work on: the newest open one, else the newest of all."""
    is_closed = sa.case((col(TaxonomyVersion.status).in_(CLOSED), 1), else_=0)
    query = sa.select(col(TaxonomyVersion.id))
    row = session.execute(query.order_by(is_closed, col(TaxonomyVersion.id).desc())).first()
    return None if row is None else row[0]
