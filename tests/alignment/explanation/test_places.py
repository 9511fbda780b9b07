"""Segments, characters and tokens lead to the unit that weighs them, as training reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.explanation.places import PlaceError, at_character, at_segment, token_starts
from alignment.transitions.examples import ExampleSource, Unit, example_row
from alignment.transitions.weights import Move, Weight

texts = st.text(max_size=40)


@given(texts.filter(bool), texts)
def test_regions_tile_the_completion_whatever_it_holds(thinking: str, answer: str) -> None:
    source = ExampleSource("t", "Q?", (), thinking, answer, True)
    weight = Weight(2.0, 2.0, False, Move((0,), (1,)))
    row = example_row(
        source, [Unit(0, 1, ((0, 8.0),))], [(0, len(thinking))], [weight], "a", "train"
    )
    content = row["completion"][0]["content"]
    found = {"thinking": "", "answer": "", "markup": ""}
    for character, mark in enumerate(content):
        place = at_character(row, character)
        assert place.start <= character < place.end
        found[place.region] += mark
    assert found["thinking"] == thinking
    assert found["answer"] == answer
    assert found["markup"] == "<think>\n\n</think>\n\n<answer></answer>"
    assert at_character(row, len(content)).region == "end"
    assert at_segment(row, 0).unit == row["segments"][0]


def test_places_that_are_not_there_say_what_is(make_record: Callable[..., Any]) -> None:
    row = make_record(0)
    with pytest.raises(PlaceError, match="segment from 0 to 2"):
        at_segment(row, 3)
    for character in (-1, 10**6):
        with pytest.raises(PlaceError, match="character from 0 to"):
            at_character(row, character)


@pytest.mark.models
def test_every_token_is_explained_with_the_weight_that_training_gives_it(
    make_record: Callable[..., Any], tiny_policy_folder: Path
) -> None:
    from transformers import AutoTokenizer

    from alignment.export.rows import parse_row
    from alignment.export.tokens import open_encoder, tokenize_row

    encoder = open_encoder(AutoTokenizer.from_pretrained(tiny_policy_folder))
    for number in range(5):
        row = make_record(number)
        example = tokenize_row(parse_row(row), encoder, 10**6)
        assert example is not None
        starts = token_starts(row, encoder)
        assert len(starts) == len(example.weights)
        for start, weight in zip(starts, example.weights.tolist(), strict=True):
            unit = at_character(row, start).unit
            assert (unit["weight"] if unit else 1.0) == pytest.approx(weight)
        assert at_character(row, starts[-1]).region == "end"
