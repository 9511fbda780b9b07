"""Two annotators and an adjudicator that are asked a trace at a time, some traces at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from annotator.labeling.consensus import PanelResult, judged
from annotator.labeling.steps import (
    AdjudicationCase,
    Adjudicator,
    Annotator,
    CategoryView,
    TraceView,
)

Concurrently = Callable[
    [Callable[[TraceView], PanelResult], Iterable[TraceView]],
    Iterator[tuple[TraceView, PanelResult]],
]


@dataclass(frozen=True)
class ChatPanel:
    """Annotates each trace by A, by B, and by the adjudicator where rules 1 and 2 leave it open."""

    a: Annotator
    b: Annotator
    adjudicator: Adjudicator
    categories: tuple[CategoryView, ...]
    concurrently: Concurrently
    name: str = "panel"

    def annotate(self, trace: TraceView) -> PanelResult:
        """The panel's result for one trace."""
        return judged(
            self.a.annotate(trace, self.categories),
            self.b.annotate(trace, self.categories),
            [category.key for category in self.categories],
            lambda cases: self.adjudicator.adjudicate(trace, self.categories, cases),
        )

    def rehearse(self, trace: TraceView) -> PanelResult:
        """The same where replies are not there yet: the adjudicator is asked of every segment."""
        result = self.annotate(trace)
        if result.unanswered and result.adjudication is None:
            cases = [AdjudicationCase(n, n + 1, (), ()) for n in range(len(trace.segments))]
            self.adjudicator.adjudicate(trace, self.categories, cases)
        return result

    def annotate_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, PanelResult]]:
        """Annotate the traces; each is given once, as it is done."""
        return self.annotate_stream(traces)

    def annotate_stream(
        self, traces: Iterable[TraceView]
    ) -> Iterator[tuple[TraceView, PanelResult]]:
        """The same for traces without an end: they are drawn as they are needed."""
        return self.concurrently(self.annotate, traces)
