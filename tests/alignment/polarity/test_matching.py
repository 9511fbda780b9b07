"""Exact match of answers and of golds in a thinking text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.polarity.matching import (
    MatchingError,
    answer_of,
    is_answer,
    is_hit_gap,
    is_misleading,
    normalise,
    plain,
    squad,
    stands_in,
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Answer: Michio Sugeno.", "Michio Sugeno"),
        ("  final answer :\n Paris ", "Paris"),
        ("The answer: Answer: x", "Answer: x"),
        ("The Beatles", "The Beatles"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("", ""),
    ],
)
def test_plain_takes_off_the_wrapping_and_leaves_the_rest(written: str, expected: str) -> None:
    assert plain(written) == expected


def test_squad_drops_case_punctuation_and_articles_but_never_a_whole_answer() -> None:
    assert squad("Answer: The U.S. Senate!") == "us senate"
    assert squad("A") == "a"
    assert squad("A") != squad("The")


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_matches_plainly_matches_under_squad(answer: str, gold: str) -> None:
    if is_answer(answer, [gold], "plain"):
        assert is_answer(answer, [gold], "squad")


@given(st.text(max_size=40))
def test_an_answer_is_itself_and_stands_in_itself(text: str) -> None:
    assert is_answer(text, [text]) == bool(plain(text))
    if text[:1].isalnum() and text[-1:].isalnum() and plain(text) == " ".join(text.split()):
        assert stands_in(f"So, {text}; yes", [text])


def test_any_alias_counts_for_answer_and_thinking_apart() -> None:
    golds = ["New York City", "NYC"]
    assert is_answer("Answer: NYC.", golds)
    assert stands_in("It may be New York City, I think.", golds)
    assert not is_answer("nyc", golds)
    assert is_answer("nyc", golds, "squad")
    assert not is_answer("Boston", golds, "squad")


def test_a_gold_stands_on_word_boundaries_only() -> None:
    assert not stands_in("The Parisian way", ["Paris"])
    assert stands_in("**Paris**, of course", ["Paris"])
    assert stands_in("in 1914-1918", ["1914"], "squad")
    assert stands_in("the US army", ["U.S."], "squad")
    assert not stands_in("the bus stops", ["U.S."], "squad")
    assert stands_in("line one\nNew\nYork", ["New York"])


def test_an_empty_gold_or_answer_never_matches() -> None:
    for how in ("plain", "squad"):
        assert not is_answer("", [""], how)
        assert not stands_in("anything", ["", " . "], how)
        assert not is_answer("anything", [], how)


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(MatchingError, match="'plain' or 'squad'"):
        normalise("x", "loose")  # type: ignore[arg-type]
    with pytest.raises(MatchingError, match="'plain' or 'squad'"):
        stands_in("x", ["x"], "loose")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("<think>a</think>\n<answer> one </answer><answer>two</answer> tail", "two"),
        ("<think>maybe <answer>x</answer></think> no pair, <answer>open", "x"),
        ("<think>a</think>\n\nParis ", "Paris"),
        ("Paris", "Paris"),
        ("<think>never closes", ""),
        ("</answer> before <answer>", "</answer> before <answer>"),
        ("", ""),
    ],
)
def test_the_answer_is_the_last_pair_else_all_after_the_thinking(
    response: str, answer: str
) -> None:
    assert answer_of(response) == answer


def test_a_response_full_of_open_tags_is_read_in_one_pass() -> None:
    """A pattern that backtracks would need hours for this."""
    assert answer_of("<answer>" * 300_000 + "x</answer>") == "x"


def test_hit_gap_is_one_half_of_misleading() -> None:
    cases = [(False, False), (False, True), (True, False), (True, True)]
    gaps = [is_hit_gap(gold_in_thinking=t, gold_is_answer=a) for t, a in cases]
    misleading = [is_misleading(gold_in_thinking=t, gold_is_answer=a) for t, a in cases]
    assert gaps == [False, False, True, False]
    assert misleading == [False, True, True, False]
