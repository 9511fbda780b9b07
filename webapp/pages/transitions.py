"""The pages of how reasoning moves: the matrices, two groups compared, the traces of a move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from webapp.pages.frame import Page
from webapp.pages.heatmap import HeatView


@dataclass(frozen=True)
class Choice:
    """What the address asks for: which run, from how far away, and how much is enough."""

    run_id: int | None
    level: str
    least: int
    of: str

    def parts(self) -> dict[str, str]:
        """As the address says it."""
        run = {"run": str(self.run_id)} if self.run_id is not None else {}
        return {**run, "level": self.level, "least": str(self.least), "of": self.of}


@dataclass(frozen=True)
class RunOption:
    """An annotate run that can be chosen, and what it is called."""

    id: int
    name: str


@dataclass(frozen=True)
class CellView:
    """A cell in words: the value, its interval, the moves behind it, and where they are."""

    target: str
    value: str
    interval: str
    moves: str
    address: str
    doubtful: bool
    beyond_chance: bool


@dataclass(frozen=True)
class RowView:
    """A row of a matrix: where a move leaves, how many do, and the cells."""

    state: str
    moves: float
    traces: float
    doubtful: bool
    cells: Sequence[CellView]


@dataclass(frozen=True)
class TableView:
    """A matrix in words."""

    name: str
    title: str
    unit: str
    states: Sequence[str]
    rows: Sequence[RowView]


@dataclass(frozen=True)
class RowBacking:
    """What the rows of a state rest on in each matrix: moves, effective traces, doubt."""

    state: str
    macro: str
    figures: Sequence[tuple[float, float, bool]]


@dataclass(frozen=True)
class TransitionsPage(Page):
    """How reasoning moves between categories."""

    template: ClassVar[str] = "transitions.html"
    choice: Choice
    runs: Sequence[RunOption]
    levels: Mapping[str, str]
    thresholds: Sequence[int]
    heatmaps: Sequence[tuple[HeatView, Markup]]
    table: TableView | None
    groups: Sequence[str]
    backings: Sequence[RowBacking]
    trace_counts: Mapping[str, int]
    polar: bool
    pending: bool
    graph: str
    files: Sequence[tuple[str, str]]
    problem: str


@dataclass(frozen=True)
class PassageRow:
    """A move of a trace that may be the base move of a cell."""

    trace_id: int
    external_id: str
    address: str
    place: str
    sets: tuple[Sequence[str], Sequence[str]]
    share: float


@dataclass(frozen=True)
class PassageList:
    """Some of the moves that may be the one of a cell, and how many there are and are expected."""

    rows: Sequence[PassageRow]
    total: int
    expected: float
    later: str


@dataclass(frozen=True)
class PassagesPage(Page):
    """The traces that hold a move."""

    template: ClassVar[str] = "passages.html"
    source: str
    target: str
    group: str
    groups: Sequence[tuple[str, str, bool]]  # a name, its address, whether it is shown
    origins: Sequence[tuple[str, str]]
    found: PassageList


@dataclass(frozen=True)
class CellChange:
    """A cell of the difference in words."""

    source: str
    target: str
    first: str
    second: str
    delta: str
    interval: str
    p_value: str
    beyond_chance: bool


@dataclass(frozen=True)
class Comparison:
    """How two groups differ, in words."""

    facts: Sequence[tuple[str, str]]
    rising: Sequence[CellChange]
    falling: Sequence[CellChange]
    graph: str
    heatmap: HeatView
    files: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ComparePage(Page):
    """Two groups of annotated traces compared."""

    template: ClassVar[str] = "transitions_compare.html"
    first: str
    second: str
    level: str
    levels: Mapping[str, str]
    options: Sequence[tuple[str, str]]
    evaluations: Sequence[tuple[str, str]]
    found: Comparison | None
    pending: bool
    problem: str
