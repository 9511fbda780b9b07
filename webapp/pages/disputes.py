"""The pages on which reviewers' verdicts meet: disagreements, and how a version is reviewed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.tables import TaxonomyVersion
from store.verdicts import Rules
from taxonomy.review.curation import CategoryView, LabelView
from webapp.accord import Accord
from webapp.history import EventLine
from webapp.pages.frame import Page
from webapp.queries.examples import Example
from webapp.reviews import Review


@dataclass(frozen=True)
class SideView:
    """A choice, and who made it; the first nine choices have a digit."""

    value: str  # as the form sends it
    name: str
    category: CategoryView | None
    people: Sequence[str]


@dataclass(frozen=True)
class Option:
    """Something that the curator may decide."""

    value: str
    name: str
    category: CategoryView | None
    digit: str
    people: int


@dataclass(frozen=True)
class DisputeView:
    """Labels on which the same people differ in the same way."""

    name: str
    anchor: str
    labels: Sequence[LabelView]
    instances: int
    sides: Sequence[SideView]
    taken_back: bool  # all agree, and somebody undid the decision


@dataclass(frozen=True)
class DisagreementsPage(Page):
    """Where reviewers differ: one dispute to decide, the others in a list, and figures."""

    template: ClassVar[str] = "disagreements.html"
    review: Review
    disputes: Sequence[DisputeView]
    place: int
    options: Sequence[Option]
    examples: Sequence[Example]
    accord: Accord
    notice: EventLine | None


@dataclass(frozen=True)
class GuidelinesPage(Page):
    """How to decide, in the curator's words; and how many must agree."""

    template: ClassVar[str] = "guidelines.html"
    version: TaxonomyVersion
    rules: Rules
    may_change: bool
    saved: bool
