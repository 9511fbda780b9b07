"""The pages of what ran and what it read: traces, transitions, runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.tables import Run
from webapp.pages.frame import Page
from webapp.queries.runs import ExportRow, RunRow, Training


@dataclass(frozen=True)
class MatrixImage:
    """A matrix as an image, and what it shows in words."""

    name: str
    title: str
    address: str
    states: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class TransitionsPage(Page):
    """How reasoning moves between categories."""

    template: ClassVar[str] = "transitions.html"
    images: Sequence[MatrixImage]
    annotate_run_id: int | None
    trace_counts: Mapping[str, int]
    problem: str


@dataclass(frozen=True)
class RunsPage(Page):
    """What ran."""

    template: ClassVar[str] = "runs.html"
    rows: Sequence[RunRow]
    kind: str
    kinds: Sequence[str]
    later: str


@dataclass(frozen=True)
class RunPage(Page):
    """One run, with all that is needed to repeat it."""

    template: ClassVar[str] = "run.html"
    run: Run
    command: str
    parameters: Sequence[tuple[str, str]]
    metrics: Sequence[tuple[str, str]]
    training: Training | None
    losses: Sequence[tuple[str, str]]
    export: ExportRow | None
