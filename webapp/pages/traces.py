"""The pages of traces: the list that is searched, one trace, and where a weight comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from webapp.pages.frame import Page
from webapp.queries.traces import Pairing, TraceHead, TraceRow
from webapp.traces.excerpts import Excerpt, Piece
from webapp.traces.trace_view import Bar, SegmentView, Step


@dataclass(frozen=True)
class Choice:
    """Something that can be chosen, and whether it is."""

    value: str
    text: str
    chosen: bool


@dataclass(frozen=True)
class Select:
    """A choice of one, with its name in the address and on the page."""

    name: str
    label: str
    choices: Sequence[Choice]


@dataclass(frozen=True)
class TraceLine:
    """A trace of the list, with what was looked for marked."""

    row: TraceRow
    question: Sequence[Piece]
    excerpt: Excerpt | None


@dataclass(frozen=True)
class TracesPage(Page):
    """The traces that a search and its filters find."""

    template: ClassVar[str] = "traces.html"
    lines: Sequence[TraceLine]
    words: str
    selects: Sequence[Select]
    labelled: Sequence[Select]  # the filters about labels, which need a run
    filtered: bool
    notes: Sequence[str]
    total: int | None
    most: int
    order: str
    first: str
    later: str


@dataclass(frozen=True)
class TracePage(Page):
    """One trace: question, gold, answer, and the thinking piece by piece."""

    template: ClassVar[str] = "trace.html"
    trace: TraceHead
    answer: Sequence[Piece]
    pairing: Pairing | None
    segments: Sequence[SegmentView]
    bar: Bar | None
    selects: Sequence[Select]
    weighted: bool
    modes: Mapping[str, str]  # the address of each way to colour
    steps: Sequence[Step]
    colours: Mapping[str, str]
    weight_note: str
    later: str


@dataclass(frozen=True)
class Neighbour:
    """A unit beside the one that is explained."""

    address: str
    first_segment: int
    weight: float


@dataclass(frozen=True)
class CategoryMark:
    """A category as people know it, in its colour."""

    name: str
    colour: str


@dataclass(frozen=True)
class WeightPage(Page):
    """Everything that made one weight, from the number down to prompts and decisions."""

    template: ClassVar[str] = "weight.html"
    found: Mapping[str, Any]  # what `mralign explain-weight --format json` says
    trace_id: int
    segment: int
    colour: str
    categories: Mapping[str, CategoryMark]
    before: Neighbour | None
    after: Neighbour | None
    command: str
