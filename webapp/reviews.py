"""The state of a review as pages use it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlmodel import Session, col

from store.errors import NotFound
from store.people import SignedIn
from store.states import VersionStatus
from store.tables import ReviewEvent, Run, TaxonomyVersion
from store.verdicts import Standing, get_rules, list_full, list_standing
from taxonomy.curation import (
    CategoryView,
    Group,
    LabelView,
    Progress,
    ReviewState,
    get_review_state,
)
from taxonomy.priority import Waiting, line_up
from taxonomy.prospects import LabelQuestion
from taxonomy.views import count_progress, majority
from webapp.colours import macro_classes
from webapp.permissions import Action, may

CLOSED = (VersionStatus.APPROVED, VersionStatus.FROZEN, VersionStatus.SUPERSEDED)


@dataclass(frozen=True)
class Review:
    """A version at one revision."""

    state: ReviewState
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
    progress: Progress
    waiting: Sequence[Waiting]
    colours: Mapping[str, str]
    undoable: frozenset[int]
    redoable: frozenset[int]
    overlap: int
    blind: bool  # whether the visitor sees only their own verdicts and what is decided

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

    def next_unreviewed(self, anchor: str) -> Group | None:
        """The cluster to look at after this one: the most urgent of the others."""
        return next_waiting(self.waiting, anchor)


def next_waiting(waiting: Sequence[Waiting], anchor: str) -> Group | None:
    """The first that waits and is not the one that is looked at."""
    return next((one.group for one in waiting if one.group.anchor != anchor), None)


def read_review(session: Session, version_id: int, viewer: SignedIn | None = None) -> Review:
    """The state of a version now, as the visitor may see it.

    Raises:
        NotFound: there is no such version.
    """
    state = get_review_state(session, version_id, exact=False)
    overlap = get_rules(session, version_id).overlap
    review = Review(
        state=state,
        version_id=version_id,
        name=state.version_name,
        status=state.status,
        revision=state.revision,
        cluster_run_id=state.cluster_run_id,
        label_run_id=_label_run(session, state.cluster_run_id),
        groups=state.groups,
        by_anchor={},
        categories=state.categories,
        by_key={category.key: category for category in state.categories},
        noise=state.noise,
        progress=state.progress,
        waiting=(),
        colours=macro_classes(category.macro_strategy for category in state.categories),
        undoable=frozenset(event.id for event in state.undoable),
        redoable=frozenset(event.id for event in state.redoable),
        overlap=overlap,
        blind=viewer is not None and is_blind(viewer, overlap),
    )
    if viewer is not None:
        review = (blindfold if review.blind else with_own_skips)(session, review, viewer.person_id)
    return replace(
        review,
        by_anchor={group.anchor: group for group in review.groups},
        waiting=line_up(review.groups, state.gains),
    )


def is_blind(viewer: SignedIn, overlap: int) -> bool:
    """Whether somebody's decisions on where labels belong are verdicts that others do not see."""
    return overlap > 1 and not may(viewer.role, Action.SETTLE)


def with_own_skips(session: Session, review: Review, person_id: int) -> Review:
    """The review with what this person skipped, whatever others did."""
    if not any(group.skip for group in review.groups):
        return review
    query = sa.select(col(ReviewEvent.id), col(ReviewEvent.payload)).where(
        col(ReviewEvent.version_id) == review.version_id,
        col(ReviewEvent.person_id) == person_id,
        col(ReviewEvent.kind) == "skip",
    )
    skipped: dict[str, int] = {}
    for number, payload in session.execute(query.order_by(col(ReviewEvent.id))):
        if number in review.undoable:
            skipped |= dict.fromkeys(payload["labels"], number)
    return replace(review, groups=[_skipped(group, skipped) for group in review.groups])


def _skipped(group: Group, skipped: Mapping[str, int]) -> Group:
    own = max((skipped.get(label.key, 0) for label in group.labels), default=0)
    return group if group.skip == own else replace(group, skip=own)


def blindfold(session: Session, review: Review, person_id: int) -> Review:
    """The review with this person's own verdicts, marks and deeds in it, and nobody else's."""
    own = {
        row.label_key: row for row in list_standing(session, review.version_id, person_id=person_id)
    }
    full = set(list_full(session, review.version_id, review.overlap))
    numbers = sa.select(col(ReviewEvent.id)).where(
        col(ReviewEvent.version_id) == review.version_id, col(ReviewEvent.person_id) == person_id
    )
    deeds = frozenset(session.execute(numbers).scalars())
    order = [category.key for category in review.categories]
    groups = [masked(group, own, full, deeds, order) for group in review.groups]
    review = with_own_skips(session, replace(review, groups=groups), person_id)
    labels = [label for group in groups for label in group.labels]
    noise = [_own_label(label, own) for label in review.noise]
    return replace(
        review,
        noise=noise,
        progress=count_progress([*labels, *noise]),
        undoable=(review.undoable & deeds) | {-row.act for row in own.values()},
        redoable=review.redoable & deeds,
    )


def masked(
    group: Group,
    own: Mapping[str, Standing],
    full: Collection[str],
    deeds: Collection[int],
    order: Sequence[str],
) -> Group:
    """A group as one reviewer may see it: done where nothing in it needs their verdict."""
    labels = tuple(_own_label(label, own) for label in group.labels)
    done = sum(
        label.instances for label in labels if label.origin == "reviewed" or label.key in full
    )
    changed = any(label.key in own for label in labels)
    return replace(
        group,
        labels=labels,
        category=majority(labels, order) if changed else group.category,
        reviewed=2 * done > group.instances,
        flag=group.flag if group.flag in deeds else 0,
        comments=tuple(number for number in group.comments if number in deeds),
    )


def _own_label(label: LabelView, own: Mapping[str, Standing]) -> LabelView:
    verdict = own.get(label.key)
    if verdict is None or label.origin == "reviewed":
        return label
    return replace(label, category=verdict.category, origin="reviewed")


def _label_run(session: Session, cluster_run_id: int | None) -> int | None:
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
