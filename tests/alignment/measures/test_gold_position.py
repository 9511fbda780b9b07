"""Where the gold stands in the thinking: found, counted by tenths, apart for kept and lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.measures.gold_position import gold_positions
from alignment.measures.scores import NORMALISATIONS
from alignment.polarity.matching import (
    MatchingError,
    Normalisation,
    Position,
    find_position,
    stands_in,
)


def test_first_and_last_are_shares_of_the_text() -> None:
    text = "Lima, or xx? No: Lima now."
    assert find_position(text, ["Lima"]) == Position(0.0, 17 / 26)
    assert find_position("no gold here", ["Lima"]) is None


def test_any_alias_counts_and_the_outermost_stand() -> None:
    found = find_position("The U.S. is the USA.", ["US", "USA"], "squad")
    assert found is not None and found.first < 0.3 and found.last > 0.5


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_hostile_golds_and_texts_are_found_or_not_and_nothing_else(how: Normalisation) -> None:
    for gold in ("", ".", "(a+)+$", "\\", "\x00", "🙂", "the"):
        find_position("a" * 1000, [gold], how)
    found = find_position("x " * 500_000 + "Lima", ["Lima"], how)
    assert found is not None and found.first == found.last > 0.99


@given(
    text=st.text("abL ima.-", max_size=60),
    golds=st.lists(st.text("abL ima.-", max_size=6), max_size=3),
    how=st.sampled_from(NORMALISATIONS),
)
def test_there_is_a_position_where_the_gold_stands(
    text: str, golds: list[str], how: Normalisation
) -> None:
    found = find_position(text, golds, how)
    assert (found is not None) == stands_in(text, golds, how)
    assert found is None or 0.0 <= found.first <= found.last < 1.0


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(MatchingError, match="expected"):
        find_position("a", ["a"], "loose")  # type: ignore[arg-type]


def test_kept_and_lost_are_counted_apart_and_together_they_are_all() -> None:
    positions = [Position(0.0, 0.95), Position(0.55, 0.55), None, Position(0.12, 0.2)]
    found = gold_positions(positions, [True, False, True, False], "plain")
    sides = {(one.side, one.end): one for one in found.spreads}
    assert sides[("kept", "first")].bins == (1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert sides[("kept", "last")].bins[9] == 1
    assert sides[("lost", "first")].bins == (0, 1, 0, 0, 0, 1, 0, 0, 0, 0)
    assert sides[("lost", "first")].quartiles == pytest.approx((0.2275, 0.335, 0.4425))
    assert found.without_gold == 1


def test_no_gold_anywhere_has_no_quartiles() -> None:
    found = gold_positions([None], [False], "squad")
    assert found.without_gold == 1 and {one.quartiles for one in found.spreads} == {None}
