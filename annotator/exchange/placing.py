"""What a source said of a trace, placed on its segments under the categories of a version."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from annotator.exchange.aliases import Aliases
from annotator.exchange.given import Given, NamedStep
from annotator.labeling.spans import MAX_LABELS, Placed, SpanError, find_offset, located, steps_of
from annotator.labeling.steps import ControlledStep, TraceView

SURE = 10.0  # what a person's label counts for where the file states no confidence


@dataclass
class Placing:
    """Places what files say; labels that are no category are left out and counted."""

    aliases: Aliases
    unknown: Counter[str] = field(default_factory=Counter)

    def placed(self, given: Given, trace: TraceView) -> Placed:
        """The steps that tile the trace's segments.

        Raises:
            SpanError: the text is another one, or a span or a step lies outside of it.
        """
        if given.steps is not None:
            return self._tiled(given.steps, trace)
        place = 0 if given.text is None else find_offset(given.text, trace.thinking)
        if place is None:
            raise SpanError(
                f"expected the thinking of {trace.external_id[:80]} as text, got another text"
            )
        spans = []
        for span in given.spans:
            start, end = located(span, trace.thinking, place)
            if key := self._category(span.label):
                sure = SURE if span.confidence is None else span.confidence
                spans.append((start, end, key, sure))
        return steps_of(spans, trace, self.aliases.order)

    def _tiled(self, steps: Iterable[NamedStep], trace: TraceView) -> Placed:
        """The steps as they are given, with steps of one segment where there was none."""
        tiled, place, crowded = list[ControlledStep](), 0, 0
        for step in sorted(steps, key=lambda each: each.first):
            if not place <= step.first < step.end <= len(trace.segments):
                raise SpanError(
                    f"expected steps that follow each other inside of {len(trace.segments)} "
                    f"segments, got {step.first} to {step.end}"
                )
            tiled += [ControlledStep(each, each + 1) for each in range(place, step.first)]
            labels, dropped = self._labels(step)
            tiled.append(ControlledStep(step.first, step.end, labels))
            place, crowded = step.end, crowded + dropped
        tiled += [ControlledStep(each, each + 1) for each in range(place, len(trace.segments))]
        return Placed(tuple(tiled), crowded)

    def _labels(self, step: NamedStep) -> tuple[tuple[tuple[str, float], ...], int]:
        sure: dict[str, float] = {}
        for label, confidence in step.labels:
            if key := self._category(label):
                given = SURE if confidence is None else confidence
                sure[key] = max(given, sure.get(key, given))
        place = self.aliases.order.index
        ranked = sorted(sure.items(), key=lambda item: (-item[1], place(item[0])))
        return tuple(ranked[:MAX_LABELS]), max(0, len(ranked) - MAX_LABELS)

    def _category(self, label: str) -> str | None:
        key = self.aliases.find(label)
        if key is None:
            self.unknown[label[:200]] += 1
        return key
