"""The state of a review as pages use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from store.errors import NotFound
from store.states import VersionStatus
from store.tables import Run, TaxonomyVersion
from taxonomy.curation import (
    CategoryView,
    Group,
    LabelView,
    Progress,
    ReviewState,
    get_review_state,
)
from taxonomy.priority import Waiting, line_up
from webapp.colours import macro_classes

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

    def next_unreviewed(self, anchor: str) -> Group | None:
        """The cluster to look at after this one: the most urgent of the others."""
        return next_waiting(self.waiting, anchor)


def next_waiting(waiting: Sequence[Waiting], anchor: str) -> Group | None:
    """The first that waits and is not the one that is looked at."""
    return next((one.group for one in waiting if one.group.anchor != anchor), None)


def read_review(session: Session, version_id: int) -> Review:
    """The state of a version now.

    Raises:
        NotFound: there is no such version.
    """
    state = get_review_state(session, version_id, exact=False)
    return Review(
        state=state,
        version_id=version_id,
        name=state.version_name,
        status=state.status,
        revision=state.revision,
        cluster_run_id=state.cluster_run_id,
        label_run_id=_label_run(session, state.cluster_run_id),
        groups=state.groups,
        by_anchor={group.anchor: group for group in state.groups},
        categories=state.categories,
        by_key={category.key: category for category in state.categories},
        noise=state.noise,
        progress=state.progress,
        waiting=line_up(state.groups, state.gains),
        colours=macro_classes(category.macro_strategy for category in state.categories),
        undoable=frozenset(event.id for event in state.undoable),
        redoable=frozenset(event.id for event in state.redoable),
    )


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
