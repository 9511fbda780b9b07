"""The overview, and the pages of what its numbers count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from webapp.pages.frame import Page
from webapp.pages.heatmap import HeatView
from webapp.pages.studies import FigureRow
from webapp.queries.progress import Progress


@dataclass(frozen=True, slots=True)
class Counted:
    """A number with what it counts, and the address that shows just that."""

    text: str
    unit: str
    address: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the pipeline: its first number, and what else there is to say of it."""

    name: str
    address: str
    state: str  # empty, active or done
    head: Counted
    more: Sequence[Counted] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that waits: for the visitor, else for whom it says."""

    who: str
    count: Counted
    own: bool


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do first: a command to run, or a page to open."""

    what: str
    command: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class CostLine:
    """What the runs of a kind took; the last line is all of them."""

    name: str
    runs: Counted
    tokens: Counted
    usd: Counted
    time: Counted
    under_way: int


@dataclass(frozen=True)
class OverviewPage(Page):
    """The pipeline from left to right, what waits for whom, and what it cost."""

    template: ClassVar[str] = "overview.html"
    stages: Sequence[Stage]
    pending: bool  # figures are being worked out
    step: NextStep | None
    own: Sequence[Errand]
    others: Sequence[Errand]
    studies: Sequence[Progress]
    costs: Sequence[CostLine]


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a row, and where it leads."""

    text: str
    address: str = ""
    number: bool = False


@dataclass(frozen=True)
class CountPage(Page):
    """What a number of the overview counts, row by row."""

    template: ClassVar[str] = "count.html"
    title: str
    lead: str
    totals: Sequence[tuple[str, str]]  # a number, and what it counts
    columns: Sequence[tuple[str, bool]]  # a name, and whether numbers stand under it
    rows: Sequence[Sequence[Cell]]
    empty: str
    later: str
    command: str


@dataclass(frozen=True)
class AccordancePage(Page):
    """How far the two annotators of a run agree."""

    template: ClassVar[str] = "accordance.html"
    run_id: int | None  # without one nothing was annotated by two
    a: str
    b: str
    units: int
    traces: int
    over: Sequence[str]
    rows: Sequence[FigureRow]  # empty while they are being worked out
    confusions: Sequence[HeatView]
    command: str
