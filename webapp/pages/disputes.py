"""The pages on which what reviewers say meets: disagreements, and how a version is reviewed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.tables import TaxonomyVersion
from store.verdicts import Rules
from taxonomy.review.curation import CategoryView, Group, LabelView
from webapp.pages.frame import Page
from webapp.queries.examples import Example
from webapp.review.accord import Accord
from webapp.review.history import EventLine
from webapp.review.reviews import Review


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
class Text:
    """A text of a category: as it reads, and as somebody would have it."""

    name: str
    now: str
    then: str


@dataclass(frozen=True)
class ChangeView:
    """A change that people suggested; `value` is how the form sends it, "" if it cannot be made."""

    value: str
    what: str
    digit: str
    people: Sequence[str]
    changes: Sequence[str]  # what became of its subject since
    labels: Sequence[LabelView]
    texts: Sequence[Text]
    what_if: str


@dataclass(frozen=True)
class MatterView:
    """Changes that exclude each other, with the clusters that they are about, as they are now."""

    number: int  # of its oldest suggestion
    title: str
    acts: Sequence[int]
    changes: Sequence[ChangeView]
    groups: Sequence[Group]

    @property
    def lost(self) -> str:
        """Why none of it can be done any more; empty where something can."""
        if any(change.value for change in self.changes):
            return ""
        return "; ".join(self.changes[0].changes) or "it cannot be done any more"


@dataclass(frozen=True)
class DisagreementsPage(Page):
    """What waits for the curator: one thing to decide, the others in a list, and figures.

    Suggestions come before disputes, since they change what disputes are about; `place` counts
    through both.
    """

    template: ClassVar[str] = "disagreements.html"
    review: Review
    matters: Sequence[MatterView]
    disputes: Sequence[DisputeView]
    reviewers: int
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
