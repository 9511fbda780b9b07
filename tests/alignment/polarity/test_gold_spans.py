"""The gold answer is marked where it stands, and nowhere else."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.polarity.gold_spans import gold_spans
from alignment.polarity.matching import find_position

WORDS = st.sampled_from(
    ["the", "a", "U.S.", "us", "1914-1918", "1914", "Lima", "lima,", "(Lima)", "an", "Peru",
     "Ångström",
     "ångström.", "St.", "st", "Σίσυφος", "ΣΊΣΥΦΟΣ", "東京", "don't", "dont", "…", "—", "-", "x"]
)  # fmt: skip
TEXTS = st.builds(
    lambda words, gaps: "".join(word + gap for word, gap in zip(words, gaps, strict=True)),
    *(
        st.lists(part, min_size=8, max_size=8)
        for part in (WORDS, st.sampled_from([" ", "\n\n", "  ", " "]))
    ),
)


@given(TEXTS, st.lists(st.lists(WORDS, min_size=1, max_size=2).map(" ".join), max_size=3))
def test_a_text_has_a_span_where_the_exact_match_finds_the_gold(
    text: str, golds: list[str]
) -> None:
    spans = gold_spans(text, golds)
    assert bool(spans) == (find_position(text, golds, "squad") is not None)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "golds", "marked"),
    [
        ("So it is Lima, in Peru. LIMA!", ["Lima"], ["Lima", "LIMA"]),
        ("the U.S. and the US", ["U.S."], ["U.S", "US"]),
        ("from 1914-1918 on", ["1914"], ["1914"]),
        ("the capital of  the\nPeru", ["capital of Peru"], ["capital of  the\nPeru"]),
        ("New York City", ["New York", "York City"], ["New York City"]),
        ("Climate, climax", ["Lima"], []),
        ("“Lima”", ["Lima."], []),
        ("anything", ["", "?"], []),
    ],
)
def test_what_is_marked(text: str, golds: list[str], marked: list[str]) -> None:
    assert [text[start:end] for start, end in gold_spans(text, golds)] == marked
