"""The pages of what ran and what it read: overview and traces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from webapp.pages.frame import Page
from webapp.queries.traces import Pairing, SegmentText, TraceHead, TraceRow


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline with its figures."""

    name: str
    address: str
    figure: int
    unit: str
    notes: Sequence[str]
    command: str


@dataclass(frozen=True)
class OverviewPage(Page):
    """The pipeline from left to right."""

    template: ClassVar[str] = "overview.html"
    stages: Sequence[Stage]
    next_step: str


@dataclass(frozen=True)
class TracesPage(Page):
    """The traces as a list."""

    template: ClassVar[str] = "traces.html"
    rows: Sequence[TraceRow]
    words: str
    polarity: str
    later: str


@dataclass(frozen=True)
class TracePage(Page):
    """One trace: question, gold, answer, and the thinking piece by piece."""

    template: ClassVar[str] = "trace.html"
    trace: TraceHead
    pairing: Pairing | None
    segments: Sequence[SegmentText]
    colours: Mapping[str, str]
    later: str
