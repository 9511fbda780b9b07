"""Annotate with a distilled head: sure labels stand, unsure ones are kept apart or sent on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from annotator.distillation.head import Head, HeadError
from annotator.embedded.evidence import Embed, read_segments
from annotator.labeling.consensus import Decision, PanelResult, Rule
from annotator.labeling.orders import names_of
from annotator.labeling.steps import AnnotatedTrace, CategoryView, ControlledStep, TraceView
from annotator.labeling.windows import Window, annotate_in_windows

TRACES_AT_ONCE = 64
CONTEXT = 2  # segments before and after an unsure one that are sent with it

Labels = tuple[tuple[str, float], ...]
Annotate = Callable[[TraceView], AnnotatedTrace]
Concurrently = Callable[
    [Callable[[TraceView], PanelResult], Sequence[TraceView]],
    Iterator[tuple[TraceView, PanelResult]],
]


class DistilledPanel:
    """One annotator, the head; a second one where it is asked what the head is not sure of.

    A's steps have what the head says, however unsure. What is settled has the labels of a step
    whose first label is sure enough; another one has none and the rule `abstained`, or what the
    second annotator says and the rule `escalated`.
    """

    def __init__(
        self,
        embed: Embed,
        head: Head,
        categories: Sequence[CategoryView],
        abstain_below: float = 0.0,
        escalate: Annotate | None = None,
        concurrently: Concurrently | None = None,
    ) -> None:
        keys = {category.key for category in categories}
        if set(head.keys) != keys:
            raise HeadError(
                f"expected a head for the categories {sorted(keys)}, got one for "
                f"{sorted(head.keys)}; distill one from labels of this version"
            )
        self.embed, self.head, self.abstain_below = embed, head, abstain_below
        self.escalate, self.concurrently = escalate, concurrently
        self.names = names_of(categories)
        rest = f", abstains below {abstain_below:g}" if abstain_below else ""
        self.name = f"distilled-{head.sha256[:12]}{rest}"

    def annotate_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, PanelResult]]:
        """Annotate the traces; each is given once, those that are sent on as they come back."""
        for start in range(0, len(traces), TRACES_AT_ONCE):
            done = self._batch(traces[start : start + TRACES_AT_ONCE])
            unsure = {trace.id for trace, result in done if self.escalate and abstained(result)}
            yield from ((trace, result) for trace, result in done if trace.id not in unsure)
            asked = {trace.id: result for trace, result in done if trace.id in unsure}

            def ask(trace: TraceView, known: Mapping[int, PanelResult] = asked) -> PanelResult:
                return self._asked(trace, known[trace.id])

            sent = [trace for trace, _ in done if trace.id in unsure]
            yield from self._sent_on(ask, sent)

    def annotate(self, trace: TraceView) -> PanelResult:
        """The result for one trace."""
        return next(result for _, result in self.annotate_all([trace]))

    def _sent_on(
        self, ask: Callable[[TraceView], PanelResult], traces: Sequence[TraceView]
    ) -> Iterator[tuple[TraceView, PanelResult]]:
        if self.concurrently is not None:
            return self.concurrently(ask, traces)
        return ((trace, ask(trace)) for trace in traces)

    def _batch(self, traces: Sequence[TraceView]) -> list[tuple[TraceView, PanelResult]]:
        texts = [trace.texts() for trace in traces]
        read = read_segments(self.embed, texts, self.names)
        labels = self.head.labels(read, [text for each in texts for text in each])
        edges = [0]
        for each in texts:
            edges.append(edges[-1] + len(each))
        return [
            (trace, self._result(labels[first:end]))
            for trace, (first, end) in zip(traces, pairwise(edges), strict=True)
        ]

    def _result(self, labels: Sequence[Labels]) -> PanelResult:
        if not labels:
            nothing = AnnotatedTrace((), invalid="the trace has no segments")
            return PanelResult(nothing, None, invalid=nothing.invalid)
        steps = self._steps(labels)
        surest = [each[0][1] for each in labels if each]
        mean = round(sum(surest) / len(surest), 1) if surest else 0.0
        return PanelResult(AnnotatedTrace(steps, mean), None, tuple(map(self._decided, steps)))

    def _steps(self, labels: Sequence[Labels]) -> tuple[ControlledStep, ...]:
        """A step a segment; neighbours with the same labels are one if they were to the teacher."""
        steps: list[ControlledStep] = []
        for segment, given in enumerate(labels):
            before = steps[-1] if steps else None
            if before and self.head.joins_steps and _same(before.labels, given):
                steps[-1] = _longer(before, given)
            else:
                steps.append(ControlledStep(segment, segment + 1, given))
        return tuple(steps)

    def _decided(self, step: ControlledStep) -> Decision:
        if step.labels and step.labels[0][1] < self.abstain_below:
            return Decision(step.first, step.end, (), Rule.ABSTAINED)
        return Decision(step.first, step.end, step.labels, Rule.DISTILLED)

    def _asked(self, trace: TraceView, result: PanelResult) -> PanelResult:
        """The second annotator's labels where the head abstained; its other labels are kept too."""
        if self.escalate is None:
            return result
        given = annotate_in_windows(trace, unsure_windows(result.decisions), self.escalate)
        if given.invalid is not None:
            return replace(result, b=given, invalid=f"annotator_b: {given.invalid}")
        decisions = tuple(_settled(decision, given.steps) for decision in result.decisions)
        return replace(result, b=given, decisions=decisions)


def _same(left: Labels, right: Labels) -> bool:
    return bool(left) and {key for key, _ in left} == {key for key, _ in right}


def _longer(step: ControlledStep, given: Labels) -> ControlledStep:
    """The step with one more segment, its confidences the mean over all of them."""
    size, added = step.end - step.first, dict(given)
    mean = ((key, round((sure * size + added[key]) / (size + 1), 2)) for key, sure in step.labels)
    return ControlledStep(step.first, step.end + 1, tuple(sorted(mean, key=lambda each: -each[1])))


def abstained(result: PanelResult) -> int:
    """On how many segments the head was not sure."""
    return sum(d.end - d.first for d in result.decisions if d.rule == Rule.ABSTAINED)


def unsure_windows(decisions: Sequence[Decision]) -> list[Window]:
    """What shows each unsure segment with its neighbours; windows that meet are one."""
    total = decisions[-1].end if decisions else 0
    spans: list[tuple[int, int]] = []
    for unit in decisions:
        if unit.rule == Rule.ABSTAINED:
            first, end = max(unit.first - CONTEXT, 0), min(unit.end + CONTEXT, total)
            if spans and first <= spans[-1][1]:
                first, _ = spans.pop()
            spans.append((first, end))
    return [Window(first, end, first, end) for first, end in spans]


def _settled(decision: Decision, steps: Sequence[ControlledStep]) -> Decision:
    if decision.rule != Rule.ABSTAINED:
        return decision
    labels = next(s.labels for s in steps if s.first <= decision.first < s.end)
    return replace(decision, labels=labels, rule=Rule.ESCALATED)
