"""What a labeler and an annotator see of a trace, and what they give back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class TraceView:
    """A trace as a labeler sees it; spans are half-open and tile the thinking part."""

    id: int
    external_id: str
    question: str
    gold_answers: tuple[str, ...]
    thinking: str
    segments: tuple[tuple[int, int], ...]

    def texts(self) -> list[str]:
        """The text of every segment, in order."""
        return [self.thinking[start:end] for start, end in self.segments]


@dataclass(frozen=True)
class CategoryView:
    """A category of a frozen version; the order of a taxonomy's categories breaks ties."""

    key: str
    name: str
    definition: str
    macro_strategy: str = ""
    scope_note: str = ""
    examples: tuple[str, ...] = ()
    known_labels: tuple[str, ...] = ()  # open labels that the version puts into this category


@dataclass(frozen=True)
class GivenLabel:
    """An open label as a labeler gave it: evidence from 0 to 10, and its own words for it."""

    text: str
    confidence: float
    definition: str | None = None


@dataclass(frozen=True)
class Step:
    """The 0-based segments that one labeler's step covers, and its one or two open labels."""

    segments: tuple[int, ...]
    labels: tuple[GivenLabel, ...]


@dataclass(frozen=True)
class LabeledTrace:
    """What a labeler made of a trace; `invalid` says why its steps cannot be used."""

    steps: tuple[Step, ...]
    invalid: str | None = None
    repairs: tuple[str, ...] = ()
    request_hash: str | None = None


@dataclass(frozen=True)
class ControlledStep:
    """Segments [first, end) with 0 to 2 category keys and their confidence from 0 to 10."""

    first: int
    end: int
    labels: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class AnnotatedTrace:
    """What an annotator made of a trace: steps that tile its segments."""

    steps: tuple[ControlledStep, ...]
    confidence: float | None = None  # overall, for the trace
    invalid: str | None = None
    repairs: tuple[str, ...] = ()
    request_hash: str | None = None


@dataclass(frozen=True)
class AdjudicationCase:
    """A unit on which two annotators differ: segments [first, end) and what each side said."""

    first: int
    end: int
    a: tuple[tuple[str, float], ...]
    b: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Adjudication:
    """The adjudicator's labels, one tuple a case, in the order of the cases."""

    labels: tuple[tuple[tuple[str, float], ...], ...]
    invalid: str | None = None
    request_hash: str | None = None


class OpenLabeler(Protocol):
    """Gives open labels, one trace at a time; a trace that cannot be labelled is invalid."""

    @property
    def name(self) -> str:
        """Who it is, as the run says it."""

    def label(self, trace: TraceView) -> LabeledTrace:
        """Label one trace."""


class BatchLabeler(Protocol):
    """Gives open labels to many traces, in the order in which they are done."""

    @property
    def name(self) -> str:
        """Who it is, as the run says it."""

    def label_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, LabeledTrace]]:
        """Label the traces; each is given once."""


class Annotator(Protocol):
    """Gives controlled labels, one trace at a time."""

    @property
    def name(self) -> str:
        """Who it is, as the run says it."""

    def annotate(self, trace: TraceView, categories: Sequence[CategoryView]) -> AnnotatedTrace:
        """Annotate one trace with the categories of a frozen version."""


class Adjudicator(Protocol):
    """Decides where two annotators differ and their rules leave fewer than two labels."""

    @property
    def name(self) -> str:
        """Who it is, as the run says it."""

    def adjudicate(
        self,
        trace: TraceView,
        categories: Sequence[CategoryView],
        cases: Sequence[AdjudicationCase],
    ) -> Adjudication:
        """Decide the cases of one trace, all in one go."""
