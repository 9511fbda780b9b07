"""What a search found is marked where it stands, and the text stays what it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.words import read_terms
from webapp.traces.excerpts import find_excerpt, mark, seek

TEXTS = st.text(st.sampled_from("aA bé東İẞΣ-_.<\n京"), max_size=60)


def marked(text: str, search: str) -> list[str]:
    """The pieces that are marked."""
    return [piece.text for piece in mark(text, seek(read_terms(search))) if piece.marked]


@pytest.mark.parametrize(
    ("text", "search", "hits"),
    [
        ("A river, rivers, RIVER.", "river", ["river", "RIVER"]),
        ("A river, rivers.", "river*", ["river", "rivers"]),
        ("Ångström and angstrom", "angström", ["Ångström", "angstrom"]),
        ("İstanbul ISTANBUL", "istanbul", ["İstanbul", "ISTANBUL"]),
        ("the self-check", '"self check"', ["self-check"]),
        ("東京は東の京", "東京", ["東京"]),
        ("nq_1 on", "nq_1", ["nq_1"]),
        ("a river", "-lake river", ["river"]),
        ("<b>bold</b>", "b", ["b", "b"]),
    ],
)
def test_hits_are_marked(text: str, search: str, hits: list[str]) -> None:
    assert marked(text, search) == hits


@given(TEXTS, TEXTS)
def test_marked_or_not_the_text_is_the_same(text: str, search: str) -> None:
    sought = seek(read_terms(search))
    assert "".join(piece.text for piece in mark(text, sought)) == text
    excerpt = find_excerpt((("text", text),), sought)
    assert excerpt is None or any(piece.marked for piece in excerpt.pieces)


def test_the_excerpt_is_taken_where_most_words_stand_together() -> None:
    text = "river " + "x " * 400 + "the river and the lake " + "y " * 400
    found = find_excerpt((("thinking", text), ("answer", "river")), seek(read_terms("river lake")))
    assert found is not None and found.where == "thinking"
    assert [piece.text for piece in found.pieces if piece.marked] == ["river", "lake"]
    assert found.pieces[0].text == "… " and found.pieces[-1].text == " …"
    assert sum(len(piece.text) for piece in found.pieces) < 300
    assert find_excerpt((("thinking", text),), seek(read_terms("sea"))) is None
