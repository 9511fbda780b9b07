"""The pages of what ran and what it read: overview, traces, transitions."""

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
