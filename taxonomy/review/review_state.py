"""A version under review as its events in force leave it, for pages and commands to read."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session

from store.states import VersionStatus
from store.taxonomies import get_head
from taxonomy.events.state import Event
from taxonomy.guidance.prospects import LabelQuestion, Prospects
from taxonomy.review.standing import follow, stand
from taxonomy.review.views import CategoryView, Group, LabelView, PlacedLabel, Progress, Views


@dataclass(frozen=True)
class ReviewState:
    """A version as its events in force leave it.

    `undoable` are the decisions in force and `redoable` the undos in force, newest first.
    `spread_revision` says which decisions the categories of all other labels follow; `prospects`
    what comes next and what that is worth, None where the cluster run kept no guesses. Some labels
    may stand on the clusters of `layer_run_ids`.
    """

    version_id: int
    version_name: str
    status: VersionStatus
    revision: int
    cluster_run_id: int | None
    views: Views
    undoable: tuple[Event, ...]
    redoable: tuple[Event, ...]
    spread_revision: int
    prospects: Prospects | None
    placed: Mapping[str, PlacedLabel]  # as the clustering has them: most frequent first
    layer_run_ids: tuple[int, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that hold labels, by falling count of instances."""
        return self.views.by_size

    @property
    def categories(self) -> tuple[CategoryView, ...]:
        """The categories in their order, with their instances."""
        return self.views.categories

    @property
    def noise(self) -> tuple[LabelView, ...]:
        """The labels that are in no group."""
        return self.views.noise

    @property
    def progress(self) -> Progress:
        """How much a person has decided."""
        return self.views.progress

    @property
    def gains(self) -> Mapping[str, float] | None:
        """What deciding each group is expected to put right, by anchor."""
        return self.prospects.gains if self.prospects else None

    @property
    def doubtful(self) -> list[tuple[LabelView, LabelQuestion]]:
        """Single labels to ask about, those of most expected gain first."""
        asked = self.prospects.questions if self.prospects else ()
        return [(self.views.labels[question.key], question) for question in asked]


def get_review_state(session: Session, version_id: int, *, exact: bool = True) -> ReviewState:
    """The state of a version.

    Without `exact`, what follows from the newest decisions for other labels may be left for
    later; it is worked out on another thread.

    Raises:
        NotFound: there is no such version.
    """
    version = get_head(session, version_id)
    standing = stand(session, version)
    shown = standing.show(exact=exact)
    if shown.spread.revision != version.revision:
        follow(session, version)
    return ReviewState(
        version_id=version.id,
        version_name=version.name,
        status=version.status,
        revision=version.revision,
        cluster_run_id=version.cluster_run_id,
        views=shown.views,
        undoable=standing.undoable,
        redoable=standing.redoable,
        spread_revision=shown.spread.revision,
        prospects=shown.spread.prospects,
        placed=standing.clustering.placed,
        layer_run_ids=tuple(layer.run_id for layer in standing.layers),
    )
