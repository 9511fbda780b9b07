"""Spans of characters become labels of segments, and labels become spans again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labeling.spans import Span, SpanError, find_offset, located, spans_of, steps_of
from annotator.labeling.steps import ControlledStep, TraceView
from annotator.traces.segmentation import segment

ORDER = ("a", "b", "c")


def view(thinking: str) -> TraceView:
    """A trace with this thinking."""
    return TraceView(1, "t1", "Q?", (), thinking, tuple(segment(thinking)))


TEXT = "First one.\n\nSecond, longer one.\n\nThird."
STARTS = [start for start, _ in segment(TEXT)]


def labels(*spans: tuple[int, int, str]) -> list[tuple[int, int, tuple[str, ...]]]:
    """The steps of these spans over the text, without confidences."""
    placed = steps_of([(s, e, key, 10.0) for s, e, key in spans], view(TEXT), ORDER)
    return [(step.first, step.end, tuple(key for key, _ in step.labels)) for step in placed.steps]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 10, "a"), [(0, 1, ("a",)), (1, 2, ()), (2, 3, ())]),
        ((2, 5, "a"), [(0, 1, ("a",)), (1, 2, ()), (2, 3, ())]),  # a clause inside of a segment
        ((0, 31, "a"), [(0, 2, ("a",)), (2, 3, ())]),  # over two segments: one step
        ((7, 31, "a"), [(0, 1, ()), (1, 2, ("a",)), (2, 3, ())]),  # a few characters too early
        ((10, 12, "a"), [(0, 1, ()), (1, 2, ()), (2, 3, ())]),  # blank characters alone
    ],
)
def test_half_of_the_shorter_of_span_and_segment_decides(
    span: tuple[int, int, str], expected: list[tuple[int, int, tuple[str, ...]]]
) -> None:
    assert labels(span) == expected


def test_spans_side_by_side_with_one_label_stay_two_steps() -> None:
    """One step never becomes two, nor two one: moves of the reasoning hang on it."""
    assert labels((0, 10, "a"), (12, 31, "a")) == [(0, 1, ("a",)), (1, 2, ("a",)), (2, 3, ())]


def test_the_two_labels_with_the_most_characters_stay() -> None:
    """The others are counted."""
    spans = [(12, 20, "c", 9.0), (12, 14, "a", 9.5), (20, 31, "b", 2.0)]
    placed = steps_of(spans, view(TEXT), ORDER)
    assert placed.steps[1].labels == (("c", 9.0), ("b", 2.0)) and placed.crowded_out == 1


pieces = st.lists(st.sampled_from(["Well.", "Then x 💩.", " ünd"]), min_size=1, max_size=8)


@given(pieces, st.data())
def test_steps_come_back_from_their_spans(parts: list[str], data: st.DataObject) -> None:
    """The labels of every segment, and the steps that have any, survive the way out and back."""
    trace = view("\n\n".join(parts))
    steps, place = [], 0
    while place < len(trace.segments):
        end = data.draw(st.integers(place + 1, len(trace.segments)))
        keys = data.draw(st.lists(st.sampled_from(ORDER), max_size=2, unique=True))
        steps.append(ControlledStep(place, end, tuple((key, 10.0) for key in sorted(keys))))
        place = end
    spans = [(s.start, s.end, s.label, 10.0) for s in spans_of(trace, steps)]
    back = steps_of(spans, trace, ORDER).steps
    assert [step for step in back if step.labels] == [step for step in steps if step.labels]
    assert [step.first for step in back] == [0, *(step.end for step in back[:-1])]


def test_a_quote_says_what_a_span_counts() -> None:
    """Tools in a browser counted UTF-16 units, which differ behind an emoji."""
    thinking = "💩 is here, and 💩 there."
    place = thinking.index("there")
    assert located(Span(place, place + 5, "a", quote="there"), thinking) == (place, place + 5)
    assert located(Span(place + 2, place + 7, "a", quote="there"), thinking) == (place, place + 5)
    assert located(Span(0, 9, "a", quote="First\\none"), "First\none") == (0, 9)


def test_a_quote_that_stands_once_finds_a_span_that_slipped() -> None:
    """Offsets may have been taken before the thinking was trimmed."""
    assert located(Span(8, 13, "a", quote="there\n"), "over there") == (5, 10)
    with pytest.raises(SpanError):
        located(Span(50, 52, "a", quote="no"), "no and no")


@pytest.mark.parametrize(
    "span",
    [
        Span(0, 100, "a"),
        Span(3, 3, "a"),
        Span(5, 2, "a"),
        Span(0, 5, "a", quote="other"),
        Span(10**15, 10**15 + 1, "a", quote="x"),
    ],
)
def test_a_span_outside_of_its_text_is_refused(span: Span) -> None:
    with pytest.raises(SpanError, match="expected a span inside of 5 characters"):
        located(span, "First")


def test_a_text_is_found_where_it_stands_once() -> None:
    """A tool may have trimmed what it showed."""
    assert find_offset("one.", "\n\none.\n") == 2
    assert find_offset("one", "one one") is None
    assert find_offset("two", "one") is None and find_offset(" ", "a b") is None
