"""Labels that differ in dress only fold to the same moves."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.labels.folding import (
    Folder,
    find_typos,
    fold_text,
    is_slip,
    learn_folder,
    singular,
    split_moves,
)

ADORNED = [f"{word} {rest}" for word in ("brief", "task-level") for rest in "abcdefgh"]


@pytest.mark.parametrize(
    "dressed", ["Fact-Checks", "fact_check", "  FACT  check ", "FactCheck", "fact–checks."]
)
def test_case_separators_and_plurals_fold_away(dressed: str) -> None:
    assert fold_text(dressed) == "fact check"


@pytest.mark.parametrize(
    ("word", "one"),
    [
        ("hypotheses", "hypothesis"),
        ("analyses", "analysis"),
        ("analysis", "analysis"),
        ("strategies", "strategy"),
        ("branches", "branch"),
        ("guesses", "guess"),
        ("bias", "bias"),
        ("focus", "focus"),
        ("gas", "gas"),
    ],
)
def test_plurals_become_singular_and_other_words_stay(word: str, one: str) -> None:
    assert singular(word) == one


@pytest.mark.parametrize("between", [" + ", "/", " & ", " and ", " with ", ", ", " → "])
def test_a_label_of_two_moves_is_split_in_order(between: str) -> None:
    assert split_moves(f"Error check{between}Recap") == ("error check", "recap")


def test_a_word_that_holds_a_joining_word_is_not_split() -> None:
    assert split_moves("understanding withdrawal") == ("understanding withdrawal",)


@given(st.text(max_size=300))
def test_any_text_folds_to_at_least_one_move_and_folding_again_changes_nothing(text: str) -> None:
    moves = split_moves(text)
    assert moves
    assert all(fold_text(move) == move for move in map(fold_text, moves))


def test_beginnings_that_the_inventory_goes_on_without_are_modifiers() -> None:
    folder = learn_folder([*"abcdefgh", *ADORNED])
    assert folder.leading == {"brief", "task level"}
    assert folder("Brief task-level a") == ("a",)


def test_a_beginning_that_most_phrases_need_is_no_modifier() -> None:
    folder = learn_folder([*"abcdefgh", *(f"answer {rest}" for rest in "abcdefuvwxyz")])
    assert folder("answer a") == ("answer a",)


def test_a_modifier_alone_stays() -> None:
    assert Folder(leading=frozenset({"brief"}))("brief") == ("brief",)


def test_the_order_of_labels_does_not_change_what_is_learned() -> None:
    labels = [*"abcdefgh", *ADORNED, *["verification step"] * 2]
    shuffled = random.Random(0).sample(labels, len(labels))
    assert learn_folder(labels) == learn_folder(shuffled)


def test_a_rare_spelling_one_letter_from_a_common_word_is_put_right() -> None:
    common = [f"verification {rest}" for rest in "abcd"]
    assert find_typos([*common, "verfication e"]) == {"verfication": "verification"}
    assert find_typos([*common, "veirfication e"]) == {"veirfication": "verification"}


def test_forms_of_one_word_are_no_typing_errors() -> None:
    assert not is_slip("verified", "verifies")
    assert not is_slip("abstract", "abstracts")
    assert is_slip("abstrct", "abstract")
