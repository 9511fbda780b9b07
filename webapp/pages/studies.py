"""The pages of studies: the list, one study with its figures, and a trace to label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from store.study_tables import Study
from webapp.pages.frame import Page
from webapp.pages.heatmap import HeatView
from webapp.queries.traces import TraceHead

if TYPE_CHECKING:
    from alignment.transitions.induced import Distance
    from annotator.agreement.coefficients import Figure


@dataclass(frozen=True)
class StudyRow:
    """A line of the list; whoever labels blind sees their own progress only."""

    study: Study
    version: str
    traces: int
    finished: int
    total: int
    own: bool  # whether the figures are the visitor's own


@dataclass(frozen=True)
class StudiesPage(Page):
    """The studies, and for a curator the form that makes one."""

    template: ClassVar[str] = "studies.html"
    rows: Sequence[StudyRow]
    may_create: bool
    people: Sequence[str]
    versions: Sequence[str]
    facets: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class FigureRow:
    """A figure over categories and over macro-strategies."""

    name: str
    over: "Sequence[Figure]"


@dataclass(frozen=True)
class Comparison:
    """The figures of two people, as far as both have labelled."""

    a: str
    b: str
    units: int
    traces: int
    rows: Sequence[FigureRow]
    distances: "Sequence[Distance]"
    pending: bool
    confusions: Sequence[HeatView]
    command: str


@dataclass(frozen=True)
class ProgressLine:
    """How far somebody is, or all of them: (finished, of how many) a stratum, and in all."""

    name: str
    shares: Sequence[tuple[int, int]]
    finished: int
    traces: int
    all: bool = False


@dataclass(frozen=True)
class StudyPage(Page):
    """One study: how far it is, and what its labels say once one may know."""

    template: ClassVar[str] = "study.html"
    study: Study
    version: str
    strata: Sequence[str]
    progress: Sequence[ProgressLine]
    blind: bool  # the visitor still labels, and sees nothing of the others
    left: int  # traces that the visitor has to label
    pairs: Sequence[tuple[str, str, bool]]  # two names, and whether they are shown
    comparison: Comparison | None
    adjudicates: bool
    unsettled: int
    settled: int
    traces: int


@dataclass(frozen=True)
class PaletteKey:
    """A category with its key."""

    key: str
    name: str
    macro_strategy: str
    definition: str
    letter: str
    colour: str


@dataclass(frozen=True)
class Offer:
    """Labels that can be taken as they are: a proposal, or what one person said."""

    name: str
    digit: str
    labels: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Card:
    """A segment to label, or one that only gives context."""

    position: int
    text: str
    hidden_characters: int
    open: bool
    saved: Sequence[tuple[str, float]] | None
    offers: Sequence[Offer]
    state: str  # what the script starts from, as JSON


@dataclass(frozen=True)
class LabelPage(Page):
    """A whole trace to label, or to adjudicate."""

    template: ClassVar[str] = "label.html"
    study: Study
    trace: TraceHead
    cards: Sequence[Card]
    palette: Sequence[PaletteKey]
    by_key: Mapping[str, PaletteKey]
    address: str
    onward: str  # the next trace
    place: str
    adjudicating: bool
    finished: bool
    may_reopen: bool
    default_confidence: int
