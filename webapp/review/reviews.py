"""The state of a review as pages use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlmodel import Session, col

from store.engine import is_writing
from store.errors import NotFound
from store.states import VersionStatus
from store.tables import Run, TaxonomyVersion
from store.verdicts import get_rules
from taxonomy.guidance.prospects import LabelQuestion
from taxonomy.review.curation import (
    CategoryView,
    Group,
    LabelView,
    Progress,
    ReviewState,
    get_review_state,
)
from taxonomy.review.priority import Lane, Waiting, lay_lanes, line_up
from taxonomy.review.views import count_progress
from webapp.showing.colours import macro_classes

VERSIONS_KEPT = 4
CLOSED = (VersionStatus.APPROVED, VersionStatus.FROZEN, VersionStatus.SUPERSEDED)


@dataclass(frozen=True, eq=False)
class Review:
    """A version at one revision; what a page does not show of it is not worked out."""

    state: ReviewState
    label_run_id: int | None
    groups: Sequence[Group]  # by falling count of instances
    undoable: frozenset[int]
    redoable: frozenset[int]
    overlap: int = 1
    blind: bool = False  # whether the visitor sees only their own verdicts and what is decided
    own_noise: Sequence[LabelView] | None = None  # the noise as that visitor sees it
    suggested: bool = False  # whether suggestions wait though nobody reviews blind any more

    @property
    def version_id(self) -> int:
        """The version's number."""
        return self.state.version_id

    @property
    def name(self) -> str:
        """The version's name."""
        return self.state.version_name

    @property
    def status(self) -> VersionStatus:
        """Where the version is in its life."""
        return self.state.status

    @property
    def revision(self) -> int:
        """How many events the version has."""
        return self.state.revision

    @property
    def cluster_run_id(self) -> int | None:
        """The run that found the clusters."""
        return self.state.cluster_run_id

    @cached_property
    def by_anchor(self) -> Mapping[str, Group]:
        """The clusters by their names in addresses."""
        return {group.anchor: group for group in self.groups}

    @property
    def categories(self) -> Sequence[CategoryView]:
        """The categories in their order."""
        return self.state.categories

    @cached_property
    def by_key(self) -> Mapping[str, CategoryView]:
        """The categories by their keys."""
        return {category.key: category for category in self.categories}

    @property
    def noise(self) -> Sequence[LabelView]:
        """The labels in no cluster."""
        return self.state.noise if self.own_noise is None else self.own_noise

    @cached_property
    def progress(self) -> Progress:
        """How much a person has decided."""
        labels = (label for group in self.groups for label in group.labels)
        return count_progress([*labels, *self.noise])

    @cached_property
    def waiting(self) -> Sequence[Waiting]:
        """What waits for a decision, the most urgent first."""
        return line_up(self.groups, self.state.gains)

    @cached_property
    def lanes(self) -> Sequence[Lane]:
        """The clusters laid out by category."""
        return lay_lanes(self.groups, self.by_key)

    @cached_property
    def colours(self) -> Mapping[str, str]:
        """The class of each macro-strategy's colour."""
        return macro_classes(category.macro_strategy for category in self.categories)

    @property
    def open(self) -> bool:
        """Whether decisions are still taken."""
        return self.status not in CLOSED

    @property
    def doubtful(self) -> list[tuple[LabelView, LabelQuestion]]:
        """Single labels to ask the visitor about; a blind one not about what they have judged."""
        if not self.blind:
            return self.state.doubtful
        seen = {label.key: label for group in self.groups for label in group.labels}
        seen |= {label.key: label for label in self.noise}
        asked = ((seen[label.key], question) for label, question in self.state.doubtful)
        return [(label, question) for label, question in asked if label.origin != "reviewed"]

    @cached_property
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

    def next_unreviewed(self, anchor: str) -> Group | None:
        """The cluster to look at after this one: the most urgent of the others."""
        others = (one.group for one in self.waiting if one.group.anchor != anchor)
        return next(others, None)


# By version: what was read last. It holds as long as the version stands where it stood.
Kept = dict[int, Review]
_kept: WeakKeyDictionary[sa.Pool, Kept] = WeakKeyDictionary()
_lock = Lock()


def read_review(session: Session, version_id: int) -> Review:
    """The state of a version now; made once for all who look at it as it stands.

    Raises:
        NotFound: there is no such version.
    """
    state = get_review_state(session, version_id, exact=False)
    overlap = get_rules(session, version_id).overlap
    with _lock:
        kept = _kept.setdefault(session.get_bind().engine.pool, {})
        before = kept.get(version_id)
    if before is not None and before.overlap == overlap and _same(before.state, state):
        return before
    same_run = before is not None and before.cluster_run_id == state.cluster_run_id
    run_id = (
        before.label_run_id if before and same_run else label_run_of(session, state.cluster_run_id)
    )
    undoable = frozenset(event.id for event in state.undoable)
    redoable = frozenset(event.id for event in state.redoable)
    review = Review(state, run_id, state.groups, undoable, redoable, overlap)
    if not is_writing(session):
        with _lock:
            if len(kept) >= VERSIONS_KEPT:
                kept.clear()
            kept[version_id] = review
    return review


def _same(before: ReviewState, now: ReviewState) -> bool:
    """Whether nothing moved; the views are made anew whenever what they show changes."""
    same = before.views is now.views and before.prospects is now.prospects
    return same and _place(before) == _place(now)


def _place(state: ReviewState) -> tuple[object, ...]:
    return (
        state.version_name,
        state.status,
        state.revision,
        state.spread_revision,
        state.cluster_run_id,
    )


def label_run_of(session: Session, cluster_run_id: int | None) -> int | None:
    """The run whose labels were clustered."""
    query = sa.select(col(Run.parameters)).where(col(Run.id) == cluster_run_id)
    row = session.execute(query).first()
    return None if row is None else row[0].get("label_run")


def find_current_version(session: Session) -> int | None:
    """The version that people work on: the newest open one, else the newest of all."""
    is_closed = sa.case((col(TaxonomyVersion.status).in_(CLOSED), 1), else_=0)
    query = sa.select(col(TaxonomyVersion.id))
    row = session.execute(query.order_by(is_closed, col(TaxonomyVersion.id).desc())).first()
    return None if row is None else row[0]
