"""Training rows: units tile the thinking, and spans stand in the completion with their weights."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.polarity.candidates import question_key
from alignment.polarity.matching import answer_of
from alignment.transitions.examples import (
    ExamplesError,
    ExampleSource,
    Unit,
    completion_text,
    example_row,
    prompt_messages,
    split_of,
    tiled,
    unit_spans,
)
from alignment.transitions.weights import Move, Weight

NEUTRAL = Weight(value=1.0, ratio=1.0, clipped=False, move=None)


@st.composite
def segmented(draw: st.DrawFn) -> tuple[str, list[int], list[Unit]]:
    """A thinking text, where its segments start, and units over some of them."""
    pieces = draw(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8))
    starts = [len("".join(pieces[:place])) for place in range(len(pieces))]
    cuts = sorted(draw(st.sets(st.integers(0, len(pieces)), max_size=6)))
    units = [Unit(first, end, ((0, 8.0),)) for first, end in pairwise(cuts)]
    return "".join(pieces), starts, [unit for unit in units if draw(st.booleans())]


@given(segmented())
def test_units_tile_the_thinking_whatever_was_annotated(
    case: tuple[str, list[int], list[Unit]],
) -> None:
    thinking, starts, units = case
    whole = tiled(units, len(starts))
    spans = unit_spans(whole, starts, thinking)
    assert [unit for unit in whole if unit.labels] == units
    assert "".join(thinking[start:end] for start, end in spans) == thinking
    source = ExampleSource("t", "Q?", ("A",), thinking, "A", True)
    row = example_row(source, whole, spans, [NEUTRAL] * len(whole), ("one",), "train")
    content = row["completion"][0]["content"]
    assert "".join(content[s["start"] : s["end"]] for s in row["segments"]) == thinking
    for unit, (start, _) in zip(whole[1:], spans[1:], strict=True):
        assert start == starts[unit.first_segment]


def test_the_blank_line_that_ends_a_unit_belongs_to_it() -> None:
    thinking = "one\n\ntwo\n\nthree"
    units = [Unit(0, 1, ()), Unit(1, 3, ())]
    spans = unit_spans(units, [0, 5, 10], thinking)
    assert [thinking[start:end] for start, end in spans] == ["one\n\n", "two\n\nthree"]


@pytest.mark.parametrize(
    "units", [[(1, 3), (0, 1)], [(0, 2), (1, 3)], [(0, 4)], [(1, 1)], [(-1, 1)]]
)
def test_units_that_do_not_fit_their_trace_are_refused(units: list[tuple[int, int]]) -> None:
    with pytest.raises(ExamplesError, match="in order over segments 0 to 2"):
        tiled([Unit(first, end, ()) for first, end in units], 3)


def test_a_row_has_the_fields_that_a_trainer_reads() -> None:
    source = ExampleSource("t/1", "Who  is it?", ("Ann",), "I guess.", "Ann", False)
    weight = Weight(value=0.5, ratio=0.5, clipped=False, move=Move((0,), (1, 2)),
                    interval=(0.4, 0.75))  # fmt: skip
    unit = Unit(0, 1, ((1, 9.0), (0, 8.0)))
    row = example_row(source, [unit], [(0, 8)], [weight], ("framing", "retrieval"), "train")
    assert json.loads(json.dumps(row)) == {
        "id": "t/1",
        "question": "Who  is it?",
        "question_key": "who is it",
        "prompt": prompt_messages("Who  is it?"),
        "completion": [
            {
                "role": "assistant",
                "content": "<think>\nI guess.\n</think>\n\n<answer>Ann</answer>",
            }
        ],
        "label": False,
        "split": "train",
        "gold_answers": ["Ann"],
        "segments": [
            {
                "start": 8,
                "end": 16,
                "first_segment": 0,
                "end_segment": 1,
                "labels": ["framing", "retrieval"],
                "weight": 0.5,
                "weight_low": 0.4,
                "weight_high": 0.75,
                "ratio": 0.5,
                "clipped": False,
                "move": [["start"], ["framing", "retrieval"]],
            }
        ],
    }
    assert "<think>" in row["prompt"][0]["content"] and "<answer>" in row["prompt"][0]["content"]


def test_the_answer_can_be_read_back_from_a_completion() -> None:
    assert answer_of(completion_text("It may be <answer>x</answer>.", "Ann")) == "Ann"


@given(st.text(max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_a_question_stays_in_validation_when_validation_grows(
    question: str, one: float, other: float
) -> None:
    key, (small, large) = question_key(question), sorted((one, other))
    if split_of(key, small) == "validation":
        assert split_of(key, large) == "validation"
    assert split_of(key, 0.0) == "train"
    assert split_of(key, 1.0) == "validation"


def test_the_split_is_the_same_for_good() -> None:
    splits = [split_of(f"question {number}", 0.1) for number in range(1_000)]
    assert splits.count("validation") == 104
    assert [place for place, split in enumerate(splits) if split == "validation"][:2] == [1, 49]
