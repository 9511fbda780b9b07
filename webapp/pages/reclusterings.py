"""The pages of other clusterings: which there are, and what one of them would change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.tables import Run
from taxonomy.review.reclustering import Candidate
from taxonomy.review.shifts import GroupShift, Shift
from taxonomy.review.views import LabelView
from taxonomy.vocabulary.contents import MovedLabel
from webapp.pages.frame import Page
from webapp.review.history import EventLine
from webapp.review.reviews import Review


@dataclass(frozen=True)
class Move:
    """An event that put labels on other clusters, or took that back."""

    line: EventLine
    in_force: bool


@dataclass(frozen=True)
class ReclusteringsPage(Page):
    """The clusterings that a version could go over to, and what was taken of them."""

    template: ClassVar[str] = "reclusterings.html"
    review: Review
    candidates: Sequence[Candidate]
    moves: Sequence[Move]
    notice: EventLine | None


@dataclass(frozen=True)
class Taking:
    """What a category would take from the new clustering; the digit takes it."""

    key: str
    name: str
    colour: str
    digit: str
    labels: int
    coming: int
    fresh: int
    leaving: int
    instances: int
    sureness: float | None
    print: str


@dataclass(frozen=True)
class Losing:
    """A decision that no longer finds some of its labels, in words."""

    what: str
    found: int
    named: int


@dataclass(frozen=True)
class ReclusteringPage(Page):
    """What one clustering would change, and the forms that take it, whole or in portions."""

    template: ClassVar[str] = "reclustering.html"
    review: Review
    run: Run
    shift: Shift
    takings: Sequence[Taking]
    standing: int
    in_portions: bool
    groups: Sequence[GroupShift]
    moved: Sequence[MovedLabel]
    fresh: Sequence[LabelView]
    losing: Sequence[Losing]
    moves: Sequence[Move]
    notice: EventLine | None
