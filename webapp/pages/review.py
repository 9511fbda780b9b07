"""The pages on which clusters are reviewed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from taxonomy.guidance.prospects import LabelQuestion
from taxonomy.review.curation import CategoryView, Group, LabelView
from taxonomy.review.priority import Lane, Waiting
from webapp.pages.frame import Page
from webapp.queries.examples import Examples
from webapp.review.history import EventLine
from webapp.review.proposals import Division, Told
from webapp.review.reviews import Review
from webapp.review.steadiness import CardSolidity
from webapp.review.suggested import SuggestionLine


@dataclass(frozen=True)
class Column:
    """A column that can be sorted by: its address, and how it is sorted now."""

    name: str
    address: str
    sorted: str


@dataclass(frozen=True)
class ClustersPage(Page):
    """The clusters as a list."""

    template: ClassVar[str] = "clusters.html"
    review: Review
    rows: Sequence[Group]
    found: int
    columns: Sequence[Column]
    words: str
    show: str
    sort: str
    earlier: str
    later: str
    notice: EventLine | None


@dataclass(frozen=True)
class QueuePage(Page):
    """What waits for a decision."""

    template: ClassVar[str] = "queue.html"
    review: Review
    rows: Sequence[Waiting]
    found: int
    flagged: Sequence[Group]
    doubtful: Sequence[tuple[LabelView, LabelQuestion]]
    suggested: Sequence[SuggestionLine]
    words: str
    notice: EventLine | None


@dataclass(frozen=True)
class BoardLane:
    """A lane with its category, and the letter that moves a cluster into it."""

    lane: Lane
    category: CategoryView | None
    letter: str


@dataclass(frozen=True)
class BoardPage(Page):
    """The clusters in lanes; `at` is the one to go on with."""

    template: ClassVar[str] = "board.html"
    review: Review
    lanes: Sequence[BoardLane]
    moves: Sequence[tuple[str, CategoryView]]
    at: str
    notice: EventLine | None


@dataclass(frozen=True)
class Choice:
    """A category that a cluster may be put in; the first nine have a digit."""

    category: CategoryView
    digit: str
    chosen: bool
    note: str


@dataclass(frozen=True)
class ClusterPage(Page):
    """One cluster, and what can be decided about it."""

    template: ClassVar[str] = "cluster.html"
    review: Review
    group: Group
    labels: Sequence[LabelView]
    hidden_labels: int
    choices: Sequence[Choice]
    others: Sequence[Group]
    examples: Examples
    told: Told
    division: Division
    solidity: CardSolidity | None
    comments: Sequence[EventLine]
    suggested: Sequence[SuggestionLine]
    recent: Sequence[EventLine]
    earlier: Group | None
    later: Group | None
    unreviewed: Group | None
    notice: EventLine | None


@dataclass(frozen=True)
class NoisePage(Page):
    """The labels that are in no cluster."""

    template: ClassVar[str] = "noise.html"
    review: Review
    labels: Sequence[LabelView]
    later: str
    notice: EventLine | None


@dataclass(frozen=True)
class HistoryPage(Page):
    """Every decision on a version."""

    template: ClassVar[str] = "history.html"
    review: Review
    acts: Sequence[EventLine]
    suggested: Sequence[SuggestionLine]
    lines: Sequence[EventLine]
    later: str
    notice: EventLine | None
