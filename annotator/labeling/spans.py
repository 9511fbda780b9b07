"""Labelled spans of characters onto segments, and steps back into spans."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from annotator.labeling.steps import ControlledStep, TraceView

MAX_LABELS = 2
COVERED = 0.5
_BLANK = re.compile(r"\s+|\\n")  # some tools quote a span's text with its line breaks escaped

Labels = tuple[tuple[str, float], ...]


class SpanError(ValueError):
    """A span that lies outside of its text, or quotes another one."""


@dataclass(frozen=True)
class Span:
    """Characters [start, end) of a text with a label, and the text as the file quotes it."""

    start: int
    end: int
    label: str
    confidence: float | None = None
    quote: str | None = None


@dataclass(frozen=True)
class Placed:
    """What spans came to: steps that tile the segments, and how many labels found no room."""

    steps: tuple[ControlledStep, ...]
    crowded_out: int = 0


def find_offset(text: str, thinking: str) -> int | None:
    """Where the text that a tool showed begins in the thinking; None if it is another text."""
    if text == thinking:
        return 0
    place = thinking.find(text) if text.strip() else -1
    return place if place >= 0 and thinking.find(text, place + 1) < 0 else None


def located(span: Span, thinking: str, offset: int = 0) -> tuple[int, int]:
    """The span's characters in the thinking.

    Where the file quotes the text, the quote decides whether the span counts characters or UTF-16
    units, as tools in a browser once did; where both are wrong, for a text that was trimmed since,
    a quote that stands once in the thinking says where the span is.

    Raises:
        SpanError: nothing of this fits.
    """
    start, end = span.start + offset, span.end + offset
    if _fits(start, end, thinking) and _same(thinking[start:end], span.quote):
        return start, end
    units = _from_utf16(start, end, thinking) if span.quote is not None else None
    if units is not None and _same(thinking[slice(*units)], span.quote):
        return units
    quote = (span.quote or "").strip()
    place = thinking.find(quote) if quote else -1
    if place >= 0 and thinking.find(quote, place + 1) < 0:
        return place, place + len(quote)
    said = "" if span.quote is None else f" with the text {span.quote[:60]!r}"
    raise SpanError(
        f"expected a span inside of {len(thinking)} characters{said}, "
        f"got {span.start} to {span.end}"
    )


def _fits(start: int, end: int, thinking: str) -> bool:
    return 0 <= start < end <= len(thinking)


def _same(text: str, quote: str | None) -> bool:
    return quote is None or _BLANK.sub("", text) == _BLANK.sub("", quote)


def _from_utf16(start: int, end: int, thinking: str) -> tuple[int, int] | None:
    units = thinking.encode("utf-16-le")
    if not 0 <= start < end <= len(units) // 2:
        return None
    try:
        before, inside = units[: 2 * start].decode("utf-16-le"), units[2 * start : 2 * end]
        return len(before), len(before) + len(inside.decode("utf-16-le"))
    except UnicodeDecodeError:
        return None


def steps_of(
    spans: Sequence[tuple[int, int, str, float]], trace: TraceView, order: Sequence[str]
) -> Placed:
    """The steps that spans (start, end, category, confidence) make of a trace.

    A segment takes a span's label where at least half of the shorter of the two is shared, blank
    characters apart. Neighbouring segments that take the same spans are one step, every other
    segment is its own. Of more than two labels the two with the most shared characters stay, ties
    by `order`.

    Identity: the steps tile the segments.
    """
    taken = _taken(spans, trace)
    steps, crowded, first = list[ControlledStep](), 0, 0
    for covering, run in groupby(taken, key=lambda shares: frozenset(shares)):
        count = len(list(run))
        pieces = [(first, first + count)] if covering else _singles(first, count)
        for begin, end in pieces:
            labels, dropped = _labels(spans, taken[begin:end], order)
            steps.append(ControlledStep(begin, end, labels))
            crowded += dropped
        first += count
    return Placed(tuple(steps), crowded)


def _singles(first: int, count: int) -> list[tuple[int, int]]:
    return [(place, place + 1) for place in range(first, first + count)]


def _taken(spans: Sequence[tuple[int, int, str, float]], trace: TraceView) -> list[dict[int, int]]:
    """The spans that each segment takes, by their place, with the characters that are shared."""
    inked = [0, *accumulate(not character.isspace() for character in trace.thinking)]
    starts = [start for start, _ in trace.segments]
    taken: list[dict[int, int]] = [{} for _ in starts]
    for place, (first, last, _, _) in enumerate(spans):
        for number in range(max(0, bisect_right(starts, first) - 1), bisect_left(starts, last)):
            start, end = trace.segments[number]
            shared = inked[max(start, min(last, end))] - inked[min(end, max(first, start))]
            shorter = min(inked[end] - inked[start], inked[last] - inked[first])
            if shared > 0 and shared >= COVERED * shorter:
                taken[number][place] = shared
    return taken


def _labels(
    spans: Sequence[tuple[int, int, str, float]],
    taken: Sequence[Mapping[int, int]],
    order: Sequence[str],
) -> tuple[Labels, int]:
    """The two labels with the most shared characters, the surest first, and how many more."""
    shared, sure = defaultdict[str, int](int), dict[str, float]()
    for segment in taken:
        for place, characters in segment.items():
            _, _, key, confidence = spans[place]
            shared[key] += characters
            sure[key] = max(confidence, sure.get(key, confidence))
    places = {key: place for place, key in enumerate(order)}
    kept = sorted(shared, key=lambda key: (-shared[key], places[key]))[:MAX_LABELS]
    kept.sort(key=lambda key: (-sure[key], places[key]))
    return tuple((key, sure[key]) for key in kept), len(shared) - len(kept)


def step_extent(trace: TraceView, step: ControlledStep) -> tuple[int, int]:
    """The characters of a step, without the blank ones at its ends."""
    start, end = trace.segments[step.first][0], trace.segments[step.end - 1][1]
    text = trace.thinking[start:end]
    return start + len(text) - len(text.lstrip()), start + len(text.rstrip())


def spans_of(trace: TraceView, steps: Sequence[ControlledStep]) -> list[Span]:
    """A span for every label of every step.

    Identity: `steps_of` gives the labels of every segment back.
    """
    spans = []
    for step in steps:
        start, end = step_extent(trace, step)
        text = trace.thinking[start:end]
        spans += [Span(start, end, key, confidence, text) for key, confidence in step.labels]
    return spans
