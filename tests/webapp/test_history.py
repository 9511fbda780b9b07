"""What a review event says in words."""

from typing import Any

import pytest

from taxonomy.review.undoing import UNDOABLE_KINDS
from webapp.review.history import _WORDS, describe


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        ("rename", {"name": "x"}, "renamed a cluster to “x”"),
        ("merge", {"labels": ["a", "b"], "name": None}, "merged clusters of 2 labels"),
        ("merge", {"labels": ["a"], "name": "x"}, "merged clusters of 1 label as “x”"),
        ("assign", {"labels": ["a"], "category": "case_analysis"}, "put 1 label in case analysis"),
        ("assign", {"labels": ["a"], "category": None}, "took 1 label out of every category"),
        ("retire_category", {"key": "a", "into": "b"}, "retired category a into b"),
        ("status", {"from": "draft", "to": "in_review"}, "moved the version to in review"),
        ("something_new", {}, "something new"),
    ],
)
def test_an_event_is_told_in_words(kind: str, payload: dict[str, Any], words: str) -> None:
    """With the names that people gave."""
    assert describe(kind, payload) == words


def test_every_decision_has_words_of_its_own() -> None:
    """A new kind of decision needs a line here."""
    assert set(_WORDS) >= UNDOABLE_KINDS
