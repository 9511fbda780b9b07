"""Long traces in windows that overlap, and the windows' steps put together again.

A window is a run of neighbouring segments that fits into one request. Neighbouring windows share
some segments, so that a step at a border is seen whole by one of them; of what both say, each is
believed on its own side of the middle, where it has seen more of the surroundings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TypeVar

from annotator.labeling.steps import (
    Adjudication,
    AdjudicationCase,
    AnnotatedTrace,
    ControlledStep,
    LabeledTrace,
    Step,
    TraceView,
)

OVERLAP_SEGMENTS = 12
LEFT_OUT = "\n[the middle of this segment is left out]\n"
Labels = tuple[tuple[str, float], ...]
Result = TypeVar("Result", LabeledTrace, AnnotatedTrace)


@dataclass(frozen=True)
class Window:
    """Segments [first, end) go into one request; [keeps_first, keeps_end) are its to say."""

    first: int
    end: int
    keeps_first: int
    keeps_end: int


def windows(
    sizes: Sequence[int],
    max_segments: int,
    max_characters: int,
    overlap: int = OVERLAP_SEGMENTS,
) -> list[Window]:
    """Windows over segments of these sizes; what they keep tiles the segments.

    Raises:
        ValueError: one segment is larger than a window.
    """
    if max(sizes, default=0) > max_characters:
        raise ValueError(
            f"expected segments of at most {max_characters:,} characters, got {max(sizes):,}"
        )
    spans, first = list[tuple[int, int]](), 0
    while not spans or spans[-1][1] < len(sizes):
        end = _end(sizes, first, max_segments, max_characters)
        spans.append((first, end))
        # The next one begins inside this one, and always further on than this one did.
        first = max(end - min(overlap, (end - first) // 2), first + 1)
        first = _within(sizes, first, end, max_segments, max_characters)
    middles = [(right[0] + left[1] + 1) // 2 for left, right in pairwise(spans)]
    edges = [0, *middles, len(sizes)]
    return [Window(*span, *kept) for span, kept in zip(spans, pairwise(edges), strict=True)]


def _end(sizes: Sequence[int], first: int, max_segments: int, max_characters: int) -> int:
    end, total = first, 0
    while end < len(sizes) and end - first < max_segments and total + sizes[end] <= max_characters:
        total, end = total + sizes[end], end + 1
    return end


def _within(
    sizes: Sequence[int], first: int, end: int, max_segments: int, max_characters: int
) -> int:
    """The first start from which a window goes beyond `end`: overlap gives way to a large piece."""
    while first < end < len(sizes) and _end(sizes, first, max_segments, max_characters) <= end:
        first += 1
    return first


def shortened(trace: TraceView, max_characters: int) -> tuple[TraceView, tuple[str, ...]]:
    """The trace with the middle of each segment that fits into no request left out, and a note.

    Its segments keep their numbers, so that what is said of them holds for the whole ones.
    """
    long = {n: size for n, (a, b) in enumerate(trace.segments) if (size := b - a) > max_characters}
    if not long:
        return trace, ()
    texts = [_cut(text, max_characters) for text in trace.texts()]
    edges = list(accumulate(map(len, texts), initial=0))
    shown = replace(trace, thinking="".join(texts), segments=tuple(pairwise(edges)))
    notes = (f"segment {n} has {size:,} characters: the middle was left out"
             for n, size in long.items())  # fmt: skip
    return shown, tuple(notes)


def _cut(text: str, max_characters: int) -> str:
    if len(text) <= max_characters:
        return text
    kept = (max_characters - len(LEFT_OUT)) // 2
    return text[:kept] + LEFT_OUT + text[len(text) - kept :]


def part_of(trace: TraceView, window: Window) -> TraceView:
    """The trace as far as the window shows it."""
    spans = trace.segments[window.first : window.end]
    start = spans[0][0]
    return replace(
        trace,
        thinking=trace.thinking[start : spans[-1][1]],
        segments=tuple((first - start, end - start) for first, end in spans),
    )


def label_in_windows(
    trace: TraceView, parts: Sequence[Window], label: Callable[[TraceView], LabeledTrace]
) -> LabeledTrace:
    """The labels of a long trace, window by window; one that is invalid makes all invalid."""
    results, invalid = _each(trace, parts, label)
    steps = [s for w, r in zip(parts, results, strict=False) for s in _kept_steps(r.steps, w)]
    return _joined(LabeledTrace(() if invalid else tuple(steps), invalid), results, len(parts))


def annotate_in_windows(
    trace: TraceView, parts: Sequence[Window], annotate: Callable[[TraceView], AnnotatedTrace]
) -> AnnotatedTrace:
    """The same with controlled labels; a step that goes on across a border is one step."""
    results, invalid = _each(trace, parts, annotate)
    whole = list[ControlledStep]()
    for window, result in zip(parts, results, strict=False):
        for step in _kept_tiles(result.steps, window):
            meets = whole and whole[-1].end == step.first == window.keeps_first
            if meets and _goes_on(whole[-1], step):
                step = replace(whole.pop(), end=step.end)
            whole.append(step)
    given = [r.confidence for r in results if r.confidence is not None]
    confidence = sum(given) / len(given) if given else None
    found = AnnotatedTrace(() if invalid else tuple(whole), confidence, invalid)
    return _joined(found, results, len(parts))


def adjudicate_in_windows(
    trace: TraceView,
    parts: Sequence[Window],
    cases: Sequence[AdjudicationCase],
    adjudicate: Callable[[TraceView, Sequence[AdjudicationCase]], Adjudication],
) -> Adjudication:
    """Every case decided in the window that keeps its first segment, cut to what that shows."""
    labels, request_hash, unanswered = list[Labels](), None, None
    for number, window in enumerate(parts):
        its = [_shown(case, window) for case in cases if _keeps(window, case.first)]
        if not its:
            continue
        result = adjudicate(part_of(trace, window), its)
        request_hash, labels = result.request_hash, [*labels, *result.labels]
        if result.invalid is not None:
            reason = f"window {number + 1} of {len(parts)}: {result.invalid}"
            if request_hash is not None:
                return Adjudication((), reason, request_hash)
            unanswered = unanswered or reason
    if unanswered is not None:
        return Adjudication((), unanswered)
    return Adjudication(tuple(labels), None, request_hash)


def _keeps(window: Window, segment: int) -> bool:
    return window.keeps_first <= segment < window.keeps_end


def _shown(case: AdjudicationCase, window: Window) -> AdjudicationCase:
    first, end = case.first - window.first, min(case.end, window.end) - window.first
    return replace(case, first=first, end=end)


def _each(
    trace: TraceView, parts: Sequence[Window], ask: Callable[[TraceView], Result]
) -> tuple[list[Result], str | None]:
    """The result of each window, up to the first that is invalid, and why that one is.

    One that nobody answered does not stop the others: their replies are kept, and they are known
    before anything is sent where requests are only counted or gathered.
    """
    results, unanswered = list[Result](), None
    for number, window in enumerate(parts):
        results.append(ask(part_of(trace, window)))
        if results[-1].invalid is None:
            continue
        reason = f"window {number + 1} of {len(parts)}: {results[-1].invalid}"
        if results[-1].request_hash is not None:
            return results, reason
        unanswered = unanswered or reason
    return results, unanswered


def _joined(found: Result, results: Sequence[Result], count: int) -> Result:
    """With what was repaired in any; the last one's request stands for them, if all have one."""
    repairs: dict[str, None] = {}
    for result in results:
        repairs |= dict.fromkeys(result.repairs)
    answered = [r.request_hash for r in results]
    return replace(
        found,
        repairs=(*repairs, f"labelled in {count} windows"),
        request_hash=answered[-1] if all(answered) else None,
    )


def _kept_steps(steps: Sequence[Step], window: Window) -> list[Step]:
    moved = [
        replace(step, segments=tuple(n for n in (s + window.first for s in step.segments)
                                     if window.keeps_first <= n < window.keeps_end))
        for step in steps
    ]  # fmt: skip
    return [step for step in moved if step.segments]


def _kept_tiles(steps: Sequence[ControlledStep], window: Window) -> list[ControlledStep]:
    moved = [
        replace(step, first=max(step.first + window.first, window.keeps_first),
                end=min(step.end + window.first, window.keeps_end))
        for step in steps
    ]  # fmt: skip
    return [step for step in moved if step.first < step.end]


def _goes_on(left: ControlledStep, right: ControlledStep) -> bool:
    return {key for key, _ in left.labels} == {key for key, _ in right.labels} != set()
