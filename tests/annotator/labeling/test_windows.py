"""Long traces in windows: everything is said once, by the window that saw the most around it."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labeling.steps import (
    Adjudication,
    AdjudicationCase,
    AnnotatedTrace,
    ControlledStep,
    GivenLabel,
    LabeledTrace,
    Step,
    TraceView,
)
from annotator.labeling.windows import (
    adjudicate_in_windows,
    annotate_in_windows,
    label_in_windows,
    part_of,
    shortened,
    windows,
)

SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=80)


def trace_of(count: int) -> TraceView:
    """A trace of numbered pieces."""
    pieces = [f"piece {n:03}\n" for n in range(count)]
    spans = tuple((n * 10, n * 10 + 10) for n in range(count))
    return TraceView(1, "t", "?", (), "".join(pieces), spans)


def numbers(part: TraceView) -> list[int]:
    """Which pieces a window shows."""
    return [int(text.split()[1]) for text in part.texts()]


@given(SIZES, st.integers(1, 20), st.integers(30, 90), st.integers(0, 15))
def test_what_windows_keep_tiles_the_segments_and_each_fits(
    sizes: list[int], most: int, characters: int, overlap: int
) -> None:
    parts = windows(sizes, most, characters, overlap)
    kept = [n for w in parts for n in range(w.keeps_first, w.keeps_end)]
    assert kept == list(range(len(sizes)))
    for window in parts:
        assert window.first <= window.keeps_first < window.keeps_end <= window.end
        assert window.end - window.first <= most
        assert sum(sizes[window.first : window.end]) <= characters
    for left, right in pairwise(parts):
        assert left.first < right.first <= left.end < right.end


def test_a_trace_that_fits_is_one_window_and_neighbours_overlap() -> None:
    assert len(windows([1] * 100, 100, 100)) == 1
    first, second = windows([1] * 101, 100, 1000)
    assert (first.end - second.first, first.keeps_end) == (12, 94)


def test_a_segment_beyond_any_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 10 characters, got 11"):
        windows([1, 11], 5, 10)


def test_open_labels_come_from_the_window_that_keeps_the_segment() -> None:
    trace, parts = trace_of(25), windows([10] * 25, 10, 1000, 4)

    def label(part: TraceView) -> LabeledTrace:
        steps = tuple(
            Step((n,), (GivenLabel(f"{number} of {numbers(part)[0]}", 5),))
            for n, number in enumerate(numbers(part))
        )
        return LabeledTrace(steps, request_hash=f"h{numbers(part)[0]}")

    found = label_in_windows(trace, parts, label)
    said = {step.segments: step.labels[0].text for step in found.steps}
    assert said == {
        (n,): f"{n} of {w.first}" for w in parts for n in range(w.keeps_first, w.keeps_end)
    }
    assert found.invalid is None
    assert f"labelled in {len(parts)} windows" in found.repairs


def test_a_step_with_a_border_inside_is_one_step_again() -> None:
    trace, parts = trace_of(25), windows([10] * 25, 10, 1000, 4)

    def annotate(part: TraceView) -> AnnotatedTrace:
        return AnnotatedTrace(
            (ControlledStep(0, len(part.segments), (("framing", 8.0),)),), 6.0, request_hash="h"
        )

    found = annotate_in_windows(trace, parts, annotate)
    assert found.steps == (ControlledStep(0, 25, (("framing", 8.0),)),)
    assert found.confidence == 6.0


@given(st.integers(11, 60), st.lists(st.integers(1, 59), max_size=20))
def test_joined_tiles_tile_the_trace(count: int, cuts: list[int]) -> None:
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    label_of = {n: f"c{sum(edge <= n for edge in edges)}" for n in range(count)}

    def annotate(part: TraceView) -> AnnotatedTrace:
        keys = [label_of[n] for n in numbers(part)]
        ends = [n for n in range(1, len(keys)) if keys[n] != keys[n - 1]]
        spans = pairwise([0, *ends, len(keys)])
        return AnnotatedTrace(tuple(ControlledStep(a, b, ((keys[a], 5.0),)) for a, b in spans))

    found = annotate_in_windows(trace_of(count), windows([10] * count, 10, 1000, 4), annotate)
    assert [(step.first, step.end) for step in found.steps] == list(pairwise(edges))


def test_one_invalid_window_makes_the_trace_invalid_and_stops_it() -> None:
    trace, parts = trace_of(25), windows([10] * 25, 10, 1000, 4)
    asked = list[int]()

    def label(part: TraceView) -> LabeledTrace:
        asked.append(numbers(part)[0])
        bad = "no JSON" if len(asked) == 2 else None
        return LabeledTrace((Step((0,), (GivenLabel("x", 1),)),), bad, request_hash="h")

    found = label_in_windows(trace, parts, label)
    assert (found.steps, found.request_hash, len(asked)) == ((), "h", 2)
    assert found.invalid == f"window 2 of {len(parts)}: no JSON"


def test_a_window_that_nobody_answers_does_not_keep_the_others_from_being_asked() -> None:
    """So that a dry run counts all of them, and a batch holds all of them."""
    trace, parts = trace_of(25), windows([10] * 25, 10, 1000, 4)
    asked = list[int]()

    def label(part: TraceView) -> LabeledTrace:
        asked.append(numbers(part)[0])
        return LabeledTrace((), "not sent")

    found = label_in_windows(trace, parts, label)
    assert (found.request_hash, len(asked)) == (None, len(parts))
    assert found.invalid == f"window 1 of {len(parts)}: not sent"

    def adjudicate(part: TraceView, its: list[AdjudicationCase]) -> Adjudication:
        asked.append(numbers(part)[0])
        return Adjudication((), "not sent")

    cases = [AdjudicationCase(n, n + 1, (), ()) for n in range(25)]
    decided = adjudicate_in_windows(trace, parts, cases, adjudicate)  # type: ignore[arg-type]
    assert (decided.request_hash, len(asked)) == (None, 2 * len(parts))
    assert "not sent" in (decided.invalid or "")


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6), st.integers(60, 70))
def test_a_shortened_trace_has_the_same_segments_and_each_fits(texts: list[str], most: int) -> None:
    edges = list(accumulate(map(len, texts), initial=0))
    whole = TraceView(1, "t", "q", (), "".join(texts), tuple(pairwise(edges)))
    shown, notes = shortened(whole, most)
    assert len(shown.segments) == len(texts)
    for before, after in zip(texts, shown.texts(), strict=True):
        assert len(after) <= most
        assert after == before or (before[:5] == after[:5] and before[-5:] == after[-5:])
    assert len(notes) == sum(len(text) > most for text in texts)


def test_every_case_is_decided_once_in_the_window_that_keeps_it() -> None:
    trace, parts = trace_of(25), windows([10] * 25, 10, 1000, 4)
    cases = [AdjudicationCase(n, min(n + 3, 25), (), ()) for n in (0, 6, 7, 8, 24)]

    def adjudicate(part: TraceView, its: list[AdjudicationCase]) -> Adjudication:
        shown = [numbers(part)[case.first : case.end] for case in its]
        return Adjudication(tuple((("k", float(s[0])),) for s in shown), request_hash="h")

    found = adjudicate_in_windows(trace, parts, cases, adjudicate)  # type: ignore[arg-type]
    assert [labels[0][1] for labels in found.labels] == [0, 6, 7, 8, 24]
    assert part_of(trace, parts[1]).thinking.startswith(f"piece {parts[1].first:03}")
