"""The page with the map of all labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from taxonomy.review.curation import CategoryView, Group, LabelView
from webapp.pages.frame import Page
from webapp.review.history import EventLine
from webapp.review.reviews import Review


@dataclass(frozen=True)
class MapRow:
    """A label and the cluster that it is in."""

    label: LabelView
    group: Group | None


@dataclass(frozen=True)
class MapPage(Page):
    """The labels as a map, and as a list to tick."""

    template: ClassVar[str] = "label_map.html"
    review: Review
    rows: Sequence[MapRow]
    found: int
    labels: int
    words: str
    where: str
    page: int
    earlier: str
    later: str
    moves: Sequence[tuple[str, CategoryView]]
    notice: EventLine | None
